"""``notary draw``: tokens that pay a notary, drawn ahead of time."""

from __future__ import annotations

from typing import Annotated

import typer

from registry.cli.app import command
from registry.cli.context import Context
from registry.cli.ui.prompts import passphrase_from
from registry.client.draw_tokens import MAX_DRAWN, draw_tokens
from registry.core.errors import InvalidInput
from registry.present.text import table

_EXAMPLE = "consent notary draw --count 10 --notary https://notary.example"


def add_to(notary: typer.Typer) -> None:
    """Add this command to the group."""
    command(notary, "draw", _EXAMPLE, options=("notary",))(draw)


def draw(
    ctx: Context,
    count: Annotated[int, typer.Option(metavar="N", min=1, max=MAX_DRAWN, help="How many tokens.")] = 10,
    sponsor_fd: Annotated[
        int | None, typer.Option("--sponsor-fd", metavar="N", min=0, help="Read a sponsor's key from descriptor N.")
    ] = None,
) -> None:
    """Draw tokens ahead of time. Each pays the notary for one anchor or one ending, and it cannot tell whose it is.

    They lie in the home's tokens/, and only this notary gets them. It gives a few a day to each network, and more for a
    sponsor's key.
    """
    if not ctx.session.notaries.clients:
        raise InvalidInput("no notary is named", "Name one with --notary URL#ACCOUNT.")
    client, folder = ctx.session.notaries.clients[0], ctx.home.path / "tokens"
    sponsor = None if sponsor_fd is None else passphrase_from(sponsor_fd)
    with ctx.working("drawing tokens"):
        drawn = draw_tokens(client, count, sponsor)
    document = {"notary": client.host, "drawn": drawn, "folder": str(folder)}
    ctx.out.result(document, table([("Notary", client.host), ("Drawn", drawn), ("Kept in", folder)]))
