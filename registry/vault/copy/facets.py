"""Fields as marks in the full-text index, so that words and fields are intersected there, and not row by row.

Each value of a field (a category, a schema, a source, a tag, a range of amounts) has a number, and each number a mark:
one character of private use, which no text of a record keeps. A mark of one character is in no prefix index.
Amounts fall into ranges, four for each doubling; a search takes all ranges that it touches, and then compares the
amounts of what is left.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from registry.vault.copy.folding import fold

if TYPE_CHECKING:
    from sqlcipher3.dbapi2 import Connection

_FIRST, _COUNT = 0xE000, 6400  # the Basic Multilingual Plane's area of private use
_LAST = "\U0010ffff"  # after every text that begins alike
_STEPS_OF_A_DOUBLING = 4
# More ranges in one search cost more than the rows they spare.
MAX_STEPS = 256


class Facets:
    """The numbers of values, within one transaction."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._known: dict[tuple[str, str, int], int] = {}

    def number(self, kind: str, value: str, step: int = 0) -> int:
        """Return the number of a value; a new one gets the next."""
        name = (kind, value, step)
        if (found := self._known.get(name)) is None:
            insert = "INSERT OR IGNORE INTO facets (kind, value, step, folded) VALUES (?, ?, ?, ?)"
            self._db.execute(insert, (*name, fold(value)))
            query = "SELECT f FROM facets WHERE kind = ? AND value = ? AND step = ?"
            found = self._known[name] = self._db.execute(query, name).fetchone()[0]
        return found

    def find(self, kind: str, value: str) -> list[int]:
        """Return the numbers of a value as people write it: folded; with a star at its end, all that begin so."""
        folded = fold(value.removesuffix("*"))
        if value.endswith("*"):
            return self._between(kind, folded, folded + _LAST)
        # A schema without its version means all of them.
        versions = self._between(kind, f"{folded}/", f"{folded}/{_LAST}") if kind == "schema" else []
        return self._between(kind, folded, folded) + versions

    def _between(self, kind: str, first: str, last: str) -> list[int]:
        query = "SELECT f FROM facets WHERE kind = ? AND folded BETWEEN ? AND ?"
        return [f for (f,) in self._db.execute(query, (kind, first, last))]

    def steps(self, low: float, high: float, currency: str) -> list[int] | None:
        """Return the numbers of all ranges that hold amounts from low to high, or None if they are too many."""
        query = "SELECT f FROM facets WHERE kind = 'amount' AND step BETWEEN ? AND ? AND value LIKE ? LIMIT ?"
        values = (step_of(low), step_of(high), currency or "%", MAX_STEPS + 1)
        found = [f for (f,) in self._db.execute(query, values)]
        return found if len(found) <= MAX_STEPS else None

    def forget_unused(self) -> None:
        """Delete the values that no record has any more."""
        numbers = [f for (f,) in self._db.execute("SELECT f FROM facets").fetchall()]
        is_used = "SELECT 1 FROM words WHERE words MATCH ? LIMIT 1"
        unused = [(f,) for f in numbers if self._db.execute(is_used, (f'"{mark(f)}"',)).fetchone() is None]
        self._db.executemany("DELETE FROM facets WHERE f = ?", unused)
        self._known.clear()


def mark(number: int) -> str:
    """Return the word that stands for a number: its digits in the characters of private use."""
    digits = ""
    while True:
        number, low = divmod(number, _COUNT)
        digits = chr(_FIRST + low) + digits
        if not number:
            return digits


def any_of(numbers: Iterable[int]) -> str:
    """Return the FTS5 expression that finds records with one of these values."""
    return "(" + " OR ".join(f'"{mark(number)}"' for number in numbers) + ")"


def step_of(amount: float) -> int:
    """Return the range that an amount falls into; larger amounts never have a smaller one."""
    if math.isinf(amount):
        return math.copysign(2**31, amount).__int__()
    fraction, exponent = math.frexp(abs(amount))
    if not fraction:
        return 0
    # Exponents of doubles go from -1073 to 1024, so this is positive.
    step = (exponent + 1100) * _STEPS_OF_A_DOUBLING + int((fraction - 0.5) * 2 * _STEPS_OF_A_DOUBLING)
    return step if amount > 0 else -step
