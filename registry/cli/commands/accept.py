"""``accept`` and ``open``: a brand counter-signs a grant, and opens the data that it hands over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.cli.options import SENDING, EvidenceFile, EvidenceOut, byte_size
from registry.cli.ui.receipts import leaving, print_anchored
from registry.client import accept as use_case
from registry.client.party import Party
from registry.core.evidence.file import Evidence, parse_evidence
from registry.core.sealed.capsule import MAX_SEALED
from registry.fs.files import read_bounded
from registry.present.summary import summary_of_acceptance
from registry.present.text import table
from registry.present.wording import evidence_rows


@command(app, "accept", "consent accept grant.json", options=(*SENDING, "no_wait", "force"))
def accept(ctx: Context, file: EvidenceFile, out: EvidenceOut = None) -> None:
    """Counter-sign a grant to this brand.

    Verifies it first, then signs and writes the completed file: both sides hold the same bytes.
    """
    ctx.check_out(out)
    evidence = parse_evidence(ctx.home.find(file))
    brand = ctx.session.brand(evidence.statement.message.controller)
    ctx.say_chain()
    _show(ctx, evidence, brand)
    ctx.say_payer(brand)
    with leaving(ctx), ctx.working("verifying and counter-signing"):
        done = use_case.accept(brand, evidence)
    print_anchored(ctx.out, done, "Send back", out)


def _show(ctx: Context, grant: Evidence, party: Party) -> None:
    """Show what is counter-signed: the wallet shows the grant's hash alone, and a person may have to confirm it."""
    ctx.wallets.show(summary_of_acceptance(grant, party.payer))
    asks = any(not name.startswith("key:") for name in ctx.wallets.named)
    if asks and not ctx.wallets.ask_on_pages(party.wallet):
        for line in table(evidence_rows(grant)):
            ctx.out.note(line)


@command(app, "open", "consent open grant.json --out data/", options=("key",))
def open_(
    ctx: Context,
    file: EvidenceFile,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="A new folder for the opened data.")],
    update: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="An update that the person sent; FOLDER may hold what was opened before."),
    ] = None,
    max_size: Annotated[
        int, typer.Option(metavar="SIZE", parser=byte_size, help="Open no more than this, as 500MB or 2GiB.")
    ] = use_case.MAX_OPENED,
) -> None:
    """Open the data that a grant hands over, or bring it up to date.

    Verifies the grant first, so that nothing revoked or expired is opened. Everything is written, or nothing: for each
    kind of data a file with a line of JSON for each record, and the records' files beside it.
    What is fetched, and what is written, may each have 1 GiB in all, unless --max-size says otherwise.
    """
    evidence = parse_evidence(ctx.home.find(file))
    brand = ctx.session.reading_brand(evidence.statement.message.controller)
    news = None if update is None else read_bounded(update, MAX_SEALED)
    with ctx.working("fetching and opening"):
        opened = use_case.open_data(brand, evidence, out, update=news, max_bytes=max_size)
    ctx.out.result({"bundles": [_document(one) for one in opened]}, [_line(one) for one in opened])


def _document(one: use_case.Opened) -> dict[str, object]:
    counts = {"records": one.records, "files": one.files, "bytes": one.size}
    return {"path": str(one.path), "category": one.category, **counts}


def _line(one: use_case.Opened) -> str:
    files = f", {_many(one.files, 'file')}" if one.files else ""
    return f"{one.path}  {_many(one.records, 'record')}{files}  {one.category}"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
