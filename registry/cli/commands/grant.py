"""``grant``: a person says yes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.cli.options import SIGNING
from registry.cli.ui.answers import anchored_json, anchored_rows, confirming, receipt_json
from registry.cli.ui.choices import Data, Language, Purposes
from registry.client import grant as use_case
from registry.core.evidence.file import MAX_EVIDENCE, parse_evidence
from registry.fs.files import read_bounded
from registry.present.text import table


@command(app, "grant", "consent grant request.json --data pd:Purchase --days 90", options=SIGNING)
def grant(
    ctx: Context,
    request: Annotated[Path, typer.Argument(metavar="REQUEST", help="The file that the brand sent.")],
    purpose: Purposes = None,
    data: Data = None,
    days: Annotated[
        int | None, typer.Option(metavar="N", help="How long it lasts; as long as the notice allows by default.")
    ] = None,
    supersedes: Annotated[
        str | None, typer.Option(metavar="FILE", help="The grant that this one replaces: its digest or file.")
    ] = None,
    language: Language = None,
) -> None:
    """Say yes: to all that was asked, or to less.

    Checks the request, shows it in words and asks you. Then seals your data to the brand, signs, anchors, and writes
    the evidence file that you hand over.
    """
    asked = parse_evidence(read_bounded(request, MAX_EVIDENCE))
    old = None if supersedes is None else parse_evidence(ctx.home.find(supersedes))
    person = ctx.session.person_for(asked, old)
    choice = use_case.Choice(purposes=purpose, data=data, days=days, language=language, supersedes=old)
    with ctx.working("reading the request"):
        done = use_case.grant(person, asked, confirm=confirming(ctx, person), **choice)
    document, rows = anchored_json(done), anchored_rows(done)
    if done.superseded is not None:
        ended = done.superseded.receipt
        document["superseded"] = receipt_json(ended)
        rows.append(("Ended", f"the grant before it, gas {ended.gas_used:,}"))
    ctx.out.result(document, table([*rows, ("Hand over", done.kept)]))
