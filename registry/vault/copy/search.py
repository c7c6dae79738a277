"""Find records: a query becomes one FTS5 expression and a few conditions, read newest first and page by page.

Words and fields meet in the full-text index, whose rows lie in the order of time. So a page costs what its rows cost,
also where a word stands in every record. The text of a query never reaches FTS5's syntax: it is folded and quoted.
"""

from __future__ import annotations

import hashlib
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from registry.core.errors import InvalidInput
from registry.core.sealed.records import Record
from registry.vault.copy.facets import Facets, any_of
from registry.vault.copy.folding import pieces
from registry.vault.copy.query import Query, Term
from registry.vault.copy.tables import MICROSECONDS, first_place

if TYPE_CHECKING:
    from sqlcipher3.dbapi2 import Connection

MAX_PAGE = 1_000
# Ranking looks at so many of the newest hits, and gives so many of the best.
RANKED_OF, RANKED = 5_000, 200
COUNTED = 1_000
# Records whose id begins alike are looked up one by one up to this count.
FEW_IDS = 2_000

DECODE = msgspec.json.Decoder(Record).decode
_HASH_BYTES = 8


class Page(NamedTuple):
    """A part of what was found; ``cursor`` gives the next part, "" after the last.

    ``total`` is how many records fit the query, and ``is_exact`` is False where there are at least so many.
    """

    records: tuple[Record, ...]
    cursor: str
    total: int
    is_exact: bool


class _Plan(NamedTuple):
    """A part of an SQL statement: the tables, the conditions, and their values in order."""

    tables: str
    place: str  # the column that orders
    conditions: tuple[str, ...]
    values: tuple[Any, ...]

    def also(self, condition: str, *values: Any) -> _Plan:
        return self._replace(conditions=(*self.conditions, condition), values=(*self.values, *values))

    def select(self, columns: str, then: str) -> str:
        where = f"WHERE {' AND '.join(self.conditions)}" if self.conditions else ""
        return f"SELECT {columns} FROM {self.tables} {where} {then}"  # noqa: S608 - parts of this file only


def find_page(db: Connection, query: Query, limit: int, cursor: str) -> Page:
    """Return a page of at most ``limit`` records, within a transaction. ``InvalidInput`` for a wrong cursor."""
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidInput(f"a page has 1 to {MAX_PAGE:,} records, not {limit:,}")
    after = _read_cursor(query, cursor)
    plan = _plan(db, query)
    if plan is None:
        return Page((), "", 0, True)
    # Who names ids has few records, and they are not found by words.
    if query.is_ranked and query.terms and not query.id_start:
        return _ranked_page(db, query, plan, limit, after)
    return _newest_page(db, query, plan, limit, after)


def find_older(db: Connection, query: Query, limit: int, before: int | None) -> tuple[tuple[Record, ...], int | None]:
    """Return at most ``limit`` records, newest first, without counting any, within a transaction.

    ``before`` is the place that the last call returned; the place is None after the last record.
    """
    plan = _plan(db, query)
    if plan is None:
        return (), None
    rows = _rows(db, plan if before is None else plan.also(f"{plan.place} < ?", before), limit)
    return tuple(DECODE(line) for _, line in rows), rows[-1][0] if len(rows) == limit else None


def _newest_page(db: Connection, query: Query, plan: _Plan, limit: int, after: tuple[int, ...]) -> Page:
    rest = plan.also(f"{plan.place} < ?", after[0]) if after else plan
    rows = _rows(db, rest, limit + 1)
    following = _cursor(query, [rows[limit - 1][0]]) if len(rows) > limit else ""
    records = tuple(DECODE(line) for _, line in rows[:limit])
    if not after and not following:
        return Page(records, "", len(records), True)
    return Page(records, following, *_count(db, plan))


def _ranked_page(db: Connection, query: Query, plan: _Plan, limit: int, after: tuple[int, ...]) -> Page:
    # The order of ranks changes with every record that is added, so a cursor holds the places that are still to come.
    newest = plan.select("words.rowid AS n, bm25(words) AS score", "ORDER BY words.rowid DESC LIMIT ?")
    best = f"SELECT n FROM ({newest}) ORDER BY score, n DESC LIMIT ?"  # noqa: S608
    places = after or [n for (n,) in db.execute(best, (*plan.values, RANKED_OF, RANKED))]
    line = "SELECT line FROM records r JOIN versions v ON v.v = r.v WHERE r.n = ?"
    lines = [row[0] for n in places[:limit] if (row := db.execute(line, (n,)).fetchone())]
    following = _cursor(query, places[limit:]) if len(places) > limit else ""
    return Page(tuple(map(DECODE, lines)), following, *_count(db, plan))


def _rows(db: Connection, plan: _Plan, limit: int) -> list[Any]:
    tables = plan.tables if "versions v" in plan.tables else f"{plan.tables} CROSS JOIN versions v ON v.v = r.v"
    statement = plan._replace(tables=tables).select("r.n, v.line", f"ORDER BY {plan.place} DESC LIMIT ?")
    return list(db.execute(statement, (*plan.values, limit)))


