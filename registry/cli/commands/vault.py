"""``vault``: the person's own data, sealed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from registry.cli.app import command, group
from registry.cli.commands import vault_sync
from registry.cli.context import Context
from registry.cli.ui.progress import CountedStore, Rate
from registry.core.errors import InvalidInput
from registry.present.text import table
from registry.present.vocabulary import check_known
from registry.present.wording import terms

vault = group("vault", "consent vault add purchases.csv --category pd:Purchase")
vault_sync.add_to(vault)


@command(vault, "add", "consent vault add purchases.csv --category pd:Purchase")
def add(
    ctx: Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Any file.")],
    category: Annotated[str, typer.Option(metavar="IRI", help="What kind of personal data it is, as pd:Purchase.")],
) -> None:
    """Seal a file as one record of a category.

    `consent vocabulary WORD` finds the category.
    """
    from registry.vault.importers.any_file import FileImporter
    from registry.vault.importers.base import Defaults

    check_known([category], "data")
    try:
        told, body = Rate(ctx.out, f"storing {file.name}", file.stat().st_size), file.open("rb")
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}", "Check the path.") from None
    with body, ctx.session.vault(CountedStore(ctx.network.store, told)) as opened:
        with ctx.working(f"sealing {file.name}"):
            opened.take(FileImporter(file, Defaults("file/1", category)).items(body))
        found = next(opened.select(f"category:{category}"))
    document: dict[str, Any] = {"id": found.id, "category": category}
    ctx.out.result(document, table([("Sealed", file.name), ("Category", terms([category])), ("Record", found.id)]))


@command(vault, "list", "consent vault list")
def list_(ctx: Context) -> None:
    """List the newest records, and the CID of the index: with the seed's words it restores all of them."""
    with ctx.session.vault() as opened:
        records, index = list(opened.search("").records), opened.index
    document = {"index": index or None, "records": [{"id": one.id, "category": one.category} for one in records]}
    lines = [f"{one.id}  {one.time}  {one.category}  {one.file.name if one.file else ''}" for one in records]
    lines = lines or ["The vault is empty: `consent vault add FILE --category IRI` fills it."]
    ctx.out.result(document, lines)
    if index:
        ctx.out.note(f"Index {index}: with the words of the seed it restores all of this.")


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
