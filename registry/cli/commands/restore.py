"""``restore``: bring a home back from a backup."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.client import backup as use_case
from registry.core.errors import WrongPassphrase
from registry.present.text import table


@command(app, "restore", "consent restore ~/alice.age --home ~/alice")
def restore(
    ctx: Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The sealed file that `consent backup` wrote.")],
) -> None:
    """Bring a home back from a backup.

    The folder must not exist yet. All of the home comes back, or nothing.
    """

    def opener(phrase: str) -> use_case.Saved:
        if not phrase:
            raise WrongPassphrase("no backup has an empty passphrase")
        return use_case.restore(file, ctx.home, ctx.network.store, phrase)

    file.open("rb").close()  # report a wrong path before asking for a passphrase
    saved = ctx.unlock(opener)
    document = {"home": str(ctx.home.path), "files": saved.files, "blocks": saved.blocks}
    ctx.out.result(document, table([("Home", ctx.home.path), ("Files", saved.files), ("Blocks", saved.blocks)]))
