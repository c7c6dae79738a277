"""Lines and tables of plain text: what a brand wrote is printed, never obeyed."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any, NamedTuple

Row = tuple[str, Any]
NAME, YES, NO = "cyan", "bold green", "bold red"
_GAP = 2


class Line(NamedTuple):
    """One line: ``hang`` is where its text goes on when it wraps, ``style`` is rich's, for all before that column
    or, without one, for the whole line."""

    text: str
    hang: int = 0
    style: str = ""


def visible(text: str) -> str:
    """The text on one line, control and bidirectional characters escaped, so that it cannot repaint a terminal."""
    return "".join(c if is_shown(c) else c.encode("unicode_escape").decode() for c in text)


def is_shown(character: str) -> bool:
    """Is this character harmless on a terminal and in a page?"""
    # French puts U+00A0 or U+202F before its colons: spaces are harmless, and Python calls them unprintable.
    return character.isprintable() or unicodedata.category(character) == "Zs"


def table(rows: Iterable[Row], indent: int = 0) -> list[Line]:
    """Lines "name   value", aligned; long values wrap under themselves."""
    pairs = [(visible(name), str(value)) for name, value in rows]
    width = max((len(name) for name, _ in pairs), default=0) + _GAP
    return [Line(f"{'':<{indent}}{name:<{width}}{value}".rstrip(), indent + width, NAME) for name, value in pairs]
