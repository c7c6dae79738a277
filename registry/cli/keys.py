"""``keys``: the accounts of this home."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from registry.cli.app import command, group
from registry.cli.output import table
from registry.cli.session import Session, ask_secret
from registry.core.errors import InvalidInput

keys = group("keys", "The accounts of this home: keystore files (version 3), never a raw key.")
Name = Annotated[str, typer.Argument(help="The account's name here.")]


@command(keys, "new", "consent keys new shop")
def new(session: Session, name: Name) -> None:
    """Make a new account."""
    from registry.wallets import keyfiles

    phrase = session.new_passphrase()
    with session.out.working("sealing the new key"):
        address = keyfiles.new_key(session.home.keys, name, phrase)
    session.out.result({"name": name, "address": address}, [f"{address}  {name}"])


@command(keys, "import", "consent keys import shop < key.hex")
def import_(session: Session, name: Name) -> None:
    """Bring in a private key: 64 hex digits, asked for without echo or read from standard input."""
    from registry.wallets import keyfiles

    raw = ask_secret("Private key (hex): ") if sys.stdin.isatty() else sys.stdin.readline(200).strip()
    try:
        key = bytes.fromhex(raw.removeprefix("0x"))
    except ValueError:
        raise InvalidInput("that is not a private key", "Give 64 hex digits.") from None
    address = keyfiles.import_key(session.home.keys, name, key, session.new_passphrase())
    session.out.result({"name": name, "address": address}, [f"{address}  {name}"])


@command(keys, "list", "consent keys list")
def list_(session: Session) -> None:
    """All accounts, without opening any."""
    from registry.wallets import keyfiles

    found = keyfiles.list_keys(session.home.keys)
    document = {"keys": [{"name": key.name, "address": key.address, "path": str(key.path)} for key in found]}
    session.out.result(document, [f"{key.address}  {key.name}" for key in found] or ["no accounts here yet"])


@command(keys, "show", "consent keys show main")
def show(session: Session, name: Name = "main") -> None:
    """One account: its address, its file, and its name as a DID (did:pkh)."""
    key = session.home.account(name)
    did = f"did:pkh:eip155:{session.network.domain.chain_id}:{key.address}"
    document = {"name": key.name, "address": key.address, "did": did, "path": str(key.path)}
    session.out.result(
        document, table([("Account", key.address), ("Name", key.name), ("DID", did), ("File", key.path)])
    )
