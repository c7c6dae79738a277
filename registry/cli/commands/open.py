"""``open``: a brand opens the data that a grant hands over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.cli.ui.choices import EvidenceFile
from registry.client.accept import open_data
from registry.core.evidence.file import parse_evidence


@command(app, "open", "consent open grant.json --out data/", options=("key",))
def open_(
    ctx: Context,
    file: EvidenceFile,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="A new folder for the opened files.")],
) -> None:
    """Open the data that a grant hands over.

    Verifies the grant first, so that nothing revoked or expired is opened. All files are written, or none.
    """
    evidence = parse_evidence(ctx.home.find(file))
    brand = ctx.session.reading_brand(evidence.statement.message.controller)
    with ctx.working("fetching and opening"):
        opened = open_data(brand, evidence, out)
    document = {"files": [{"path": str(o.path), "bytes": o.size, "category": o.category} for o in opened]}
    ctx.out.result(document, [f"{o.path}  {o.size:,} bytes  {o.category}" for o in opened])
