"""``backup`` and ``restore``: the whole home in one sealed file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.client import backup as use_case
from registry.core.errors import InvalidInput
from registry.fs.files import reading_again
from registry.present.text import table


@command(app, "backup", "consent backup ~/alice.age", options=("guessable",))
def backup(
    ctx: Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The sealed file to write; it must not exist yet.")],
) -> None:
    """Seal the whole home into one file.

    It holds keys, seed, evidence and the vault's blocks, as an age file under a passphrase: age and tar open it too.
    """
    if file.exists():
        raise InvalidInput(f"{file} exists already", "Name a new file; a backup never replaces another.")
    vault = ctx.session.vault()
    phrase = ctx.new_passphrase()
    with ctx.working("sealing the backup"):
        allowed = ctx.flags["guessable"]
        saved = use_case.back_up(ctx.home, vault, ctx.network.store, file, phrase, guessable=allowed)
    document = {"file": str(file), "files": saved.files, "blocks": saved.blocks, "bytes": saved.size}
    rows = [("Backup", file), ("Holds", f"{saved.files} files and {saved.blocks} blocks"), ("Bytes", f"{saved.size:,}")]
    advice = f"It opens with `consent restore`, or without this program with `age -d {file} | tar -x`."
    ctx.out.result(document, [*table(rows), "", advice])


@command(app, "restore", "consent restore ~/alice.age --home ~/alice")
def restore(
    ctx: Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The sealed file that `consent backup` wrote.")],
) -> None:
    """Bring a home back from a backup.

    The folder must not exist yet. All of the home comes back, or nothing.
    """
    with reading_again(file) as source:  # reports a wrong path before asking for a passphrase
        use_case.refuse_other_files(source)
        ctx.session.make_network()
        network, named = ctx.network, ctx.configuration.named_network
        places: dict[str, Any] = {"place": network.place, "network": named}
        saved = ctx.unlock(lambda phrase: use_case.restore_from(source, ctx.home, network.store, phrase, **places))
    document = {"home": str(ctx.home.path), "files": saved.files, "blocks": saved.blocks}
    ctx.out.result(document, table([("Home", ctx.home.path), ("Files", saved.files), ("Blocks", saved.blocks)]))
