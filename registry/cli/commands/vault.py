"""``vault``: the person's own data, sealed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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

if TYPE_CHECKING:
    from registry.vault.index import Record, Stream

vault = group("vault", "consent vault add purchases.csv --category pd:Purchase")
SHORT = 16  # characters of a CID's 59; the first seven are the same in all
RecordName = Annotated[str, typer.Argument(metavar="RECORD", help="Its name, its CID, or the beginning of its CID.")]


@command(vault, "add", "consent vault add purchases.csv --category pd:Purchase")
def add(
    ctx: Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Any file.")],
    category: Annotated[str, typer.Option(metavar="IRI", help="What kind of personal data it is, as pd:Purchase.")],
    again: Annotated[bool, typer.Option("--again", help="Even if the category holds this very file.")] = False,
) -> None:
    """Seal a file as one record of a category.

    `consent vocabulary WORD` finds the category.
    """
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
            how = {"category": category, "name": file.name, "media_type": media_type}
            record = opened.add(body, now=now, again=again, **how)
    document = {"cid": record.cid, "category": category, "bytes": record.size, "mediaType": media_type}
    rows = [("Sealed", f"{record.name}, {record.size:,} bytes"), ("Category", terms([category])), ("CID", record.cid)]
    ctx.out.result(document, table(rows))


@command(vault, "list", "consent vault list")
def list_(ctx: Context) -> None:
    """List every record by category, and the CID of the index: with the seed's words it restores all of them."""
    opened = ctx.session.vault()
    index, roots = opened.index(), opened.roots()
    records = [(stream, record) for stream in index.streams for record in stream.records]
    document = {"index": roots[0] if roots else None, "records": [_record_json(s, r) for s, r in records]}
    width = max((len(s.category) for s, _ in records), default=0)
    lines = [
        f"{r.cid[:SHORT]}  {format_utc(r.added_at)[:10]}  {s.category:<{width}}  {r.size:>10,} B  {r.name}"
        for s, r in records
    ]
    lines = lines or ["The vault is empty: `consent vault add FILE --category IRI` fills it."]
    ctx.out.result(document, lines)
    for root in roots:
        ctx.out.note(f"Index {root}: with the words of the seed it restores all of this.")


def _record_json(stream: Stream, record: Record) -> dict[str, Any]:
    return {
        "cid": record.cid,
        "category": stream.category,
        "epoch": stream.epoch,
        "name": record.name,
        "bytes": record.size,
        "addedAt": record.added_at,
    }


@command(vault, "show", "consent vault show bafkrei...")
def show(ctx: Context, record: RecordName) -> None:
    """Show one record: what it is, and where it lies."""
    stream, found = ctx.session.vault().find(record)
    document = _record_json(stream, found)
    document |= {"mediaType": found.media_type, "schema": found.schema, "head": stream.head}
    rows = [
        ("Name", found.name),
        ("Category", terms([stream.category])),
        ("Bytes", f"{found.size:,}"),
        ("Type", f"{found.media_type}, {found.schema}"),
        ("Added", format_utc(found.added_at)),
        ("CID", found.cid),
        ("Stream", f"epoch {stream.epoch}, head {stream.head}"),
    ]
    ctx.out.result(document, table(rows))


@command(vault, "get", "consent vault get purchases.csv --out copy.csv", options=("force",))
def get(
    ctx: Context,
    record: RecordName,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write the opened file.")],
) -> None:
    """Open one record into a file of its own."""
    ctx.check_out(out)
    opened = ctx.session.vault()
    with ctx.working("fetching and opening"):
        found = opened.save(record, out)
    document = {"file": str(out), "cid": found.cid, "bytes": found.size, "mediaType": found.media_type}
    ctx.out.result(document, [f"{out}  {found.size:,} bytes"])


@command(vault, "remove", "consent vault remove purchases.csv", options=("yes",))
def remove(ctx: Context, record: RecordName) -> None:
    """Take one record out of the vault, and erase it in the store.

    Asks first. There is no way back, and what brands opened before stays with them.
    """
    opened = ctx.session.vault()
    stream, found = opened.find(record)
    ctx.out.note(f"This removes {found.name}, {found.size:,} bytes, {stream.category}, {found.cid}.")
    if stream.shared:
        ctx.out.note("Its key was handed over: grants that did so open nothing more, and copies stay with the brands.")
    ctx.agree(question="Remove it for good?", left="Nothing was removed.")
    with ctx.working("removing"):
        opened.remove(found.cid)
    ctx.out.result({"removed": found.cid, "category": stream.category}, [f"Removed {found.name}."])


@command(vault, "move", "consent vault move --ipfs /ip4/127.0.0.1/tcp/5001")
def move(
    ctx: Context,
    source: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="STORE", help="A blocks.sqlite or a node, if not the one that the home remembers."
        ),
    ] = None,
) -> None:
    """Move the vault into the store that is configured now, block by block, each checked.

    The home remembers which file or node holds its vault. A move that was interrupted can be repeated: until it is
    complete, the vault lies where it was. The old store keeps its copy, which brands may still read there.
    """
    # First the network, whose errors are told at once, then the passphrase: a spinner would hide its question.
    _ = ctx.session.network, ctx.session.seed
    with ctx.working("moving the vault"):
        moved = ctx.session.move_vault(source)
    document = {"from": str(moved.source), "to": str(moved.target), "blocks": moved.blocks, "bytes": moved.bytes}
    checked = f"{moved.blocks:,} blocks, {moved.bytes:,} bytes"
    ctx.out.result(document, table([("From", moved.source), ("To", moved.target), ("Checked", checked)]))
