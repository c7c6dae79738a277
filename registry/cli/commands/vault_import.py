"""``vault import``: files of other programs become records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from registry.cli.app import command
from registry.cli.commands.vault_edit import Source, Tags
from registry.cli.context import Context
from registry.present.vocabulary import check_known

if TYPE_CHECKING:
    from registry.vault.importers.kinds import FileKind

Format = Literal["csv", "json", "jsonl", "ics", "vcard", "export", "file"]
_KINDS: dict[str, FileKind] = {
    "csv": "csv", "json": "json", "jsonl": "json-lines", "ics": "calendar", "vcard": "contacts", "export": "zip",
    "file": "other",
}  # fmt: skip
_EXAMPLE = """consent vault import purchases.csv --map shop.json
consent vault import calendar.ics --zone Europe/Paris --dry-run"""

MapFile = Annotated[
    Path | None,
    typer.Option("--map", metavar="FILE", help="The column map; where there is none yet, it is written here."),
]
Dates = Annotated[str | None, typer.Option(metavar="FORMAT", help="How dates are written: iso, unix, or as %d/%m/%Y.")]
Zone = Annotated[str | None, typer.Option(metavar="ZONE", help="Of times without one: Europe/Paris, UTC or +01:00.")]
Encoding = Annotated[str | None, typer.Option(metavar="NAME", help="Where it is neither UTF-8 nor UTF-16: cp1252.")]
RefusedTo = Annotated[
    Path | None, typer.Option("--refused", metavar="FILE", help="Write every refused line there, with its reason.")
]


def add_to(vault: typer.Typer) -> None:
    """Add this command to the group."""
    command(vault, "import", _EXAMPLE, options=("force",))(import_)


def import_(
    ctx: Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="CSV, JSON, calendars, contacts, an export.")],
    map_file: MapFile = None,
    format_: Annotated[
        Format | None, typer.Option("--format", metavar="KIND", help="csv, json, jsonl, ics, vcard, export or file.")
    ] = None,
    schema: Annotated[
        str | None, typer.Option(metavar="NAME", help="What the records are; see vault schema list.")
    ] = None,
    category: Annotated[
        str | None, typer.Option(metavar="IRI", help="What kind of data; the schema's usual one.")
    ] = None,
    source: Source = None,
    tags: Tags = None,
    dates: Dates = None,
    decimal: Annotated[str | None, typer.Option(metavar="MARK", help="The mark before decimals: . or ,")] = None,
    zone: Zone = None,
    encoding: Encoding = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would come of it, and change nothing.")] = False,
    refused_to: RefusedTo = None,
) -> None:
    """Import what other programs export: CSV, JSON, calendars, contacts, or an export of a vault.

    What the vault knows is left alone, what changed becomes a version, and what you removed stays removed. How dates,
    amounts and times are written is never guessed: it is asked, or said by options, and kept in the column map.
    """
    if category is not None:
        check_known([category], "data")
    ctx.check_out(refused_to)
    # The importers and the database are loaded for this command alone.
    from registry.cli.ui.importing import import_files
    from registry.vault.importers.plan import Wishes

    kind = None if format_ is None else _KINDS[format_]
    wishes = Wishes(kind, schema, category, source, tuple(tags or ()), dates, decimal, zone, encoding)
    import_files(ctx, files, wishes, map_file=map_file, refused_to=refused_to, dry_run=dry_run)
