"""``vault add``: one file, or one fact that a person writes themselves."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec
import typer

from registry.cli.app import command
from registry.cli.commands.vault_edit import Body, Source, Tags, Time
from registry.cli.context import Context
from registry.cli.ui.bodies import read_body
from registry.cli.ui.progress import CountedStore, Rate, open_counted
from registry.core.errors import InvalidInput
from registry.present.records import record_json, record_rows
from registry.present.text import table
from registry.present.vocabulary import check_known
from registry.vault.draft import Draft
from registry.vault.importers.any_file import FileImporter
from registry.vault.importers.base import Defaults
from registry.vault.importers.keys import FILE_SCHEMA
from registry.vault.importers.report import State

_EXAMPLE = """consent vault add receipt.pdf --category pd:Purchase
consent vault add --schema note/1 --body '{"text": "call Ada"}'"""


def add_to(vault: typer.Typer) -> None:
    """Add this command to the group."""
    command(vault, "add", _EXAMPLE)(add)


def add(
    ctx: Context,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Any file, of any size.")] = None,
    category: Annotated[
        str | None, typer.Option(metavar="IRI", help="What kind of personal data it is, as pd:Purchase.")
    ] = None,
    schema: Annotated[
        str | None, typer.Option(metavar="NAME", help="What the body holds, as purchase/1; see vault schema list.")
    ] = None,
    body: Body = None,
    time: Time = None,
    tags: Tags = None,
    source: Source = None,
    again: Annotated[bool, typer.Option("--again", help="Even if the vault holds this very file.")] = False,
) -> None:
    """Add one record: a file, or a fact as JSON, or both.

    `consent vocabulary WORD` finds the category; without one, the schema's usual one is taken. A file that other
    programs read line by line belongs to `consent vault import`.
    """
    if file is None and (schema is None or body is None):
        raise InvalidInput("there is nothing to add", "Name a file, or a fact with --schema and --body.")
    if category is not None:
        check_known([category], "data")
    content = None if body is None else read_body(body)
    told = Rate(ctx.out, f"storing {file.name}" if file else "storing", _size(file))
    with ctx.session.vault(CountedStore(ctx.network.store, told)) as vault, ctx.working("sealing"):
        named = vault.schemas.get(schema or FILE_SCHEMA)
        draft = Draft(category or named.category, named.name, time, source, tuple(tags or ()), content)
        if file is not None:
            draft = _with_file(ctx, draft, file)
        if not again and draft.key and vault.preview([draft]).states[State.KNOWN]:
            raise InvalidInput("the vault holds this very file already", "Add it a second time with --again.")
        (name,) = vault.add([draft])
        made = vault.get(name)
    ctx.out.result(record_json(made), table(record_rows(made)))


def _size(file: Path | None) -> int:
    try:
        return 0 if file is None else file.stat().st_size
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}", "Check the path.") from None


def _copied(ctx: Context, source: BinaryIO, name: str) -> Path:
    """Return a copy of a pipe, which can be read once only, until the command ends."""
    folder = Path(ctx.closing.enter_context(tempfile.TemporaryDirectory()))
    with (folder / name).open("xb") as copy:
        shutil.copyfileobj(source, copy)
    return folder / name


def _with_file(ctx: Context, draft: Draft, file: Path) -> Draft:
    """Return the draft with the file, and with the facts of the file for what the person left out."""
    defaults = Defaults(draft.schema, draft.category, draft.source, draft.tags)
    try:
        with open_counted(file, Rate(ctx.out, f"reading {file.name}", _size(file))) as source:
            readable = file if source.seekable() else _copied(ctx, source, file.name)
            if readable is not file:
                source = ctx.closing.enter_context(readable.open("rb"))
            (item,) = FileImporter(readable, defaults).items(source)
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}", "Check the path.") from None
    if not isinstance(item, Draft):
        raise InvalidInput(f"{file} cannot be added: {getattr(item, 'why', item)}", "Check the file.")
    if draft.schema != FILE_SCHEMA:
        # The key recognises a file as such; a fact with a file is another thing.
        return msgspec.structs.replace(draft, file=item.file)
    return msgspec.structs.replace(item, time=draft.time, body=(item.body or {}) | (draft.body or {}))
