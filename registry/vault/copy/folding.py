"""One spelling for all spellings of a word, for what is indexed and for what is searched alike.

Case, diacritics and compatibility forms are folded: "strasse" finds "Straße", "muller" finds "Müller". Scripts without
spaces between words (Chinese, Japanese, Korean, Thai and their neighbours) are cut into pairs of characters: any part
of a sentence is then a phrase of pairs, also a part of two characters, which most Chinese words have. Single
characters stand at the end of the text. FTS5's own trigrams would need a second table, and never match two characters.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import NamedTuple

# FTS5 sees words where these stand; Co (private use) holds the marks of `facets`.
TOKENIZER = "unicode61 remove_diacritics 0 categories 'L* M* N* Co'"
MIN_PREFIX = 2

# Diacritics of Latin, Greek and Cyrillic; points of Hebrew; vowel signs of Arabic. Other scripts' marks are letters.
_MARKS = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u065f\u0670]")
# Letters that Unicode does not take apart, and that people without the key type otherwise.
_LETTERS = {
    ord(letter): plain
    for letter, plain in {"ł": "l", "ø": "o", "đ": "d", "ħ": "h", "\u0131": "i", "ŧ": "t", "æ": "ae", "œ": "oe"}.items()
}
_UNDIVIDED = re.compile(f"[{''.join(map(chr, _LETTERS))}]")
# SQLite ends a query at a zero, and takes no surrogates.
_NOT_TEXT = re.compile("[\0\ud800-\udfff\ue000-\uf8ff\U000f0000-\U0010ffff]")
_UNSPACED = re.compile(
    "["
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ede"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17d3"  # Burmese, Khmer
    "\u3005-\u3007\u3031-\u3035\u3041-\u309a\u30a1-\u30fa\u30fc-\u30fe\u3105-\u312f\u31f0-\u31ff"  # kana, bopomofo
    "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"  # Han
    "\uac00-\ud7a3"  # Hangul
    "]+"
)
_WORD = re.compile(r"[^\W_]+")


class Piece(NamedTuple):
    """A part of what a person searches: words in their order, or a run of a script without spaces, cut into pairs."""

    text: str
    is_run: bool


def fold(text: str) -> str:
    """Fold case, diacritics and compatibility forms. Zeros and characters of private use become spaces."""
    if text.isascii():
        return text.lower().replace("\0", " ")
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    text = unicodedata.normalize("NFC", _MARKS.sub("", text))
    # Looking is ten times as fast as replacing what is hardly ever there.
    text = _NOT_TEXT.sub(" ", text) if _NOT_TEXT.search(text) else text
    return text.translate(_LETTERS) if _UNDIVIDED.search(text) else text


def indexed(text: str) -> str:
    """Return the text as FTS5 gets it: folded, and cut into pairs where a script has no spaces."""
    text = fold(text)
    if text.isascii() or not _UNSPACED.search(text):
        return text
    singles = sorted({letter for run in _UNSPACED.findall(text) for letter in run})
    return " ".join([_UNSPACED.sub(lambda run: f" {_pairs(run[0])} ", text), *singles])


def pieces(text: str) -> list[Piece]:
    """Return the parts of a searched text, none if it holds no letter and no digit."""
    text, found, at = fold(text), list[Piece](), 0
    for run in _UNSPACED.finditer(text):
        found += _words(text[at : run.start()])
        found.append(Piece(_pairs(run[0]), True))
        at = run.end()
    return found + _words(text[at:])


def last_word(piece: Piece) -> str:
    """Return the word that a star after this piece would complete."""
    words: list[str] = _WORD.findall(piece.text)
    return words[-1]


def _words(text: str) -> list[Piece]:
    return [Piece(text.strip(), False)] if _WORD.search(text) else []


def _pairs(run: str) -> str:
    return " ".join(map("".join, pairwise(run))) or run
