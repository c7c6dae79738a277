"""``keys``: the accounts of this home: those of its seed, which brands know, and key files."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from registry.cli.accounts import brand_names
from registry.cli.app import YOURS, command, group
from registry.cli.context import Session, ask_secret
from registry.cli.ui.mnemonic import WriteTo, at_terminal, show_words, write_words
from registry.core.errors import InvalidInput
from registry.present.text import table

if TYPE_CHECKING:
    from registry.client.accounts import Known

keys = group(
    "keys", "The accounts of your seed, one for each brand; and key files, for brands.", YOURS, "consent keys list"
)
MAX_LINE = 200
_KEY = re.compile(r"(?:0x)?[0-9a-fA-F]{64}")
Name = Annotated[str, typer.Argument(metavar="NAME", help="The account's name here.")]


@command(keys, "new", "consent keys new shop")
def new(session: Session, name: Name) -> None:
    """Make a new account.

    In a sealed file of its own (keystore, version 3).
    """
    from registry.wallets import keyfiles

    _refuse_taken(session, name)
    phrase = session.new_passphrase()
    with session.out.working("sealing the new key"):
        address = keyfiles.new_key(session.home.keys, name, phrase)
    session.out.result({"name": name, "address": address}, [f"{address}  {name}"])


@command(keys, "import", "consent keys import shop < key.hex")
def import_(session: Session, name: Name) -> None:
    """Bring in a private key.

    64 hex digits: asked for without echo, or read from standard input, and never from the command line.
    """
    from registry.wallets import keyfiles

    _refuse_taken(session, name)
    key = _private_key(session)
    address = keyfiles.import_key(session.home.keys, name, key, session.new_passphrase())
    session.out.result({"name": name, "address": address}, [f"{address}  {name}"])


def _private_key(session: Session) -> bytes:
    if sys.stdin.isatty():
        raw = ask_secret("Private key (hex): ")
    elif session.flags["passphrase_fd"] == 0:
        raise InvalidInput("standard input cannot give the key and the passphrase", "Use --passphrase-fd 3 3< FILE.")
    else:
        raw = sys.stdin.readline(MAX_LINE).strip()
    if _KEY.fullmatch(raw) is None:
        raise InvalidInput("that is not a private key", "Give 64 hex digits.")
    return bytes.fromhex(raw.removeprefix("0x"))


def _refuse_taken(session: Session, name: str) -> None:
    """Before anything is asked for: `keyfiles` would say so only after the passphrase."""
    from registry.wallets import keyfiles

    if any(key.name == name for key in keyfiles.list_keys(session.home.keys)):
        raise InvalidInput(f"there is an account {name!r} already", "Choose another name; keys are never overwritten.")


@command(keys, "list", "consent keys list")
def list_(session: Session) -> None:
    """Which brand knows which account; then the key files.

    Key files are listed without opening any; the accounts of the seed need the passphrase, once there are some.
    """
    from registry.wallets import keyfiles

    known = _known(session)
    names = brand_names(session) if known else {}
    found = keyfiles.list_keys(session.home.keys)
    document = {
        "accounts": [one._asdict() | {"name": names.get(one.controller)} for one in known],
        "keys": [{"name": key.name, "address": key.address, "path": str(key.path)} for key in found],
    }
    lines = [
        f"{one.address}  account {one.number}, known to {names.get(one.controller, 'the brand')} ({one.controller})"
        for one in known
    ]
    lines += [f"{key.address}  {key.name}" for key in found]
    session.out.result(document, lines or ["no accounts here yet: each brand gets one when you answer it"])


def _known(session: Session) -> list[Known]:
    # Before the vault's first change there is nothing to open, and nobody is asked for a passphrase.
    if not (session.home.vault / "index").exists():
        return []
    from registry.client.accounts import known_accounts

    vault = session.vault()
    return known_accounts(session.seed, vault)


@command(keys, "words", "consent keys words")
def words(session: Session, words_fd: WriteTo = None) -> None:
    """The 24 words of the seed, at the terminal alone; some of them are asked back."""
    if words_fd is None and not at_terminal():
        raise InvalidInput(
            "the words are shown at a terminal alone", "Use one, or name a descriptor with --words-fd N."
        )
    if words_fd is not None:
        write_words(session.seed, words_fd)
    else:
        show_words(session, session.seed)


@command(keys, "show", "consent keys show main")
def show(session: Session, name: Name = "main") -> None:
    """One key file: its account's address, its file, and its name as a DID (did:pkh)."""
    key = session.home.account(name)
    did = f"did:pkh:eip155:{session.network.domain.chain_id}:{key.address}"
    document = {"name": key.name, "address": key.address, "did": did, "path": str(key.path)}
    session.out.result(
        document, table([("Account", key.address), ("Name", key.name), ("DID", did), ("File", key.path)])
    )
