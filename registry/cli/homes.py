"""``init``, ``backup``, ``restore``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.cli.app import START, YOURS, app, command
from registry.cli.output import table
from registry.cli.session import Session
from registry.core.errors import InvalidInput, WrongPassphrase


@command(app, "init", "consent init --home ~/alice", panel=START)
def init(
    session: Session,
    name: Annotated[str, typer.Option(metavar="NAME", help="The name of the first account; main by default.")] = "main",
) -> None:
    """Make a home: a vault seed and a first account.

    Both are sealed with a passphrase, which is asked for twice. Says what to back up.
    """
    from registry.core.recipients import recipient_of
    from registry.core.seeds import owner_identity

    home = session.home
    if home.exists:
        raise InvalidInput(f"{home.path} is a home already", "Choose another folder with --home.")
    phrase = session.new_passphrase()
    with session.out.working("sealing the new keys"):
        address = home.create(phrase, name)
        recipient = recipient_of(owner_identity(home.seed(phrase)))
    network = session.network_path
    document = {"home": str(home.path), "network": str(network), "address": address, "recipient": recipient}
    rows = [("Home", home.path), ("Network", network), ("Account", f"{address} ({name})")]
    rows.append(("Recipient", f"{recipient[:28]}... ({len(recipient):,} characters; --json shows all)"))
    session.out.result(document, [*table(rows), "", *_WHAT_TO_KEEP])


_WHAT_TO_KEEP = (
    "Back up this folder and remember its passphrase: without both, nobody can open the vault, sign as this account "
    "or revoke in private, and nobody can reset them.",
    "`consent backup FILE` makes one sealed file of it.",
    "One account for all brands is a pseudonym that they share: they can tell that it is the same person. "
    "`consent keys new NAME` and `--key NAME` keep them apart.",
)


@command(app, "backup", "consent backup ~/alice.age", panel=YOURS)
def backup(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The sealed file to write; it must not exist yet.")],
) -> None:
    """Seal the whole home into one file.

    Keys, seed, evidence and the vault's blocks, as an age file under a passphrase: age and tar open it too.
    """
    from registry.client.backups import back_up

    if file.exists():
        raise InvalidInput(f"{file} exists already", "Name a new file; a backup never replaces another.")
    vault = session.vault()
    phrase = session.new_passphrase()
    with session.out.working("sealing the backup"):
        saved = back_up(session.home, vault, session.network.store, file, phrase)
    document = {"file": str(file), "files": saved.files, "blocks": saved.blocks, "bytes": saved.size}
    rows = [("Backup", file), ("Holds", f"{saved.files} files and {saved.blocks} blocks"), ("Bytes", f"{saved.size:,}")]
    advice = f"It opens with `consent restore`, and where this program is not, with `age -d {file} | tar -x`."
    session.out.result(document, [*table(rows), "", advice])


@command(app, "restore", "consent restore ~/alice.age --home ~/alice", panel=YOURS)
def restore(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The sealed file that `consent backup` wrote.")],
) -> None:
    """Bring a home back from a backup.

    Into a folder that does not exist yet; all of it or nothing.
    """
    from registry.client.backups import Saved, bring_back

    def opener(phrase: str) -> Saved:
        if not phrase:
            raise WrongPassphrase("no backup has an empty passphrase")
        return bring_back(file, session.home, session.network.store, phrase)

    file.open("rb").close()  # a wrong path is said before a passphrase is asked for
    saved = session.unlock(opener)
    document = {"home": str(session.home.path), "files": saved.files, "blocks": saved.blocks}
    session.out.result(document, table([("Home", session.home.path), ("Files", saved.files), ("Blocks", saved.blocks)]))
