"""``init``, ``recover``, ``backup``, ``restore``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.cli.app import START, YOURS, app, command
from registry.cli.context import Session
from registry.cli.ui.mnemonic import ReadFrom, WriteTo, at_terminal, read_words, show_words, write_words
from registry.core.errors import InvalidInput, WrongPassphrase
from registry.present.text import table


@command(app, "init", "consent init --home ~/alice", panel=START)
def init(
    session: Session,
    brand: Annotated[
        bool, typer.Option("--brand", help="For a brand, or who pays: make a key file, main, too.")
    ] = False,
    later: Annotated[bool, typer.Option("--later", help="Do not show the 24 words now.")] = False,
    words_fd: WriteTo = None,
) -> None:
    """Make a home: a vault seed, which gives each brand an account of its own.

    It is sealed with a passphrase, which is asked for twice. At a terminal its 24 words are shown, once, and some of
    them asked back. Says what to back up.
    """
    from registry.core.age.recipients import recipient_of
    from registry.core.crypto.seeds import owner_identity

    home = session.home
    if home.exists:
        raise InvalidInput(f"{home.path} is a home already", "Choose another folder with --home.")
    phrase = session.new_passphrase()
    with session.out.working("sealing the new seed"):
        address = home.create(phrase, "main" if brand else None)
        seed = home.seed(phrase)
        recipient = recipient_of(owner_identity(seed))
    network = session.network_path
    document = {"home": str(home.path), "network": str(network), "address": address, "recipient": recipient}
    rows = [("Home", home.path), ("Network", network), ("Account", address or "one for each brand, from the seed")]
    rows.append(("Recipient", f"{recipient[:28]}... ({len(recipient):,} characters; --json shows all)"))
    session.out.result(document, [*table(rows), "", *_WHAT_TO_KEEP])
    if words_fd is not None:
        write_words(seed, words_fd)
    elif at_terminal() and not later:
        show_words(session, seed)


_WHAT_TO_KEEP = (
    "Back up this folder and remember its passphrase: without both, or the 24 words of its seed, nobody can open the "
    "vault, sign as these accounts or revoke in private, and nobody can reset them.",
    "`consent backup FILE` makes one sealed file of it; `consent keys words` shows the words, `consent recover` takes "
    "them.",
)


@command(app, "recover", "consent recover --home ~/alice", panel=YOURS)
def recover(
    session: Session,
    index: Annotated[
        str | None,
        typer.Option(
            metavar="CID", help="The vault's index, as `consent vault list` showed it: brings back the vault."
        ),
    ] = None,
    words_fd: ReadFrom = None,
) -> None:
    """Make a home again from its 24 words.

    They are asked for without echo, then a new passphrase, twice. The accounts are back at once: an evidence file
    that a brand sends you is enough to revoke it. Without --index the vault begins empty.
    """
    home = session.home
    if home.exists:
        raise InvalidInput(f"{home.path} is a home already", "Choose another folder with --home.")
    seed = read_words(session, words_fd)
    phrase = session.new_passphrase()
    with session.out.working("sealing the seed"):
        home.recover(seed, phrase, None if index is None else (index, session.network.store))
    session.out.result(
        {"home": str(home.path), "index": index}, table([("Home", home.path), ("Index", index or "new")])
    )


@command(app, "backup", "consent backup ~/alice.age", panel=YOURS)
def backup(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The sealed file to write; it must not exist yet.")],
) -> None:
    """Seal the whole home into one file.

    Keys, seed, evidence and the vault's blocks, as an age file under a passphrase: age and tar open it too.
    """
    from registry.client.backup import back_up

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
    from registry.client.backup import Saved, restore

    def opener(phrase: str) -> Saved:
        if not phrase:
            raise WrongPassphrase("no backup has an empty passphrase")
        return restore(file, session.home, session.network.store, phrase)

    file.open("rb").close()  # a wrong path is said before a passphrase is asked for
    saved = session.unlock(opener)
    document = {"home": str(session.home.path), "files": saved.files, "blocks": saved.blocks}
    session.out.result(document, table([("Home", session.home.path), ("Files", saved.files), ("Blocks", saved.blocks)]))
