"""``vault export``: everything, or one category, as a zip that anybody can read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, BinaryIO, cast

import typer

from registry.cli.app import command
from registry.cli.context import Context
from registry.cli.ui.progress import CountedSink, Rate
from registry.core.errors import InvalidInput
from registry.fs.files import is_special, make_folder, replacing, writing
from registry.present.text import table
from registry.present.vocabulary import check_known


def add_to(vault: typer.Typer) -> None:
    """Add this command to the group."""
    command(vault, "export", "consent vault export --out everything.zip", options=("force",))(export)


def export(
    ctx: Context,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The zip to write.")],
    category: Annotated[str | None, typer.Option(metavar="IRI", help="Only this kind of data.")] = None,
) -> None:
    """Write everything that you have into one zip: JSON Lines, CSV, files, and pages to read in a browser.

    It is not encrypted. `consent vault import` takes it back with nothing lost.
    """
    if category is not None:
        check_known([category], "data")
    ctx.check_out(out)
    if is_special(out):
        raise InvalidInput(f"{out} is no file", "Name a file: an export is written whole or not at all.")
    with ctx.session.vault() as vault, ctx.working("exporting"), writing(out):
        make_folder(out.parent)
        with replacing(out) as sink:
            counted = cast(BinaryIO, CountedSink(sink, Rate(ctx.out, "exporting", 0)))
            done = vault.export(counted, out.parent, category)
    size = out.stat().st_size
    counts: dict[str, Any] = {"records": done.records, "versions": done.versions, "files": done.files}
    rows = [("Records", f"{done.records:,}"), ("Versions", f"{done.versions:,}"), ("Files", f"{done.files:,}")]
    ctx.out.result({"file": str(out), "bytes": size} | counts, table([("Export", f"{out}, {size:,} bytes"), *rows]))
    ctx.out.note("It is not encrypted: whoever has this file can read it.")
