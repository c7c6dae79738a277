"""``sign`` and ``signer``: any statement as EIP-712 JSON, which other wallets and tools read too."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from registry.cli.app import ANYBODY, PEOPLE, Key, Yes, app, command
from registry.cli.context import Session, ask_yes
from registry.cli.exit_codes import UNKNOWN
from registry.cli.wallets import Contract, Wallets, chosen, is_asked_on_page, key_wallet, show
from registry.core.errors import InvalidInput, LedgerUnavailable, Malformed, Rejected
from registry.core.times import format_utc
from registry.present.text import YES, Line, table
from registry.present.wording import terms

if TYPE_CHECKING:
    from registry.client.network import Network
    from registry.core.statements.messages import Domain, Message

_ONE_STATEMENT = "Give the EIP-712 typed data of one statement, as `eth_signTypedData_v4` takes it."
_SIGNATURE = re.compile(r"0x(?:[0-9a-fA-F]{2}){1,8192}")
_ENDINGS = {
    "Revoke": "Whoever has the signature can end that one grant, in public, and nobody can undo it.",
    "RevokeAll": "Whoever has the signature can end everything issued until then, in public; nobody can undo it.",
    "Retire": "Whoever has the signature can make this address unbelievable for ever. There is no way back.",
}
_NO_NOTICE = "The notice is not in this file: nothing here checks that the sentence fits it."
File = Annotated[str, typer.Argument(metavar="FILE", help="EIP-712 typed data (JSON) of one statement.")]


class _Signed(NamedTuple):
    digest: bytes
    author: str
    kind: str
    signature: bytes


@command(app, "sign", "consent sign statement.json --key main", panel=PEOPLE)
def sign(
    session: Session,
    file: File,
    wallets: Wallets = None,
    contract: Contract = None,
    key: Key = None,
    yes: Yes = False,
) -> None:
    """Sign one statement that is in a file.

    Shows it in words and asks. The signature is printed; nothing is anchored, sent or kept.
    """
    from msgspec.structs import replace

    from registry.client.sign import is_signed_by
    from registry.core.scalars import to_hex
    from registry.core.statements.typed_data import digest, typed_data
    from registry.present.summary import summary_of_typed_data

    domain, message = _typed_data(_read(session, file))
    _refuse(message)
    # Without a node, whoever opens the contract account says what is missing.
    network = None if contract is None or session.settings.rpc_url is None else _contracts_network(session, domain)
    wallet = chosen(session, _author(message), domain.chain_id) or key_wallet(session)
    _show(session, domain, message, wallet.address)
    if session.pages:
        show(session, replace(summary_of_typed_data(typed_data(domain, message)), signature_only=True))
    if not (yes or is_asked_on_page(session, wallet) or ask_yes("Sign it?")):
        raise Rejected("you said no")
    signed = wallet.sign_typed_data(typed_data(domain, message))
    if network is not None and not is_signed_by(network, wallet.address, digest(domain, message), signed):
        # Now, not when somebody relies on it.
        why = f"the contract at {wallet.address} does not accept its owners' signature"
        raise Rejected(why, "See who its owners are.")
    signature = to_hex(signed)
    document = {"signature": signature, "signer": wallet.address, "digest": to_hex(digest(domain, message))}
    session.out.result(document, [signature])


@command(app, "signer", "consent signer statement.json --signature 0x5f9a\nconsent signer grant.json", panel=ANYBODY)
def signer(
    session: Session,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Typed data with --signature, or evidence: a file or its digest.")
    ],
    signature: Annotated[
        str | None, typer.Option(metavar="0x...", help="Of the typed data; evidence carries its own.")
    ] = None,
) -> None:
    """Who signed this?

    Yes (exit 0) if it was the author that the statement names. No chain is asked: another key's signature may be one
    that the author's contract accepts, and whether a consent holds is for `consent verify`.
    """
    from registry.core.crypto.signatures import recover_address
    from registry.core.scalars import checksum, to_hex
    from registry.core.verify.judge import advice_on

    signed = _signed(_read(session, file), signature)
    found = recover_address(signed.digest, signed.signature)
    if found is None:
        why = "it is no plain signature; only the chain can tell whether a contract accepts it (ERC-1271)"
        raise LedgerUnavailable(why, advice_on(signed.signature) or "Check the evidence with `consent verify`.")
    who, author = checksum(found), signed.author
    document = {"signer": who, "author": author, "isAuthor": who == author, "digest": to_hex(signed.digest)}
    said = f"Signed by {who}, its author." if who == author else f"Signed by {who}; the {signed.kind} is of {author}."
    session.out.result(document | {"kind": signed.kind}, [Line(said, 0, YES if who == author else "")])
    if who != author:
        session.out.note("If that address is a contract, only the chain can tell whether it accepts this.")
        raise typer.Exit(UNKNOWN)


def _read(session: Session, file: str) -> Any:
    from registry.core.codec import canonical
    from registry.core.evidence.file import MAX_EVIDENCE

    try:
        # Of a member that stands twice, what is shown might not be what another tool reads.
        return json.loads(canonical(session.home.find(file), MAX_EVIDENCE))
    except Malformed as error:
        raise InvalidInput(f"{file}: {error}", _ONE_STATEMENT) from None


def _typed_data(document: Any) -> tuple[Domain, Message]:
    from registry.core.statements.messages import domain_of
    from registry.core.statements.typed_data import parse_typed_data

    try:
        domain, message = parse_typed_data(document)
    except Malformed as error:
        raise InvalidInput(str(error), _ONE_STATEMENT) from None
    if domain != domain_of(domain.chain_id, domain.verifying_contract):
        raise InvalidInput("its domain is not that of a ConsentRegistry, version 1", _ONE_STATEMENT)
    return domain, message


def _signed(document: Any, signature: str | None) -> _Signed:
    from registry.core.codec import dump
    from registry.core.evidence.file import parse_evidence
    from registry.core.scalars import unhex
    from registry.core.statements.typed_data import digest

    if isinstance(document, dict) and document.get("type") == "ConsentEvidence":
        if signature is not None:
            raise InvalidInput("evidence carries its own signature", "Leave --signature out.")
        evidence = parse_evidence(dump(document))
        return _Signed(evidence.digest, evidence.author, evidence.kind, evidence.signature_bytes)
    domain, message = _typed_data(document)
    if signature is None or _SIGNATURE.fullmatch(signature) is None:
        raise InvalidInput("typed data needs its signature", "Add --signature 0x..., in hex.")
    return _Signed(digest(domain, message), _author(message), type(message).__name__, unhex(signature))


def _author(message: Any) -> str:
    return str(getattr(message, "subject", None) or message.controller)


def _refuse(message: Message) -> None:
    """What no wallet of ours signs: a date that lies ahead, and words that nobody defined."""
    from registry.core.scalars import CLOCK_SKEW
    from registry.present.vocabulary import check_known

    dated = getattr(message, "issued_at", getattr(message, "issued_until", 0))
    if dated > time.time() + CLOCK_SKEW:
        raise InvalidInput(f"it is dated {format_utc(dated)}, which lies ahead", "Ask for one with today's date.")
    check_known(getattr(message, "purposes", ()), "purpose")
    check_known(getattr(message, "data", ()), "data")
    check_known([message.terms] if hasattr(message, "terms") else [], "agreement")


def _contracts_network(session: Session, domain: Domain) -> Network:
    """Where the contract can be asked; ``InvalidInput`` for another chain, before any of its owners is asked."""
    network = session.bare_network(domain.verifying_contract)
    network.ledger.head()
    if network.domain.chain_id != domain.chain_id:
        why = f"the node is on chain {network.domain.chain_id}, the statement on {domain.chain_id}"
        raise InvalidInput(why, "Name a node of that chain with --rpc-url.")
    return network


def _show(session: Session, domain: Domain, message: Message, signer: str) -> None:
    kind, author = type(message).__name__, _author(message)
    for line in table(_rows(domain, message)):
        session.out.note(line)
    if hasattr(message, "notice"):
        session.out.note(_NO_NOTICE)
    if kind in _ENDINGS:
        session.out.note(_ENDINGS[kind])
    if signer != author:
        session.out.note(f"You sign as {signer}, but it is of {author}: it counts only if that is a contract of yours.")
    session.out.note("")


def _rows(domain: Domain, message: Message) -> list[tuple[str, Any]]:
    from registry.core.scalars import ZERO_WORD
    from registry.core.statements.messages import fields_of, members

    kind, values = type(message).__name__, members(message)
    rows: list[tuple[str, Any]] = [("Kind", kind)]
    for name, solidity in fields_of(kind):
        value = values[name]
        if solidity == "string[]":
            value = terms(value)
        elif solidity == "uint64":
            value = format_utc(value)
        rows.append((name, "none" if value == ZERO_WORD else value))
    return [*rows, ("Registry", f"{domain.verifying_contract} on chain {domain.chain_id}")]
