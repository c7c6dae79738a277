"""``keys guardians``: shares of the seed for people whom its owner trusts; enough of them together restore it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from registry.cli.app import command, group
from registry.cli.commands.init import IndexCid, recover_home
from registry.cli.context import Context
from registry.cli.ui.mnemonic import ROUNDS, at_terminal, put_right, show_checked
from registry.cli.ui.prompts import MAX_SECRET, ask_secret
from registry.core.crypto.seeds import fingerprint
from registry.core.errors import InvalidInput
from registry.fs.files import making_folder, read_bounded, replace_file, writing
from registry.present.text import Row, table
from registry.wallets import keyfiles
from registry.wallets.mnemonic import split_words
from registry.wallets.shares import (
    MAX_SHARES,
    MIN_NEEDED,
    WORDS,
    Share,
    check_set,
    join_seed,
    nearest_word,
    parse_share,
    split_seed,
    unknown_words,
)

_HELP = "Shares of the seed for people whom you trust: enough of them together restore it."
_SPLIT = "consent keys guardians split --shares 3 --needed 2 --out shares"
_JOIN = "consent keys guardians join share-1.txt share-3.txt"


def add_to(keys: typer.Typer) -> None:
    """Add this group to the group of keys."""
    guardians = group("guardians", _SPLIT, owner=keys, help=_HELP)
    command(guardians, "split", _SPLIT)(split)
    command(guardians, "join", _JOIN, options=("guessable",))(join)


def split(
    ctx: Context,
    shares: Annotated[
        int, typer.Option(metavar="N", min=MIN_NEEDED, max=MAX_SHARES, help="How many guardians get a share.")
    ],
    needed: Annotated[
        int, typer.Option(metavar="N", min=MIN_NEEDED, max=MAX_SHARES, help="How many of them restore the seed.")
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write each share into a file in this new folder.")
    ] = None,
) -> None:
    """Split the seed into shares of 33 words (SLIP-39).

    Fewer shares than are needed reveal nothing. A share does not say whose it is, so tell its guardian. Without --out,
    the shares are shown one at a time, only at a terminal. Write down the fingerprint: joining shows it again.
    """
    if needed > shares:
        raise InvalidInput(f"{needed} shares are needed, and there are {shares}", "Make more shares, or need fewer.")
    if out is None and not at_terminal():
        raise InvalidInput("shares are shown only at a terminal", "Use one, or write them into files: --out FOLDER.")
    if out is not None and out.exists():
        raise InvalidInput(f"{out} exists already", "Name a new folder.")
    seed = ctx.session.seed
    made = split_seed(seed, shares, needed)
    files = _show_each(ctx, made) if out is None else _write_each(out, made)
    document = {"shares": shares, "needed": needed, "fingerprint": fingerprint(seed), "files": files}
    rows: list[Row] = [("Shares", f"{shares}, any {needed} of them restore the seed"), *(("", each) for each in files)]
    advice = "Give each guardian one share, and keep none beside the home: all together are the seed."
    ctx.out.result(document, [*table([*rows, ("Fingerprint", document["fingerprint"])]), "", advice])


def _write_each(folder: Path, made: list[str]) -> list[str]:
    names = [f"share-{number}.txt" for number in range(1, len(made) + 1)]
    with writing(folder), making_folder(folder) as hidden:
        for name, words in zip(names, made, strict=True):
            replace_file(hidden / name, words.encode() + b"\n")
    return [str(folder / name) for name in names]


def _show_each(ctx: Context, made: list[str]) -> list[str]:
    unchecked = []
    for number, words in enumerate(made, 1):
        what = f"They are share {number} of {len(made)}"
        warning = "Write this share alone on its paper, for one guardian. Put your own name on no share."
        if not show_checked(ctx, words.split(), what, warning):
            unchecked.append(str(number))
    if unchecked:
        ctx.out.note(f"Not checked: share {', '.join(unchecked)}. Split again, and give away only the new shares.")
    return []


def join(
    ctx: Context,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE...", help="A file for each share. By default they are asked for."),
    ] = None,
    index: IndexCid = None,
) -> None:
    """Restore the seed from its guardians' shares.

    Where there is no home, it is made again, as `consent recover` does. Where there is one, its passphrase is lost: the
    seed gets a new one, if the shares are of this very seed. Without files, the shares are asked for without echo.
    """
    if ctx.home.exists and index is not None:
        raise InvalidInput(f"{ctx.home.path} is a home already", "Leave --index out: it has its vault.")
    seed = join_seed([_read(file) for file in files] if files else _ask(ctx))
    named = fingerprint(seed)
    if ctx.home.exists:
        ctx.home.check_seed(seed)
    else:
        ctx.out.note(f"Fingerprint {named}: it must be the one that was shown when the shares were made.")
    document, rows = _resealed(ctx, seed) if ctx.home.exists else recover_home(ctx, seed, index)
    ctx.out.result(document | {"fingerprint": named}, table([*rows, ("Fingerprint", named)]))


def _resealed(ctx: Context, seed: bytes) -> tuple[dict[str, Any], list[Row]]:
    phrase = ctx.new_passphrase()
    with ctx.working("sealing the seed"):
        ctx.home.reseal(seed, phrase, guessable=ctx.flags["guessable"])
    if keyfiles.list_keys(ctx.home.keys):
        ctx.out.note("The key files keep the passphrases that they had: shares are of the seed alone.")
    return {"home": str(ctx.home.path), "index": None}, [("Home", f"{ctx.home.path}, with the new passphrase")]


def _read(file: Path) -> Share:
    try:
        return parse_share(read_bounded(file, MAX_SECRET).decode("ascii"))
    except UnicodeDecodeError:
        raise InvalidInput(f"{file}: it holds no words", "Name a file with the 33 words of one share.") from None
    except InvalidInput as error:
        raise InvalidInput(f"{file}: {error}", error.advice) from None


def _ask(ctx: Context) -> list[Share]:
    """Ask for shares until there are enough, and again for each that is mistyped."""
    if not at_terminal():
        raise InvalidInput("shares are needed, and there is no terminal to ask at", "Name a file for each share.")
    shares: list[Share] = []
    left = ROUNDS
    while not shares or len(shares) < shares[0].needed:
        words = split_words(ask_secret(f"Share {len(shares) + 1}, its 33 words with spaces between: "))
        try:
            right = put_right(ctx, words, unknown_words, nearest_word) if len(words) == WORDS else words
            check_set([*shares, share := parse_share(" ".join(right))])
            shares.append(share)
        except InvalidInput as error:
            left -= 1
            if not left:
                raise
            ctx.out.note(f"{error}. {error.advice}")
    return shares
