"""``vault list``, ``search``, ``show``, ``history`` and ``get``: a person finds and reads their records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, BinaryIO, cast

import typer

from registry.cli.app import command
from registry.cli.context import Context
from registry.cli.ui.progress import CountedSink, Rate
from registry.core.errors import InvalidInput
from registry.core.sealed.records import Record
from registry.fs.files import is_special, make_folder, replacing, writing
from registry.present.records import headline, record_json, record_lines, record_rows, short_time
from registry.present.text import Line, table

RecordName = Annotated[
    str, typer.Argument(metavar="RECORD", help="Its id, six digits of its beginning or end, or its file's name.")
]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=1000, help="So many at most.")]
_EMPTY = "The vault is empty: `consent vault add` and `consent vault import` fill it."
_SEARCH = "consent vault search 'coat after:2026-01-01'\nconsent vault search 'amount:10..50 EUR tag:gift' --all"


def add_to(vault: typer.Typer) -> None:
    """Add these commands to the group."""
    command(vault, "list", "consent vault list")(list_)
    command(vault, "search", _SEARCH)(search)
    command(vault, "show", "consent vault show receipt.pdf")(show)
    command(vault, "history", "consent vault history 9c1e5b7a2f30")(history)
    command(vault, "get", "consent vault get receipt.pdf --out copy.pdf", options=("force",))(get)


def list_(ctx: Context, limit: Limit = 20) -> None:
    """List the newest records, and the CID of the index: with the seed's words it restores all of them."""
    with ctx.session.vault() as vault:
        page, index = vault.search("", limit), vault.index
    records = [record_json(one) for one in page.records]
    document = {"index": index or None, "total": page.total, "isExact": page.is_exact, "records": records}
    ctx.out.result(document, record_lines(page.records) or [_EMPTY])
    if len(page.records) < page.total:
        ctx.out.note(f"{_total(page.total, page.is_exact)}: `consent vault search` finds the others.")
    if index:
        ctx.out.note(f"Index {index}: with the words of the seed it restores all of this.")


def search(
    ctx: Context,
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help='Words, prefix*, "a phrase", and fields as after:2026 or tag:gift.')
    ],
    limit: Limit = 20,
    cursor: Annotated[
        str, typer.Option("--cursor", metavar="CURSOR", help="The next page: what the last one ended with.")
    ] = "",
    every: Annotated[bool, typer.Option("--all", help="Everything that fits, not page by page.")] = False,
) -> None:
    """Find records by words and fields, the newest first.

    Case and accents do not matter. Fields: category, schema, source, tag, id, after, before, amount, and sort:rank for
    the best first.
    """
    with ctx.session.vault() as vault:
        if every:
            for record in vault.select(query):
                ctx.out.result(record_json(record), record_lines([record]))
            return
        page = vault.search(query, limit, cursor)
    records = [record_json(one) for one in page.records]
    document = {"total": page.total, "isExact": page.is_exact, "cursor": page.cursor or None, "records": records}
    ctx.out.result(document, record_lines(page.records))
    ctx.out.note(f"{_total(page.total, page.is_exact)}.")
    if page.cursor:
        ctx.out.note(f"The next page: --cursor {page.cursor}")


def _total(total: int, is_exact: bool) -> str:
    return f"{'' if is_exact else 'At least '}{total:,} record{'' if total == 1 else 's'}"


def show(ctx: Context, record: RecordName) -> None:
    """Show everything of one record, in its newest version."""
    with ctx.session.vault() as vault:
        found = vault.get(vault.find(record))
    ctx.out.result(record_json(found), table(record_rows(found)))


def history(ctx: Context, record: RecordName) -> None:
    """List the versions of a record, the oldest first; `consent vault restore` brings one back."""
    with ctx.session.vault() as vault:
        versions = vault.history(vault.find(record))
    document = {"id": versions[-1].id, "versions": [record_json(one) for one in versions]}
    ctx.out.result(document, [_version_line(one) for one in versions])


def _version_line(record: Record) -> Line:
    start = f"{record.counter:>4}  {short_time(record.time):<16}  "
    return Line(start + ("(removed)" if record.deleted else headline(record)), len(start))


def get(
    ctx: Context,
    record: RecordName,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write it.")],
) -> None:
    """Write a record's file, or its body as JSON where it has none."""
    ctx.check_out(out)
    if is_special(out):
        # Its reader could not tell a part from the whole.
        raise InvalidInput(f"{out} is no file", "Name a file: a record is written whole or not at all.")
    with ctx.session.vault() as vault, ctx.working("fetching and opening"):
        found = vault.get(vault.find(record))
        with writing(out):
            make_folder(out.parent)
            with replacing(out) as sink:
                if found.file is None:
                    sink.write(_body(found))
                else:
                    told = Rate(ctx.out, f"writing {out.name}", found.file.bytes)
                    vault.write_file(found.file, cast(BinaryIO, CountedSink(sink, told)))
    size = out.stat().st_size
    document: dict[str, Any] = {"file": str(out), "id": found.id, "bytes": size}
    ctx.out.result(document, [f"{out}  {size:,} bytes"])


def _body(record: Record) -> bytes:
    return json.dumps(record.body or {}, ensure_ascii=False, indent=2).encode() + b"\n"
