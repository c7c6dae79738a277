"""What the commands that sign have in common: show the proposal, ask, and print what was anchored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from registry.cli.context import Context
from registry.cli.ui.prompts import ask_yes
from registry.client.accounts import brands_that_know
from registry.client.grant import Proposal
from registry.client.party import Party
from registry.client.sign import Anchored
from registry.core.evidence.file import write_evidence
from registry.core.scalars import format_utc, to_hex
from registry.ledger.base import Receipt
from registry.present.wording import answer_lines

Rows = list[tuple[str, Any]]


def confirming(ctx: Context, party: Party) -> Callable[[Proposal], bool]:
    """Return a function that shows a proposal and asks: on the wallet's page, or at the terminal."""

    def confirm(proposal: Proposal) -> bool:
        ctx.wallets.show(proposal.summary(party.payer))
        with ctx.out.paused():
            on_page = ctx.wallets.ask_on_pages(party.wallet)
            if on_page:
                ctx.say_place()
            else:
                _show(ctx, proposal)
            _say_account(ctx, party, proposal.message.controller)
            agreed = on_page or bool(ctx.flags["yes"]) or ask_yes("Sign it?")
        if agreed:
            ctx.out.progress("signing and anchoring")
        return agreed

    return confirm


def _show(ctx: Context, proposal: Proposal) -> None:
    for line in answer_lines(proposal.message, proposal.notice, proposal.language, proposal.capsule):
        ctx.out.note(line)
    ctx.out.note("")
    if ctx.session.place is not None:
        ctx.say_place()
        ctx.out.note("")


def _say_account(ctx: Context, party: Party, controller: str) -> None:
    known = "an account of yours that only this brand knows"
    if ctx.wallets.are_named:
        known = "a wallet that you named: all brands to which it signs see this same address"
        if others := brands_that_know(ctx.home.evidence, party.address, controller):
            known = f"which {', '.join(others)} can recognise: you granted to them with it too"
    ctx.out.note(f"You sign as {party.address}, {known}.")
    ctx.say_payer(party)
    ctx.out.note("")


def anchored_json(done: Anchored) -> dict[str, Any]:
    """Return what was anchored, for programs."""
    return {
        "kind": done.evidence.kind,
        "digest": to_hex(done.evidence.digest),
        "file": done.kept,
        "bytes": len(write_evidence(done.evidence)),
        "anchor": receipt_json(done.receipt),
    }


def anchored_rows(done: Anchored) -> Rows:
    """Return what was anchored, for people."""
    size = f"{len(write_evidence(done.evidence)):,} bytes"
    return [(done.evidence.kind, to_hex(done.evidence.digest)), *receipt_rows(done.receipt), ("Evidence", size)]


def receipt_rows(receipt: Receipt) -> Rows:
    """Return a transaction's place and cost, for people."""
    return [
        ("Transaction", receipt.transaction),
        ("Block", f"{receipt.block}, {format_utc(receipt.time)}"),
        ("Gas", f"{receipt.gas_used:,}"),
    ]


def receipt_json(receipt: Receipt) -> dict[str, Any]:
    """Return a transaction, for programs."""
    return receipt._asdict()
