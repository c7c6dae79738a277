"""``sign``: sign any statement that is in a file."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer
from msgspec.structs import replace

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.cli.options import WALLET
from registry.cli.ui.prompts import ask_yes
from registry.cli.ui.typed_data import author_of, read_json, statement_in
from registry.client.network import Network
from registry.client.sign import check_signable, sign_alone
from registry.core.errors import InvalidInput, Rejected
from registry.core.scalars import ZERO_WORD, format_utc, to_hex
from registry.core.statements.messages import Domain, Message, fields_of, members
from registry.core.statements.typed_data import digest, typed_data
from registry.present.summary import summary_of_typed_data
from registry.present.text import table
from registry.present.wording import terms

_ENDINGS = {
    "Revoke": "Whoever has the signature can end that one grant, in public, and nobody can undo it.",
    "RevokeAll": "Whoever has the signature can end everything issued until then, in public; nobody can undo it.",
    "Retire": "Whoever has the signature can make this address unbelievable for ever. There is no way back.",
}
_NO_NOTICE = "The notice is not in this file: nothing here checks that the sentence fits it."


@command(app, "sign", "consent sign statement.json --key main", options=(*WALLET, "yes"))
def sign(
    ctx: Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="EIP-712 typed data (JSON) of one statement.")],
) -> None:
    """Sign one statement that is in a file.

    Shows it in words and asks. The signature is printed; nothing is anchored, sent or kept.
    """
    domain, message = statement_in(read_json(ctx, file))
    now = int(time.time())
    check_signable(message, now)
    network = _contracts_network(ctx, domain)
    wallet = ctx.wallets.chosen(author_of(message), domain.chain_id) or ctx.wallets.key_file()
    _show(ctx, domain, message, wallet.address)
    if ctx.wallets.pages:
        ctx.wallets.show(replace(summary_of_typed_data(typed_data(domain, message)), signature_only=True))
    if not (ctx.flags["yes"] or ctx.wallets.ask_on_pages(wallet) or ask_yes("Sign it?")):
        raise Rejected("you said no")
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
    kind, author = type(message).__name__, author_of(message)
    for line in table(_rows(domain, message)):
        ctx.out.note(line)
    if hasattr(message, "notice"):
        ctx.out.note(_NO_NOTICE)
    if kind in _ENDINGS:
        ctx.out.note(_ENDINGS[kind])
    if signer != author:
        ctx.out.note(f"You sign as {signer}, but it is of {author}: it counts only if that is a contract of yours.")
    ctx.out.note("")


def _rows(domain: Domain, message: Message) -> list[tuple[str, Any]]:
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
