"""What is searched, and the small language in which people write it.

``muller "gift card" pre* category:pd:Purchase after:2026-01-01 amount:10..50 EUR tag:gift``
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from registry.core.errors import InvalidInput
from registry.vault.copy.folding import MIN_PREFIX, last_word, pieces
from registry.vault.copy.tables import MICROSECONDS

MAX_CHARACTERS = 1_000
MAX_TERMS = 32
MIN_ID_DIGITS = 4

_PART = re.compile(r'\s*(?:(?P<field>[A-Za-z]+):(?!//))?(?:"(?P<quoted>[^"]*)"(?P<star>\*?)|(?P<bare>[^\s"]*))')
_NUMBER = r"-?[0-9]{1,15}(?:\.[0-9]{1,6})?"
_AMOUNT = re.compile(rf"(?P<low>{_NUMBER})?(?P<dots>\.\.)?(?P<high>{_NUMBER})?(?P<currency>[A-Z]{{3}})?")
_CURRENCY = re.compile(r"\s+([A-Z]{3})(?!\S)")
_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Term(NamedTuple):
    """Words that must stand in a record, in this order; with a star, the last one only has to begin so."""

    text: str
    is_prefix: bool = False


class Query(NamedTuple):
    """Everything that a record has to fulfil. Empty means anything.

    Of several categories, schemas or sources one must fit; of several terms or tags all must. A value may end with a
    star. ``since`` (included) and ``until`` (excluded) are microseconds since 1970, UTC.
    """

    terms: tuple[Term, ...] = ()
    categories: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    id_start: str = ""
    since: int | None = None
    until: int | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    currency: str = ""
    is_ranked: bool = False

    @property
    def has_amount(self) -> bool:
        """Whether it asks for amounts."""
        return self.low is not None or self.high is not None or bool(self.currency)


def parse(text: str) -> Query:
    """Read a query as people write it; ``InvalidInput`` says what is wrong with it."""
    if len(text) > MAX_CHARACTERS:
        raise InvalidInput(f"the query is longer than {MAX_CHARACTERS:,} characters", "Search for less at once.")
    found, at = dict[str, Any](), 0
    text = text.rstrip()
    while at < len(text):
        part = _PART.match(text, at)
        if part is None or part.end() == at:
            raise InvalidInput("a quote is not closed", 'Write the words between two quotes: "exact phrase".')
        at = _add(found, part, text)
    query = Query(**found)
    _check(query)
    return query


def _add(found: dict[str, Any], part: re.Match[str], text: str) -> int:
    """Add one part of the text to what was found; return where the next one begins."""
    field, at = (part["field"] or "").lower(), part.end()
    value = part["bare"] if part["quoted"] is None else part["quoted"] + part["star"]
    if not field:
        found["terms"] = (*found.get("terms", ()), _term(value, part["quoted"] is not None))
        return at
    if field not in _FIELDS:
        advice = f"Fields are {', '.join(_FIELDS)}. Put a word with a colon between quotes."
        raise InvalidInput(f"no field is named {field!r}", advice)
    if not value.strip("*"):
        raise InvalidInput(f"{field}: has no value", f"Write it after the colon, as in {_FIELDS[field].example}.")
    if field == "amount" and not part["star"] and (currency := _CURRENCY.match(text, at)):
        value, at = value + currency[1], currency.end()
    for name, read in _FIELDS[field].read(value).items():
        if isinstance(read, tuple):
            found[name] = (*found.get(name, ()), *read)
        elif name in found:
            raise InvalidInput(f"{field}: stands twice", "Write it once.")
        else:
            found[name] = read
    return at


def _term(text: str, is_quoted: bool) -> Term:
    is_prefix = text.endswith("*")
    words = pieces(text.rstrip("*"))
    if not words:
        raise InvalidInput(f"{text!r} holds no letter and no digit", "Search for words, or for a field.")
    if is_prefix and not words[-1].is_run and len(last_word(words[-1])) < MIN_PREFIX:
        raise InvalidInput(f"{text!r} begins with too little", f"Write {MIN_PREFIX} letters or more before the star.")
    return Term(text.rstrip("*"), is_prefix)


def _check(query: Query) -> None:
    for many in (query.terms, query.categories, query.schemas, query.sources, query.tags):
        if len(many) > MAX_TERMS:
            raise InvalidInput(f"the query has more than {MAX_TERMS} words, or values of a field", "Search for fewer.")
    if None not in (query.since, query.until) and query.since >= query.until:  # type: ignore[operator]
        raise InvalidInput("nothing can lie after and before these times", "Exchange them.")
    if query.low is not None and query.high is not None and query.low > query.high:
        raise InvalidInput(f"no amount lies from {query.low} to {query.high}", "Write the smaller one first.")


def _many(name: str) -> Callable[[str], dict[str, Any]]:
    return lambda value: {name: (value,)}


def _id(value: str) -> dict[str, Any]:
    digits = value.lower().rstrip("*").replace("-", "")
    if not re.fullmatch(rf"[0-9a-f]{{{MIN_ID_DIGITS},32}}", digits):
        raise InvalidInput(f"{value!r} does not begin an id", f"Write {MIN_ID_DIGITS} of its hex digits or more.")
    return {"id_start": digits}


def _time(name: str) -> Callable[[str], dict[str, Any]]:
    return lambda value: {name: _microseconds(value)}


def _microseconds(value: str) -> int:
    try:
        if found := _DATE.fullmatch(value):
            day = date(int(found[1]), int(found[2] or 1), int(found[3] or 1))
            return (day.toordinal() - _EPOCH.toordinal()) * 86_400 * MICROSECONDS
        if _MOMENT.fullmatch(value):
            since = datetime.fromisoformat(value) - _EPOCH
            return (since.days * 86_400 + since.seconds) * MICROSECONDS + since.microseconds
    except (ValueError, OverflowError):
        pass
    raise InvalidInput(f"{value!r} is no time", "Write 2026, 2026-01, 2026-01-31 or 2026-01-31T10:00:00+01:00.")


def _amount(value: str) -> dict[str, Any]:
    found = _AMOUNT.fullmatch(value)
    if found is None or (found["high"] and not found["dots"]) or not (found["low"] or found["dots"]):
        raise InvalidInput(f"{value!r} is no amount", "Write 12.50, 10..50, 10.. or ..50, and a currency: 10..50 EUR.")
    low, high = (Decimal(found[name]) if found[name] else None for name in ("low", "high"))
    read = {"low": low, "high": high if found["dots"] else low, "currency": found["currency"]}
    return {name: each for name, each in read.items() if each is not None}


def _sort(value: str) -> dict[str, Any]:
    if value not in ("rank", "newest"):
        raise InvalidInput(f"there is no order {value!r}", "Write sort:rank or sort:newest.")
    return {"is_ranked": value == "rank"}


class _Field(NamedTuple):
    read: Callable[[str], dict[str, Any]]
    example: str


_FIELDS: Mapping[str, _Field] = {
    "category": _Field(_many("categories"), "category:pd:Purchase"),
    "schema": _Field(_many("schemas"), "schema:purchase"),
    "source": _Field(_many("sources"), 'source:"by hand"'),
    "tag": _Field(_many("tags"), "tag:gift"),
    "id": _Field(_id, "id:0198c1f2"),
    "after": _Field(_time("since"), "after:2026-01-31"),
    "before": _Field(_time("until"), "before:2026-02"),
    "amount": _Field(_amount, "amount:10..50"),
    "sort": _Field(_sort, "sort:rank"),
}
