"""What the log showed of everybody: the first block of each root and handle, and the cutoffs of accounts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Executable, Table, delete
from sqlalchemy.dialects import postgresql, sqlite

from registry.brand.records import Ending, Known, Root
from registry.brand.sql.changes import VIEW, view_of
from registry.brand.sql.tables import anchored, cutoffs, revoked
from registry.db.engine import is_sqlite, retrying, snapshot
from registry.db.part import StorePart

# SQLite takes 32,766 values in one statement.
_MOST_VALUES = 10_000
_ANCHORED = "SELECT root, block, time FROM anchored WHERE root"
_REVOKED = "SELECT handle, time FROM revoked WHERE handle"
_CUTOFFS = "SELECT account, until FROM cutoffs WHERE account"

# PostgreSQL cuts the keys out of one value: their length, and how many there are.
_CUT = (
    "(SELECT substring(given.keys FROM place * given.length + 1 FOR given.length)"
    " FROM (VALUES (%b::bytea, %s::int, %s::int)) AS given (keys, length, count),"
    " LATERAL generate_series(0, given.count - 1) AS place)"
)


def _new(table: Table) -> dict[str, Executable]:
    """Return the statement for each database that keeps rows, and leaves those that are there."""
    return {"sqlite": sqlite.insert(table).on_conflict_do_nothing()} | {
        "postgresql": postgresql.insert(table).on_conflict_do_nothing()
    }


_KEEP = {table.name: _new(table) for table in (anchored, revoked, cutoffs)}


class KnownTables(StorePart):
    """The part of the store that answers what the log showed."""

    def known(self, roots: Collection[bytes], handles: Collection[bytes], accounts: Collection[bytes]) -> Known:
        """Return what the log showed of these, all of one moment."""
        return retrying(self._engine, lambda: self._known(roots, handles, accounts))

    def _known(self, roots: Collection[bytes], handles: Collection[bytes], accounts: Collection[bytes]) -> Known:
        with snapshot(self._engine) as connection:
            view = view_of(*connection.exec_driver_sql(VIEW).one())
            first = {root: (block, time) for root, block, time in _rows(connection, _ANCHORED, roots)}
            ended = {handle: time for handle, time in _rows(connection, _REVOKED, handles)}  # noqa: C416 - rows are no pairs
            largest: dict[bytes, int] = {}
            for account, until in _rows(connection, _CUTOFFS, accounts):
                largest[account] = max(until, largest.get(account, 0))
        return Known(view, first, ended, largest)


def _rows(connection: Connection, query: str, values: Collection[bytes]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of these keys, which have one length.

    SQLAlchemy's own way with many values takes longer than the database. So does psycopg's with a list of them.
    """
    rest = iter(values)
    while part := list(islice(rest, _MOST_VALUES)):
        if is_sqlite(connection.engine):
            found = connection.exec_driver_sql(f"{query} IN ({','.join('?' * len(part))})", tuple(part))
        else:
            found = connection.exec_driver_sql(f"{query} IN {_CUT}", (b"".join(part), len(part[0]), len(part)))
        yield from found


def keep_known(connection: Connection, endings: Sequence[Ending], found: Sequence[Root]) -> None:
    """Keep what the log shows newly. The first block that showed something stays, as in the contract."""
    places = [{"root": each.root, "block": each.block, "time": each.time} for each in found]
    ends = [{"handle": each.handle, "block": each.block, "time": each.time} for each in endings if each.handle]
    switches = [{"account": each.subject, "until": each.until, "block": each.block} for each in endings if each.subject]
    for name, rows in (("anchored", places), ("revoked", ends), ("cutoffs", switches)):
        if rows:
            connection.execute(_KEEP[name][connection.dialect.name], rows)


def forget_known(connection: Connection, above: int) -> None:
    """Forget what was shown above this block."""
    for table in (anchored, revoked, cutoffs):
        connection.execute(delete(table).where(table.c.block > above))