def _count(db: Connection, plan: _Plan) -> tuple[int, bool]:
    hits = plan.select("1", "LIMIT ?")
    count = db.execute(f"SELECT count(*) FROM ({hits})", (*plan.values, COUNTED + 1)).fetchone()[0]  # noqa: S608
    return min(count, COUNTED), count <= COUNTED


def _plan(db: Connection, query: Query) -> _Plan | None:
    """Return how to find the records, or None where a field has a value that no record has."""
    expression = _expression(Facets(db), query)
    if expression is None:
        return None
    plan = _Plan("words CROSS JOIN records r ON r.n = words.rowid", "words.rowid", ("words MATCH ?",), (expression,))
    if not expression:
        plan = _Plan("records r", "r.n", (), ())
    if query.id_start:
        plan = _by_id(db, plan, query.id_start)
    return _in_amount(_in_time(db, plan, query), query)


def _expression(facets: Facets, query: Query) -> str | None:
    """Return the FTS5 expression, "" for none, or None where nothing can match."""
    parts = [part for term in query.terms for part in _of_term(term)]
    fields = [("category", query.categories), ("schema", query.schemas), ("source", query.sources)]
    for kind, values in (*fields, *(("tag", (tag,)) for tag in sorted(set(query.tags)))):
        numbers = [number for value in values for number in facets.find(kind, value)]
        if values and not numbers:
            return None
        parts += [any_of(sorted(set(numbers)))] if values else []
    if query.has_amount:
        steps = facets.steps(*_bounds(query), query.currency)
        if steps is not None and not steps:
            return None
        parts += [any_of(steps)] if steps else []
    return " AND ".join(parts)


def _of_term(term: Term) -> Iterable[str]:
    found = pieces(term.text)
    for piece in found:
        # A part of a run is found without a star.
        star = "*" if term.is_prefix and piece is found[-1] and not piece.is_run else ""
        yield '"' + piece.text.replace('"', '""') + '"' + star


def _in_time(db: Connection, plan: _Plan, query: Query) -> _Plan:
    if query.since is not None:
        first = first_place(query.since // MICROSECONDS)
        plan = plan.also(f"{plan.place} >= ?", first).also("r.at >= ?", query.since)
    if query.until is not None:
        spill = int(db.execute("SELECT value FROM meta WHERE name = 'spill'").fetchone()[0])
        last = first_place(query.until // MICROSECONDS + spill + 1)
        plan = plan.also(f"{plan.place} < ?", last).also("r.at < ?", query.until)
    return plan


def _in_amount(plan: _Plan, query: Query) -> _Plan:
    if query.has_amount:
        plan = plan.also("r.amount BETWEEN ? AND ?", *_bounds(query))
    return plan.also("r.currency = ?", query.currency) if query.currency else plan


def _bounds(query: Query) -> tuple[float, float]:
    return -inf if query.low is None else float(query.low), inf if query.high is None else float(query.high)


def _by_id(db: Connection, plan: _Plan, start: str) -> _Plan:
    first, last = bytes.fromhex(start.ljust(32, "0")), bytes.fromhex(start.ljust(32, "f"))
    count = "SELECT count(*) FROM (SELECT 1 FROM versions WHERE id BETWEEN ? AND ? LIMIT ?)"
    if plan.values and db.execute(count, (first, last, FEW_IDS + 1)).fetchone()[0] > FEW_IDS:
        tables = f"{plan.tables} CROSS JOIN versions v ON v.v = r.v"
        return plan._replace(tables=tables).also("v.id BETWEEN ? AND ?", first, last)
    tables = "versions v CROSS JOIN records r ON r.n = v.n"
    by_id = _Plan(tables, "r.n", ("v.id BETWEEN ? AND ?",), (first, last))
    if not plan.values:
        return by_id
    return by_id.also("EXISTS (SELECT 1 FROM words WHERE words MATCH ? AND words.rowid = r.n)", *plan.values)


def _cursor(query: Query, places: Iterable[int]) -> str:
    packed = b"".join(struct.pack(">q", place) for place in places)
    return urlsafe_b64encode(_hash(query) + packed).decode().rstrip("=")


def _read_cursor(query: Query, cursor: str) -> tuple[int, ...]:
    if not cursor:
        return ()
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except ValueError:
        raw = b""
    packed = raw[_HASH_BYTES:]
    if raw[:_HASH_BYTES] != _hash(query) or not packed or len(packed) % 8 or len(packed) > RANKED * 8:
        raise InvalidInput("this cursor belongs to another search", "Begin again with the first page.")
    return struct.unpack(f">{len(packed) // 8}q", packed)


def _hash(query: Query) -> bytes:
    return hashlib.sha256(repr(query).encode()).digest()[:_HASH_BYTES]
