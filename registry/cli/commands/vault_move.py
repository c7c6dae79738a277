"""``vault move``: the vault's blocks go to another store."""

from __future__ import annotations

from typing import Annotated

import typer

from registry.cli.app import command
from registry.cli.context import Context
from registry.present.text import table


def add_to(vault: typer.Typer) -> None:
    """Add this command to the group."""
    command(vault, "move", "consent vault move --ipfs /ip4/127.0.0.1/tcp/5001")(move)


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
