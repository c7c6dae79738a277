"""``sign`` and ``signer``: sign a statement that is in a file, and show who signed one.

Such a file has EIP-712 typed data as JSON, which other wallets and tools read too.
"""

from __future__ import annotations

import json
import re
import time
from typing import Annotated, Any, NamedTuple

import typer
from msgspec.structs import replace

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.cli.exit_codes import UNKNOWN
from registry.cli.options import WALLET
from registry.client.network import Network
from registry.client.sign import check_signable, sign_alone
from registry.core.codec import canonical, dump
from registry.core.crypto.signatures import recover_address
from registry.core.eip712 import Domain, domain_of
from registry.core.errors import InvalidInput, LedgerUnavailable, Malformed
from registry.core.evidence.file import MAX_EVIDENCE, parse_evidence
from registry.core.scalars import ZERO_WORD, checksum, to_hex
from registry.core.statements.messages import Message, members
from registry.core.statements.typed_data import digest, parse_typed_data, typed_data
from registry.core.verify.judge import advice_on
from registry.present.summary import summary_of_typed_data
from registry.present.text import YES, Line, table
from registry.present.wording import in_words
from registry.wallets.base import with_usual_v

_ENDINGS = {
    "Revoke": "Whoever has the signature can end that one grant, in public, and nobody can undo it.",
    "RevokeAll": "Whoever has the signature can end everything issued until then, in public; nobody can undo it.",
    "Retire": "Whoever has the signature can make this address unbelievable for ever. There is no way back.",
}
_ONE_STATEMENT = "Give the EIP-712 typed data of one statement, as `eth_signTypedData_v4` takes it."
_SIGNATURE = re.compile(r"(?:0x)?(?:[0-9a-fA-F]{2}){1,8192}")
_NO_NOTICE = "The notice is not in this file: nothing here checks that the sentence fits it."


class _Signed(NamedTuple):
    digest: bytes
    author: str
    kind: str
    signature: bytes


@command(app, "sign", "consent sign statement.json --key main", options=(*WALLET, "yes"))
def sign(
    ctx: Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="EIP-712 typed data (JSON) of one statement.")],
) -> None:
    """Sign one statement that is in a file.

    Shows it in words and asks. The signature is printed; nothing is anchored, sent or kept.
    """
    domain, message = _statement_in(_read_json(ctx, file))
    now = int(time.time())
    check_signable(message, now)
    network = _contracts_network(ctx, domain)
    wallet = ctx.wallets.chosen(_author_of(message), domain.chain_id) or ctx.wallets.key_file()
    _show(ctx, domain, message, wallet.address)
    if ctx.wallets.pages:
        ctx.wallets.show(replace(summary_of_typed_data(typed_data(domain, message)), signature_only=True))
    ctx.agree(ctx.wallets.ask_on_pages(wallet), "Sign it?", "Nothing was signed.")
    signature = to_hex(sign_alone(wallet, domain, message, now, network))
    document = {"signature": signature, "signer": wallet.address, "digest": to_hex(digest(domain, message))}
    ctx.out.result(document, [signature])


def _contracts_network(ctx: Context, domain: Domain) -> Network | None:
    """Return the network where the contract can be asked; ``InvalidInput`` for another chain, before an owner signs."""
    if ctx.flags["contract"] is None or ctx.configuration.settings.rpc_url is None:
        return None  # without a node, opening the contract account fails and tells so
    network = ctx.session.bare_network(domain.verifying_contract)
    network.ledger.head()
    if network.domain.chain_id != domain.chain_id:
        why = f"the node is on chain {network.domain.chain_id}, the statement on {domain.chain_id}"
        raise InvalidInput(why, "Name a node of that chain with --rpc-url.")
    return network


def _show(ctx: Context, domain: Domain, message: Message, signer: str) -> None:
    kind, author = type(message).__name__, _author_of(message)
    rows = [(name, "none" if value == ZERO_WORD else in_words(name, value)) for name, value in members(message).items()]
    registry = ("Registry", f"{domain.verifying_contract} on chain {domain.chain_id}")
    for line in table([("Kind", kind), *rows, registry]):
        ctx.out.note(line)
    if hasattr(message, "notice"):
        ctx.out.note(_NO_NOTICE)
    if kind in _ENDINGS:
        ctx.out.note(_ENDINGS[kind])
    if signer != author:
        ctx.out.note(f"You sign as {signer}, but it is of {author}: it counts only if that is a contract of yours.")
    ctx.out.note("")


@command(app, "signer", "consent signer statement.json --signature 0x5f9a\nconsent signer grant.json")
def signer(
    ctx: Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Typed data with --signature, or evidence: a file or its digest.")
    ],
    signature: Annotated[
        str | None, typer.Option(metavar="0x...", help="Of the typed data; evidence carries its own.")
    ] = None,
) -> None:
    """Show who signed this.

    Yes (exit 0) if it was the author that the statement names. No chain is asked: another key's signature may be one
    that the author's contract accepts, and whether a consent holds is for `consent verify`.
    """
    signed = _signed(_read_json(ctx, file), signature)
    found = recover_address(signed.digest, signed.signature)
    if found is None:
        why = "it is no plain signature; only the chain can tell whether a contract accepts it (ERC-1271)"
        raise LedgerUnavailable(why, advice_on(signed.signature) or "Check the evidence with `consent verify`.")
    who, author = checksum(found), signed.author
    document = {"signer": who, "author": author, "isAuthor": who == author, "digest": to_hex(signed.digest)}
    said = f"Signed by {who}, its author." if who == author else f"Signed by {who}; the {signed.kind} is of {author}."
    document |= {"kind": signed.kind, "signature": to_hex(signed.signature)}
    ctx.out.result(document, [Line(said, 0, YES if who == author else "")])
    if who != author:
        ctx.out.note("If that address is a contract, only the chain can tell whether it accepts this.")
        raise typer.Exit(UNKNOWN)


def _signed(document: Any, signature: str | None) -> _Signed:
    if isinstance(document, dict) and document.get("type") == "ConsentEvidence":
        if signature is not None:
            raise InvalidInput("evidence carries its own signature", "Leave --signature out.")
        evidence = parse_evidence(dump(document))
        return _Signed(evidence.digest, evidence.author, evidence.kind, evidence.signature_bytes)
    domain, message = _statement_in(document)
    if signature is None or _SIGNATURE.fullmatch(signature) is None:
        raise InvalidInput("typed data needs its signature", "Add --signature 0x..., in hex.")
    plain = with_usual_v(bytes.fromhex(signature.removeprefix("0x")))
    return _Signed(digest(domain, message), _author_of(message), type(message).__name__, plain)


def _read_json(ctx: Context, file: str) -> Any:
    """Read a JSON file, or kept evidence by its digest."""
    try:
        # Reject duplicate keys: another tool might read the other value.
        return json.loads(canonical(ctx.home.find(file), MAX_EVIDENCE))
    except Malformed as error:
        raise InvalidInput(f"{file}: {error}", _ONE_STATEMENT) from None


def _statement_in(document: Any) -> tuple[Domain, Message]:
    """Return the domain and the message of typed data; ``InvalidInput`` for any other type or domain."""
    try:
        domain, message = parse_typed_data(document)
    except Malformed as error:
        raise InvalidInput(str(error), _ONE_STATEMENT) from None
    if domain != domain_of(domain.chain_id, domain.verifying_contract):
        raise InvalidInput("its domain is not that of a ConsentRegistry, version 1", _ONE_STATEMENT)
    return domain, message


def _author_of(message: Any) -> str:
    """Return the account that must sign this message."""
    return str(getattr(message, "subject", None) or message.controller)
