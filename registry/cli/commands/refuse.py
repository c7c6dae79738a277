"""``refuse``: a person says no."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.cli.options import SIGNING
from registry.cli.ui.answers import anchored_json, anchored_rows, confirming
from registry.cli.ui.choices import Language
from registry.client import grant as use_case
from registry.core.evidence.file import MAX_EVIDENCE, parse_evidence
from registry.fs.files import read_bounded
from registry.present.text import table


@command(app, "refuse", "consent refuse request.json", options=SIGNING)
def refuse(
    ctx: Context,
    request: Annotated[Path, typer.Argument(metavar="REQUEST", help="The file that the brand sent.")],
    language: Language = None,
) -> None:
    """Say no, and be able to prove that you did."""
    asked = parse_evidence(read_bounded(request, MAX_EVIDENCE))
    person = ctx.session.person_for(asked)
    with ctx.working("reading the request"):
        done = use_case.refuse(person, asked, language=language, confirm=confirming(ctx, person))
    ctx.out.result(anchored_json(done), table([*anchored_rows(done), ("Kept in", done.kept)]))
