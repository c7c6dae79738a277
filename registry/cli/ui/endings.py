"""What ``revoke``, ``revoke-all`` and ``retire`` have in common."""

from __future__ import annotations

from typing import Any

from registry.cli.context import Context
from registry.cli.ui.answers import receipt_json, receipt_rows
from registry.client.party import Party
from registry.client.revoke import Ending, Endings
from registry.present.text import table


def warn(ctx: Context, parties: list[Party], warning: str) -> None:
    """Tell what the chain will show, of the accounts and of the payer; then ask, unless the wallets' pages do."""
    ctx.out.note(warning)
    if not all(party.pays_itself for party in parties):
        ctx.say_payer(parties[0])
    ctx.agree(ctx.wallets.ask_on_pages(*(party.wallet for party in parties)))


def print_ending(ctx: Context, ending: Ending, name: str, what: str) -> None:
    """Print what ended, its transaction, and which stream keys are new."""
    document = {"ended": name, "transaction": receipt_json(ending.receipt), "renewed": list(ending.renewed)}
    ctx.out.result(document, table([(name, what), *receipt_rows(ending.receipt), *renewed_rows(ctx, ending)]))


def renewed_rows(ctx: Context, ending: Ending | Endings) -> list[tuple[str, Any]]:
    """Return the categories with new stream keys; tell it where the keys could not be renewed."""
    if ending.not_renewed is not None:
        ctx.out.note(f"It has ended, but the vault's keys could not be renewed: {ending.not_renewed}")
    return [("New keys for", ", ".join(ending.renewed))] if ending.renewed else []
