"""The 24 words at a terminal: shown where nothing keeps them, checked back, and taken in again without echo.

They go only to a terminal or to a descriptor that was named for them, never to stdout, a log or an exception.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from registry.cli.context import Context
from registry.cli.ui.prompts import ask_secret, first_line, write_line
from registry.core.errors import InvalidInput
from registry.wallets.mnemonic import WORDS, nearest_word, seed_of, split_words, unknown_words, words_of

ROUNDS = 5
ASKED_BACK = 3
COLUMNS = 4
# The terminal's alternate screen: its content is not in the scroll-back afterwards.
_OPEN, _CLOSE = "\x1b[?1049h\x1b[H", "\x1b[?1049l"

WriteTo = Annotated[
    int | None, typer.Option("--words-fd", metavar="N", min=0, help="Write the 24 words to descriptor N.")
]


def at_terminal() -> bool:
    """Tell whether a person can read and answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def write_words(seed: bytes, descriptor: int) -> None:
    """Write the words in one line to a descriptor that the shell has opened."""
    write_line(descriptor, " ".join(words_of(seed)), "--words-fd")


def show_words(ctx: Context, seed: bytes) -> None:
    """Show the words at the terminal until the person types some of them right, from paper."""
    warning = "Anybody who reads them has your accounts and your vault."
    if show_checked(ctx, words_of(seed), "They are the seed", warning):
        ctx.out.note("That is right. Keep the paper where nobody else can read it.")
    else:
        ctx.out.note("Not checked: `consent keys words` shows them again.")


def show_checked(ctx: Context, words: Sequence[str], what: str, warning: str) -> bool:
    """Show secret words until the person types some of them right; tell whether they did."""
    for _ in range(ROUNDS):
        _display(words, what, warning)
        if _checked_back(words):
            return True
        ctx.out.note("That is not what was shown. Here they are once more.")
    return False


def _display(words: Sequence[str], what: str, warning: str) -> None:
    apart = os.environ.get("TERM", "dumb") != "dumb"
    sys.stderr.write(_OPEN if apart else "")
    try:
        rows = -(-len(words) // COLUMNS)
        cells = [f"{place:>2} {word:<10}" for place, word in enumerate(words, 1)]
        lines = ["".join(cells[row::rows]).rstrip() for row in range(rows)]
        text = "\n".join((f"Write these words on paper, in this order. {what}:", "", *lines))
        sys.stderr.write(f"{text}\n\n{warning}\nPress Enter when you have them; some are asked back: ")
        sys.stderr.flush()
        if not sys.stdin.readline():
            raise KeyboardInterrupt
    finally:
        sys.stderr.write(_CLOSE if apart else "")
        sys.stderr.flush()


def _checked_back(words: Sequence[str]) -> bool:
    places = sorted(secrets.SystemRandom().sample(range(len(words)), ASKED_BACK))
    answers = [ask_secret(f"Word {place + 1}: ").strip().lower() for place in places]
    return answers == [words[place] for place in places]


def read_words(ctx: Context, descriptor: int | None) -> bytes:
    """Return the seed of the words, from a descriptor or asked for without echo until they fit."""
    if descriptor is not None:
        if descriptor == ctx.flags.get("passphrase_fd"):
            raise InvalidInput("one descriptor cannot give the words and the passphrase", "Use two of them.")
        return seed_of(split_words(_text(descriptor)))
    if not at_terminal():
        raise InvalidInput("the 24 words are needed, and there is no terminal to ask at", "Use --words-fd N.")
    for left in reversed(range(ROUNDS)):
        try:
            words = split_words(ask_secret("The 24 words, with spaces between: "))
            return seed_of(put_right(ctx, words, unknown_words, nearest_word) if len(words) == WORDS else words)
        except InvalidInput as error:
            if not left:
                raise
            ctx.out.note(f"{error}. {error.advice}")
    raise AssertionError  # the last round returns or raises


def put_right(
    ctx: Context, words: Sequence[str], unknown: Callable[[Sequence[str]], list[int]], nearest: Callable[[str], str]
) -> list[str]:
    """Ask again for each word that is not in the list; show the nearest word only at the terminal."""
    right = list(words)
    for place in unknown(words):
        ctx.out.note(f"Word {place} is not in the list.")
        near = nearest(words[place - 1])
        right[place - 1] = ask_secret(f"Word {place} again (Enter for {near}): ").strip().lower() or near
    return right


def _text(descriptor: int) -> str:
    try:
        return first_line(descriptor, "a line of words", "--words-fd").decode("ascii")
    except UnicodeDecodeError:
        raise InvalidInput("the words are not plain letters", "They are English words, without accents.") from None
