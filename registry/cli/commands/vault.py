"""``vault``: the person's own data, sealed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.cli.app import command, group
from registry.cli.context import Context
from registry.cli.ui.progress import CountedStore, Rate, open_counted
from registry.core.errors import InvalidInput
from registry.core.media_types import media_type_of
from registry.core.scalars import format_utc
from registry.present.text import table
from registry.present.vocabulary import check_known
from registry.present.wording import terms

vault = group("vault", "consent vault add purchases.csv --category pd:Purchase")
SHORT = 16  # characters of a CID's 59; the first seven are the same in all


@command(vault, "add", "consent vault add purchases.csv --category pd:Purchase")
def add(
    ctx: Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Any file.")],
    category: Annotated[str, typer.Option(metavar="IRI", help="What kind of personal data it is, as pd:Purchase.")],
) -> None:
    """Seal a file as one record of a category."""
    check_known([category], "data")
    try:
        size = file.stat().st_size
        body = open_counted(file, Rate(ctx.out, f"sealing {file.name}", size))
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}", "Check the path.") from None
    media_type = media_type_of(file.name)
    with body:
        told = Rate(ctx.out, f"storing {file.name}", size)
        opened = ctx.session.vault(CountedStore(ctx.network.store, told))
        with ctx.working(f"sealing {file.name}"):
            now = ctx.network.clock()
            record = opened.add(body, category=category, name=file.name, media_type=media_type, now=now)
    document = {"cid": record.cid, "category": category, "bytes": record.size, "mediaType": media_type}
    rows = [("Sealed", f"{record.name}, {record.size:,} bytes"), ("Category", terms([category])), ("CID", record.cid)]
    ctx.out.result(document, table(rows))


@command(vault, "list", "consent vault list")
def list_(ctx: Context) -> None:
    """List every record by category, and the CID of the index: with the seed's words it restores all of them."""
    opened = ctx.session.vault()
    index, roots = opened.index(), opened.roots()
    records = [(stream, record) for stream in index.streams for record in stream.records]
    document = {
        "index": roots[0] if roots else None,
        "records": [
            {
                "cid": r.cid,
                "category": s.category,
                "epoch": s.epoch,
                "name": r.name,
                "bytes": r.size,
                "addedAt": r.added_at,
            }
            for s, r in records
        ],
    }
    width = max((len(s.category) for s, _ in records), default=0)
    lines = [
        f"{r.cid[:SHORT]}  {format_utc(r.added_at)[:10]}  {s.category:<{width}}  {r.size:>10,} B  {r.name}"
        for s, r in records
    ]
    lines = lines or ["The vault is empty: `consent vault add FILE --category IRI` fills it."]
    ctx.out.result(document, lines)
    for root in roots:
        ctx.out.note(f"Index {root}: with the words of the seed it restores all of this.")


@command(vault, "show", "consent vault show bafkrei...")
def show(
    ctx: Context,
    cid: Annotated[str, typer.Argument(metavar="CID", help="The record's CID, or the beginning of it.")],
) -> None:
    """Show one record: what it is, and where it lies."""
    found = [(s, r) for s in ctx.session.vault().index().streams for r in s.records if r.cid.startswith(cid)]
    if len(found) != 1:
        message = f"{len(found)} CIDs begin so" if found else "no record has a CID that begins so"
        raise InvalidInput(message, "See `consent vault list`.")
    stream, record = found[0]
    document = {
        "cid": record.cid,
        "category": stream.category,
        "epoch": stream.epoch,
        "name": record.name,
        "bytes": record.size,
        "mediaType": record.media_type,
        "schema": record.schema,
        "addedAt": record.added_at,
        "head": stream.head,
    }
    rows = [
        ("Name", record.name),
        ("Category", terms([stream.category])),
        ("Bytes", f"{record.size:,}"),
        ("Type", f"{record.media_type}, {record.schema}"),
        ("Added", format_utc(record.added_at)),
        ("CID", record.cid),
        ("Stream", f"epoch {stream.epoch}, head {stream.head}"),
    ]
    ctx.out.result(document, table(rows))
