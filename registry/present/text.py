"""Lines and tables of plain text, in which a brand's characters cannot control the terminal."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

Row = tuple[str, Any]
NAME, YES, NO = "cyan", "bold green", "bold red"
_GAP = 2
# Harmless by the tables too, which need not be read for them: Latin, punctuation, arrows, boxes and dingbats.
USUAL = re.compile("[ -~\u00a0-\u00ac\u00ae-\u02ff\u2010-\u2027\u202f-\u205e\u20ac\u2190-\u21ff\u2500-\u27bf]*")
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


def _spelt_out(character: str) -> str:
    return character.encode("unicode_escape").decode()


def visible(text: str, escape: Callable[[str], str] = _spelt_out) -> str:
    """The text with each character escaped that shows nothing, or that a terminal or page could obey.

    They are those that no plain text may hold, whatever Python's own tables say; spaces are harmless.
    """
    if USUAL.fullmatch(text):
        return text
    from registry.core.notices import plain_text

    return "".join(c if plain_text.is_shown(text, place) else escape(c) for place, c in enumerate(text))


def table(rows: Iterable[Row], indent: int = 0) -> list[Line]:
    """Aligned lines "name   value"; long values wrap under themselves."""
    pairs = [(visible(name), str(value)) for name, value in rows]
    width = max((len(name) for name, _ in pairs), default=0) + _GAP
    return [Line(f"{'':<{indent}}{name:<{width}}{value}".rstrip(), indent + width, NAME) for name, value in pairs]
