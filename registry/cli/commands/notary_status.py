"""``notary status``, ``flush`` and ``rebuild``: how it is doing, and completing what it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli.app import command
from registry.cli.context import Context
from registry.cli.exit_codes import NO, UNKNOWN
from registry.cli.notary_context import Dir, account_of, signer_of, site_of, stores_of
from registry.client.wallets import typed_address
from registry.core.scalars import format_units, format_utc, to_hex
from registry.notary.site import COIN
from registry.notary.status import Status, read_status
from registry.present.text import NO as RED
from registry.present.text import YES, Line, Row, table

if TYPE_CHECKING:
    from registry.notary.rebuild import RebuildProgress

FLUSH_SECONDS = 600.0
_NO_KEY = {"passphrase_fd"}


def add_to(notary: typer.Typer) -> None:
    """Add these commands to the group."""
    command(notary, "status", "consent notary status --json", without=_NO_KEY)(status)
    command(notary, "flush", "consent notary flush", options=("passphrase_file",))(flush)
    command(notary, "rebuild", "consent notary rebuild", without=_NO_KEY)(rebuild)


def status(ctx: Context, directory: Dir = None) -> None:
    """Show how the notary is doing: funds, what waits, what it cost, and promises that are late or nearly due.

    Exit code 0 if all is well, 1 if something needs you, 3 if the chain or the database could not be read.
    """
    site = site_of(ctx, directory)
    account = account_of(site.folder)
    with stores_of(site.folder, site.settings) as stores, ctx.working("reading the database and the chain"):
        found = read_status(site, stores.intake, stores.book, account)
    ctx.out.result(_document(found), _lines(found))
    if found.chain is None:
        raise typer.Exit(UNKNOWN)
    if found.troubles:
        raise typer.Exit(NO)


def _document(found: Status) -> dict[str, Any]:
    chain = found.chain
    return {
        "account": found.account,
        "balance": None if chain is None else str(chain.balance),
        "block": None if chain is None else chain.head.number,
        "blockTime": None if chain is None else chain.head.time,
        "waiting": found.waiting.commitments,
        "oldest": found.waiting.oldest,
        "batches": {str(state): count for state, count in found.batches.items()},
        "endings": {str(state): count for state, count in found.endings.items()},
        "anchored": found.grants,
        "gas": found.gas,
        "gasAGrant": found.gas_a_grant,
        "spent": str(found.spent),
        "ceiling": str(found.ceiling),
        "worker": {"state": found.worker.get("state"), "why": found.worker.get("why")},
        "late": list(found.late),
        "near": list(found.near),
        "troubles": list(found.troubles),
        "unknown": found.unknown,
    }


def _lines(found: Status) -> list[Line]:
    chain, each = found.chain, found.gas_a_grant
    rows: list[Row] = [("Account", found.account)]
    if chain is None:
        rows += [("Chain", f"could not be read: {found.unknown}")]
    else:
        rows += [("Balance", format_units(chain.balance, COIN))]
        rows += [("Chain", f"block {chain.head.number:,}, {format_utc(chain.head.time)}")]
    rows += [
        ("Worker", found.worker.get("state", "has not run")),
        ("Waiting", f"{found.waiting.commitments:,} commitments"),
        ("Batches", ", ".join(f"{count:,} {state}" for state, count in found.batches.items())),
        ("Endings", ", ".join(f"{count:,} {state}" for state, count in found.endings.items()) or "none"),
        ("Anchored", f"{found.grants:,} commitments{'' if each is None else f', {each:,.2f} gas each'}"),
        ("Spent", f"{format_units(found.spent, COIN)} in 24 hours, of {format_units(found.ceiling, COIN)}"),
    ]
    lines = table(rows)
    troubles = [Line(f"! {trouble}", 2, RED) for trouble in found.troubles]
    return [*lines, *(troubles or ([Line("All is well.", style=YES)] if chain else []))]


def flush(
    ctx: Context,
    directory: Dir = None,
    wait: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", min=0, help="Wait so long; 600 by default.")
    ] = FLUSH_SECONDS,
) -> None:
    """Close and anchor at once what waits, and wait until it is in a block.

    A notary that runs sends it; without one, this command does. Exit code 3 if it is not done in time.
    """
    from registry.notary.service import flush as carry_out

    site = site_of(ctx, directory)
    signer, _ = signer_of(ctx, site.folder)

    def told(batches: int, commitments: int) -> None:
        ctx.out.progress(f"on their way: {commitments:,} commitments in {batches:,} batches")

    with ctx.working("closing a batch"):
        done = carry_out(site, signer, wait, told)
    words = f"Commitments on the chain: {done.commitments:,}, in batches: {done.batches:,}."
    document = {"batches": done.batches, "commitments": done.commitments}
    ctx.out.result(document, [words if done.batches else "Nothing waits."])


def rebuild(
    ctx: Context,
    accounts: Annotated[
        list[str] | None,
        typer.Option("--account", metavar="ADDRESS", help="An account that this notary had before; repeat."),
    ] = None,
    directory: Dir = None,
) -> None:
    """Restore every anchored batch and its proofs, from the chain and IPFS alone.

    Only a back-up restores the rest: what was promised and is not anchored yet, endings that wait, spent tokens,
    sponsors and their budgets, and the keys. A manifest that cannot be had is reported, and a later run completes it;
    the exit code is then 3.
    """
    from registry.notary.rebuild import NOT_RESTORED
    from registry.notary.service import rebuild as carry_out

    site = site_of(ctx, directory)
    named = [account_of(site.folder), *map(typed_address, accounts or ())]

    def told(at: RebuildProgress) -> None:
        ctx.out.progress(f"block {at.block:,} of {at.head:,}, batches restored: {at.restored:,}")

    with ctx.working("reading the chain"):
        done = carry_out(site, named, told)
    missing = [{"root": to_hex(one.root), "block": one.block, "why": one.why} for one in done.missing]
    document = {"restored": done.restored, "known": done.known, "commitments": done.commitments, "missing": missing}
    words = (
        f"Batches restored: {done.restored:,}, commitments: {done.commitments:,}, batches known before: {done.known:,}."
    )
    young = f"Blocks with fewer than {site.settings.confirmations} above them wait for another run."
    lines = [
        words,
        young,
        *(f"Missing: batch {one['root']} of block {one['block']:,}: {one['why']}" for one in missing),
    ]
    ctx.out.result(document, [*lines, "Only a back-up restores:", *(f"  {one}" for one in NOT_RESTORED)])
    if missing:
        raise typer.Exit(UNKNOWN)
