"""``recover``: make a home again from its 24 words."""

from __future__ import annotations

from typing import Annotated

import typer

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.cli.ui.mnemonic import ReadFrom, read_words
from registry.core.errors import InvalidInput
from registry.present.text import table


@command(app, "recover", "consent recover --home ~/alice")
def recover(
    ctx: Context,
    index: Annotated[
        str | None,
        typer.Option(
            metavar="CID", help="The vault's index, as `consent vault list` showed it: brings back the vault."
        ),
    ] = None,
    words_fd: ReadFrom = None,
) -> None:
    """Make a home again from its 24 words.

    It asks for them without echo, then twice for a new passphrase. The accounts are back at once: an evidence file that
    a brand sends you is enough to revoke it. Without --index the vault begins empty.
    """
    home = ctx.home
    if home.exists:
        raise InvalidInput(f"{home.path} is a home already", "Choose another folder with --home.")
    seed = read_words(ctx, words_fd)
    phrase = ctx.new_passphrase()
    with ctx.working("sealing the seed"):
        home.recover(seed, phrase, None if index is None else (index, ctx.network.store))
    ctx.out.result({"home": str(home.path), "index": index}, table([("Home", home.path), ("Index", index or "new")]))
