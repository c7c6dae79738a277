"""``keys``: the accounts of the seed, which brands know, and the key files."""

from __future__ import annotations

import re
import sys
from functools import partial
from typing import Annotated

import typer

from registry.cli.app import command, group
from registry.cli.commands import keys_guardians
from registry.cli.context import Context
from registry.cli.ui.mnemonic import WriteTo, at_terminal, show_words, write_words
from registry.cli.ui.prompts import ask_secret
from registry.client.accounts import SeedAccount, brand_names, known_accounts
from registry.client.home import Home
from registry.client.passphrases import Changed, change_key_passphrase, change_passphrase
from registry.core.errors import InvalidInput
from registry.present.text import table
from registry.wallets import keyfiles

keys = group("keys", "consent keys list")
keys_guardians.add_to(keys)
MAX_LINE = 200
_KEY = re.compile(r"(?:0x)?[0-9a-fA-F]{64}")
Name = Annotated[str, typer.Argument(metavar="NAME", help="The account's name here.")]


@command(keys, "new", "consent keys new shop", options=("guessable",))
def new(ctx: Context, name: Name) -> None:
    """Make a new account.

    In a sealed file of its own (keystore, version 3).
    """
    _refuse_taken(ctx, name)
    phrase = ctx.new_passphrase()
    with ctx.working("sealing the new key"):
        address = ctx.home.add_key(name, None, phrase, guessable=ctx.flags["guessable"])
    ctx.out.result({"name": name, "address": address}, [f"{address}  {name}"])


@command(keys, "import", "consent keys import shop < key.hex", options=("guessable",))
def import_(ctx: Context, name: Name) -> None:
    """Bring in a private key.

    64 hex digits, asked for without echo or read from standard input, and never from the command line.
    """
    _refuse_taken(ctx, name)
    key = _private_key(ctx)
    address = ctx.home.add_key(name, key, ctx.new_passphrase(), guessable=ctx.flags["guessable"])
    ctx.out.result({"name": name, "address": address}, [f"{address}  {name}"])


def _private_key(ctx: Context) -> bytes:
    if sys.stdin.isatty():
        raw = ask_secret("Private key (hex): ")
    elif ctx.flags["passphrase_fd"] == 0:
        raise InvalidInput("standard input cannot give the key and the passphrase", "Use --passphrase-fd 3 3< FILE.")
    else:
        raw = sys.stdin.readline(MAX_LINE).removeprefix("\ufeff").strip()
    if _KEY.fullmatch(raw) is None:
        raise InvalidInput("that is not a private key", "Give 64 hex digits.")
    return bytes.fromhex(raw.removeprefix("0x"))


def _refuse_taken(ctx: Context, name: str) -> None:
    """Refuse a taken name before asking for a passphrase."""
    if any(key.name == name for key in keyfiles.list_keys(ctx.home.keys)):
        raise InvalidInput(f"there is an account {name!r} already", "Choose another name; keys are never overwritten.")


@command(keys, "list", "consent keys list")
def list_(ctx: Context) -> None:
    """List which brand knows which account; then the key files.

    Listing key files opens none of them. The accounts of the seed need the passphrase, once a brand was answered.
    """
    found = keyfiles.list_keys(ctx.home.keys)
    known = _known(ctx, {key.address for key in found})
    names = brand_names(ctx.home.evidence) if known else {}
    document = {
        "accounts": [one._asdict() | {"name": names.get(one.controller)} for one in known],
        "keys": [{"name": key.name, "address": key.address, "path": str(key.path)} for key in found],
    }
    lines = [_line(one, names.get(one.controller, "the brand")) for one in known]
    lines += [f"{key.address}  {key.name}" for key in found]
    ctx.out.result(document, lines or ["no accounts here yet: each brand gets one when you answer it"])


def _known(ctx: Context, own: set[str]) -> list[SeedAccount]:
    # Where nothing was noted and nothing answered a brand, do not ask for a passphrase.
    entries = ctx.home.evidence.entries().values()
    answered = any(not own & {entry.author, entry.controller} for entry in entries)
    if not answered and not (ctx.home.vault / "index").exists():
        return []
    vault = ctx.session.vault()  # opens the network first: its errors come before a passphrase is asked for
    return known_accounts(ctx.session.seed, vault, ctx.home.evidence)


def _line(one: SeedAccount, name: str) -> str:
    before = f", after {one.generation} retired" if one.generation else ""
    return f"{one.address}  known to {name} ({one.controller}){before}"


@command(keys, "words", "consent keys words")
def words(ctx: Context, words_fd: WriteTo = None) -> None:
    """Show the 24 words of the seed, only at a terminal; some of them are asked back."""
    if words_fd is not None:
        write_words(ctx.session.seed, words_fd)
    elif at_terminal():
        show_words(ctx, ctx.session.seed)
    else:
        raise InvalidInput("the words are shown only at a terminal", "Use one, or name a descriptor with --words-fd N.")


@command(keys, "passphrase", "consent keys passphrase", options=("guessable",))
def passphrase(
    ctx: Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="One key file; by default all of them.")] = None,
    new_passphrase_fd: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Read the new passphrase from descriptor N.")
    ] = None,
) -> None:
    """Change the passphrase of the seed, and of the key files that have the same one; or of one key file.

    The old one is asked for, then twice the new one. Each file is replaced whole or not at all, and a change that was
    interrupted can be repeated. Copies and backups that were made before still open with the old one.
    """
    home, allowed = ctx.home, ctx.flags["guessable"]
    light = home.is_light if name is None else keyfiles.is_light(home.keys, name)
    old = ctx.unlock(partial(_opening, home, name), light)
    new = ctx.another_passphrase(new_passphrase_fd)
    with ctx.working("sealing"):
        if name is None:
            changed = change_passphrase(home, old, new, guessable=allowed)
        else:
            change_key_passphrase(home, name, old, new, guessable=allowed)
            changed = Changed([home.account(name).name], [])
    _print_changed(ctx, name is None, changed)


def _opening(home: Home, name: str | None, phrase: str) -> str:
    """Return the passphrase if it opens the seed, or the named key file."""
    if name is None:
        home.seed(phrase)
    else:
        keyfiles.open_key(home.keys, name, phrase)
    return phrase


def _print_changed(ctx: Context, is_seed: bool, changed: Changed) -> None:
    what = ["the seed"] * is_seed + changed.keys
    document = {"seed": is_seed, "keys": changed.keys, "left": changed.left}
    ctx.out.result(document, [f"New passphrase: {', '.join(what)}."])
    if changed.left:
        advice = "`consent keys passphrase NAME` changes one."
        ctx.out.note(f"Not changed, for they have another one: {', '.join(changed.left)}. {advice}")


@command(keys, "show", "consent keys show main")
def show(ctx: Context, name: Name = "main") -> None:
    """Show one key file: its account's address, its file, and its name as a DID (did:pkh)."""
    key = ctx.home.account(name)
    did = f"did:pkh:eip155:{ctx.network.domain.chain_id}:{key.address}"
    document = {"name": key.name, "address": key.address, "did": did, "path": str(key.path)}
    ctx.out.result(document, table([("Account", key.address), ("Name", key.name), ("DID", did), ("File", key.path)]))
