"""``init`` and ``recover``: make a home, and make it again from its 24 words."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.cli.ui.mnemonic import WriteTo, at_terminal, read_words, show_words, write_words
from registry.client.home import Home
from registry.core.age.recipients import recipient_of
from registry.core.crypto.seeds import owner_identity
from registry.core.errors import InvalidInput
from registry.present.text import Row, table

IndexCid = Annotated[
    str | None,
    typer.Option(metavar="CID", help="The vault's index, as `consent vault list` showed it: brings back the vault."),
]


@command(app, "init", "consent init --home ~/alice", options=("guessable",))
def init(
    ctx: Context,
    brand: Annotated[
        bool, typer.Option("--brand", help="For a brand, or who pays: make a key file, main, too.")
    ] = False,
    later: Annotated[bool, typer.Option("--later", help="Do not show the 24 words now.")] = False,
    words_fd: WriteTo = None,
) -> None:
    """Make a home: a vault seed, which gives each brand an account of its own.

    It is sealed with a passphrase, which is asked for twice. At a terminal its 24 words are shown, once, and some of
    them are asked back. Tells what to back up. Makes the network too where it is missing and no node is named. The home
    remembers a network that you name.
    """
    network = ctx.configuration.network_path
    if ctx.home.exists and ctx.session.make_network():
        rows: list[Row] = [("Home", f"{ctx.home.path}, as before"), ("Network", f"{network}, new")]
        ctx.out.result({"home": str(ctx.home.path), "network": str(network), "networkMade": True}, table(rows))
        return
    home = _new_home(ctx)
    phrase = ctx.new_passphrase()
    made = ctx.session.make_network()
    with ctx.working("sealing the new seed"):
        key, named = "main" if brand else None, ctx.configuration.named_network
        address = home.create(phrase, key, guessable=ctx.flags["guessable"], network=named)
        seed = home.seed(phrase)
        recipient = recipient_of(owner_identity(seed))
    document = {"home": str(home.path), "network": str(network), "networkMade": made}
    document |= {"address": address, "recipient": recipient}
    where = f"{network}{', new, on this machine alone' if made else ''}"
    rows = [("Home", home.path), ("Network", where), ("Account", address or "one for each brand, from the seed")]
    rows.append(("Recipient", f"{recipient[:28]}... ({len(recipient):,} characters; --json shows all)"))
    ctx.out.result(document, [*table(rows), "", *_WHAT_TO_KEEP])
    if words_fd is not None:
        write_words(seed, words_fd)
    elif at_terminal() and not later:
        show_words(ctx, seed)


_WHAT_TO_KEEP = (
    "Back up this folder and remember its passphrase. Without both, or without the 24 words of its seed, nobody can "
    "open the vault, sign as these accounts or revoke in private, and nobody can reset them.",
    "`consent backup FILE` makes one sealed file of it. `consent keys words` shows the words, and `consent recover` "
    "takes them.",
)


@command(app, "recover", "consent recover --home ~/alice", options=("guessable",))
def recover(
    ctx: Context,
    index: IndexCid = None,
    words_fd: Annotated[
        int | None,
        typer.Option("--words-fd", metavar="N", min=0, help="Read the 24 words, in one line, from descriptor N."),
    ] = None,
) -> None:
    """Make a home again from its 24 words.

    It asks for them without echo, then twice for a new passphrase. The accounts are back at once: an evidence file that
    a brand sends you is enough to revoke it. Without --index the vault begins empty.
    """
    _new_home(ctx)
    document, rows = recover_home(ctx, read_words(ctx, words_fd), index)
    ctx.out.result(document, table(rows))


def recover_home(ctx: Context, seed: bytes, index: str | None) -> tuple[dict[str, Any], list[Row]]:
    """Make the home of this seed, with a new passphrase and the vault of this index; return what to print of it."""
    phrase = ctx.new_passphrase()
    ctx.session.make_network()
    with ctx.working("sealing the seed"):
        found = None if index is None else (index, ctx.network.store)
        place = None if index is None else ctx.network.place
        named = ctx.configuration.named_network
        ctx.home.recover(seed, phrase, found, guessable=ctx.flags["guessable"], network=named, place=place)
    return {"home": str(ctx.home.path), "index": index}, [("Home", ctx.home.path), ("Index", index or "new")]


def _new_home(ctx: Context) -> Home:
    """Refuse a home that exists before asking for anything."""
    if ctx.home.exists:
        raise InvalidInput(f"{ctx.home.path} is a home already", "Choose another folder with --home.")
    return ctx.home
