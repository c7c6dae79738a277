"""The rules of plain text: what a notice's names, labels, sentences and texts may hold (docs/formats.md, "Plain text").

A text that its kind's ``usual`` pattern matches keeps all rules, so notices in English or French read no table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from registry.core.notices import unicode
from registry.core.notices.unicode import Points

_SPACES = " \u00a0\u202f"
_LINE_FEED = "\n"
_ZWNJ, _ZWJ = "\u200c", "\u200d"
_NONE = "\0"  # a control character joins nothing
_APOSTROPHES = "'\u2019"
_BRACKETS = ("Ps", "Pe", "Pi", "Pf")
# The quotes and commas that Unicode does not tell from other punctuation.
_QUOTES_AND_COMMAS = "\"',\u060c\u3001\uff02\uff07\uff0c"
_REFUSED = {
    "Cc": "a control character",
    "Cf": "a format character",
    "Cs": "half of a surrogate pair",
    "Co": "a character for private use",
    "Cn": "not a character of Unicode 17",
    "Zl": "a line separator",
    "Zp": "a paragraph separator",
}

# None of these characters changes in NFC, alone or beside another.
_LETTERS = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba"
_IN_TEXTS = "!-~\u00a1-\u00ac\u00ae-\u02ff\u2010-\u2027\u2030-\u205e\u20ac"
# Ranges for a pattern: these show as themselves wherever they stand.
HARMLESS = _IN_TEXTS + _SPACES
_NAMED = rf"(?:[0-9{_LETTERS}!#$%&*+./:;?@_\u2013\u2014-]|(?<=[{_LETTERS}])['\u2019](?=[{_LETTERS}]))+"
_SAID = f"[{_IN_TEXTS}]+"
_SPACE = f"[{_SPACES}]"
_WORD_AHEAD = f"(?=[^0-9{_LETTERS}]*[0-9{_LETTERS}])"


class Kind(NamedTuple):
    """The rules of one kind of text. ``limit`` is in characters; ``usual`` matches only texts that keep all rules."""

    limit: int
    usual: re.Pattern[str]
    has_lines: bool = False
    needs_word: bool = False
    is_listed: bool = False


_named = re.compile(f"{_WORD_AHEAD}{_NAMED}(?:{_SPACE}{_NAMED})*")
_said = re.compile(f"{_SAID}(?:{_SPACE}{_SAID})*")
_told = re.compile(f"{_SAID}(?:(?:{_SPACE}|{_LINE_FEED}+){_SAID})*")

# Names and labels stand in lists and beside brackets, so they may hold nothing that looks like the end of one.
NAME = LABEL = Kind(80, _named, needs_word=True, is_listed=True)
AND = Kind(20, _named, needs_word=True)
SENTENCE = Kind(500, _said)
TEXT = Kind(4_000, _told, has_lines=True)

# Of these letters, NFKC changes none, and Python's lower() is their case folding.
SIMPLE = re.compile("[ -~\u00c0-\u00d6\u00d8-\u00de\u00e0-\u00f6\u00f8-\u00ff\u0152\u0153\u2019]*")


def find_fault(text: str, kind: Kind) -> str | None:
    """Say which rule the text breaks, in words that follow its name; None if it is plain text of this kind."""
    if not text:
        return "is empty"
    if len(text) > kind.limit:
        return f"has {len(text):,} characters, and {kind.limit:,} are the most"
    if kind.usual.fullmatch(text):
        return None
    return (
        _character_fault(text, kind)
        or _space_fault(text, kind)
        or _joiner_fault(text)
        or ("is not in Unicode NFC" if unicode.nfc(text) != text else None)
        or ("has no letter or digit" if kind.needs_word and not any(map(_is_word, text)) else None)
        or (_mark_fault(text) if kind.is_listed else None)
    )


def find_equal(labels: Iterable[str]) -> tuple[str, str] | None:
    """Two labels that read the same but for case and compatibility forms; None if all differ."""
    seen = dict[str, str]()
    for label in labels:
        key = label.lower() if SIMPLE.fullmatch(label) else unicode.caseless(label)
        if key in seen:
            return seen[key], label
        seen[key] = label
    return None


def is_shown(text: str, place: int) -> bool:
    """Whether the character at this place shows as itself, and no terminal or page obeys it. Spaces do."""
    character = text[place]
    if character in (_ZWNJ, _ZWJ):
        return _joiner_fits(text, place)
    return _category_refusal(character) is None and not unicode.default_ignorable().has(character)


def _character_fault(text: str, kind: Kind) -> str | None:
    allowed = {_ZWNJ, _ZWJ, _LINE_FEED} if kind.has_lines else {_ZWNJ, _ZWJ}
    for character in sorted(set(text) - allowed):
        if what := _refusal(character):
            return f"holds {_code(character)}, which is {what}"
    return None


def _refusal(character: str) -> str | None:
    if what := _category_refusal(character):
        return what
    if unicode.default_ignorable().has(character):
        return "invisible"
    if character not in _SPACES and unicode.category("Zs").has(character):
        return "a space other than U+0020, U+00A0 and U+202F"
    return None


def _category_refusal(character: str) -> str | None:
    return next((what for name, what in _REFUSED.items() if unicode.category(name).has(character)), None)


def _space_fault(text: str, kind: Kind) -> str | None:
    blank = _SPACES + _LINE_FEED if kind.has_lines else _SPACES
    if text[:1] in blank or text[-1:] in blank:
        return "begins or ends with a space"
    if any(one in _SPACES and other in _SPACES for one, other in pairwise(text)):
        return "holds two spaces in a row"
    return None


def _joiner_fault(text: str) -> str | None:
    for place, character in enumerate(text):
        if character in (_ZWNJ, _ZWJ) and not _joiner_fits(text, place):
            return f"holds {_code(character)} where its script does not need it"
    return None


def _joiner_fits(text: str, place: int) -> bool:
    """The CONTEXTJ rules of RFC 5892, appendix A.1 and A.2."""
    if place and unicode.is_virama(text[place - 1]):
        return True
    left, right, dual, transparent = unicode.joining()
    before = _nearest(text, range(place - 1, -1, -1), transparent)
    after = _nearest(text, range(place + 1, len(text)), transparent)
    joins = (left.has(before) or dual.has(before)) and (right.has(after) or dual.has(after))
    return text[place] == _ZWNJ and joins


def _nearest(text: str, places: Iterable[int], transparent: Points) -> str:
    return next((text[place] for place in places if not transparent.has(text[place])), _NONE)


def _mark_fault(text: str) -> str | None:
    for place, character in enumerate(text):
        if character in _APOSTROPHES and _is_inside_word(text, place):
            continue
        if character in _QUOTES_AND_COMMAS or any(unicode.category(name).has(character) for name in _BRACKETS):
            return f"holds {_code(character)}, and a bracket, quote or comma could end a list early"
    return None


def _is_inside_word(text: str, place: int) -> bool:
    return 0 < place < len(text) - 1 and _is_letter(text[place - 1]) and _is_letter(text[place + 1])


def _is_letter(character: str) -> bool:
    return unicode.category("L").has(character)


def _is_word(character: str) -> bool:
    return _is_letter(character) or unicode.category("Nd").has(character)


def _code(character: str) -> str:
    return f"U+{ord(character):04X}"
