"""Batches in PostgreSQL. Workers on many machines take requests that no other one holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, func, select, update

from registry.core.merkle import MAX_BATCH
from registry.db.engine import driver_of, reading, retrying
from registry.notary.records import Batch
from registry.notary.sql.batches import BatchTables, batch_of
from registry.notary.sql.closing import WORD, Picked, Rule, build, pick
from registry.notary.sql.tables import PARTS, requests

# Counting from 1, node n has the sibling n # 1 (exclusive or) and the parent n >> 1.
_FIND = """
SELECT ARRAY(SELECT substring(data FROM 32 * ((((place + 1) >> level) # 1) - 1)::int + 1 FOR 32)
             FROM generate_series(0, 14) AS level WHERE (place + 1) >> level > 1 ORDER BY level),
       batches.id, root, manifest, size, closed_at, due, state, "transaction", block, time
FROM places JOIN batches ON batches.id = places.batch JOIN nodes ON nodes.id = %s * places.batch
WHERE commitment = %s"""
_COPY = "COPY places (commitment, batch, place) FROM STDIN (FORMAT BINARY)"
_TYPES = ("bytea", "int8", "int8")
_waits = requests.c.batch.is_(None)
_size = func.length(requests.c.commitments)
# The mark of a request whose commitments were all in earlier batches.
_NONE = 0


class PostgresBatches(BatchTables):
    """Batches of requests in the same database."""

    _PART_BYTES = 2 * MAX_BATCH * WORD

    def proof(self, commitment: bytes) -> tuple[Batch, list[bytes]] | None:
        """See `ChainBook`. It reads the nodes of this proof alone."""
        return retrying(self._engine, lambda: self._proof(commitment))

    def _proof(self, commitment: bytes) -> tuple[Batch, list[bytes]] | None:
        with reading(self._engine) as connection:
            row = driver_of(connection).execute(_FIND, (PARTS, commitment), binary=True).fetchone()
        return None if row is None else (batch_of(row[1:]), row[0])

    def _is_due(self, rule: Rule) -> bool:
        """Look without a lock first: workers ask often, and there is seldom something to do."""
        with reading(self._engine) as connection:
            query = select(func.sum(_size), func.min(requests.c.received_at)).where(_waits)
            size, oldest = connection.execute(query).one()
        return rule.allows(int(size or 0) // WORD, oldest or 0)

    def _pick(self, connection: Connection) -> Picked:
        columns = (requests.c.id, requests.c.received_at, requests.c.due, requests.c.commitments)
        query = select(*columns).where(_waits).order_by(requests.c.id).with_for_update(skip_locked=True)
        # A cursor of the server locks only the rows that are fetched.
        with connection.execute(query.execution_options(yield_per=32)) as rows:
            return pick(rows)

    def _add_picked(self, connection: Connection, picked: Picked, now: int) -> Batch | None:
        fresh = self._fresh(connection, picked.commitments)
        batch = self._add_batch(connection, build(fresh, now, picked.due)) if fresh else None
        mark = update(requests).where(requests.c.id == func.any(picked.ids))
        connection.execute(mark.values(batch=batch.id) if batch else mark.values(batch=_NONE, commitments=b""))
        return batch

    def _known_of(self, connection: Connection, commitments: list[bytes]) -> Iterator[bytes]:
        query = "SELECT commitment FROM places WHERE commitment = ANY(%b)"
        return (row[0] for row in driver_of(connection).execute(query, (commitments,), binary=True))

    def _insert_places(self, connection: Connection, batch: int, rows: Iterable[tuple[bytes, int]]) -> None:
        with driver_of(connection).cursor() as cursor, cursor.copy(_COPY) as copy:
            copy.set_types(_TYPES)
            for commitment, place in rows:
                copy.write_row((commitment, batch, place))
