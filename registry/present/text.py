"""Lines and tables of plain text, in which a brand's characters cannot control the terminal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any, NamedTuple

Row = tuple[str, Any]
NAME, YES, NO = "cyan", "bold green", "bold red"
_GAP = 2
# A date, perhaps with its time, as sentences and `format_utc` have it.
DATE = re.compile(r"(\b\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d UTC)?\b)")


class Line(NamedTuple):
    """One line of text.

    ``hang`` is the column at which a wrapped line continues. ``style`` is rich's; it applies up to that column, or to
    the whole line if ``hang`` is 0.
    """

    text: str
    hang: int = 0
    style: str = ""


def visible(text: str) -> str:
    """The text on one line, with control and bidirectional characters escaped so that it cannot repaint a terminal."""
    return "".join(c if is_shown(c) else c.encode("unicode_escape").decode() for c in text)


def is_shown(character: str) -> bool:
    """Whether this character is harmless on a terminal and in a page."""
    # Spaces are harmless, but Python calls U+00A0 and U+202F, which French puts before colons, unprintable.
    return character.isprintable() or unicodedata.category(character) == "Zs"


def table(rows: Iterable[Row], indent: int = 0) -> list[Line]:
    """Aligned lines "name   value"; long values wrap under themselves."""
    pairs = [(visible(name), str(value)) for name, value in rows]
    width = max((len(name) for name, _ in pairs), default=0) + _GAP
    return [Line(f"{'':<{indent}}{name:<{width}}{value}".rstrip(), indent + width, NAME) for name, value in pairs]
