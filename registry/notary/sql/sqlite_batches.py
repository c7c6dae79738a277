"""Batches in SQLite. Batch and watermark are in one file, so one commit decides which requests were taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Engine, func, select, update

from registry.core.crypto.keccak import keccak256
from registry.db.engine import driver_of, reading
from registry.notary.records import Batch
from registry.notary.sql.batches import BatchTables, batch_of
from registry.notary.sql.closing import WORD, Picked, Rule, build, pick, siblings
from registry.notary.sql.tables import PARTS, batches, requests, taken

# The index of commitments holds the first bytes of their leaves (keccak256) alone: each batch writes to all of its
# pages, so they should be few. Anybody can make two leaves that begin alike, but not many. A hit counts only where the
# tree has the whole leaf.
_BEGINNING = 8
_FIND = """SELECT places.place, id, root, manifest, size, closed_at, due, state, "transaction", block, time
           FROM places JOIN batches ON batches.id = places.batch WHERE commitment = ?"""
# The nodes of one part: with its id and its length it fits into a page of 4,096 bytes.
_NODES = 126
_LAST_TAKEN = select(batches.c.last_request).where(batches.c.last_request > 0).order_by(batches.c.id.desc()).limit(1)
_size = func.length(requests.c.commitments)


class SqliteBatches(BatchTables):
    """Batches of requests that are in the intake's own file."""

    _PART_BYTES = _NODES * WORD

    def __init__(self, engine: Engine, intake: Engine) -> None:
        super().__init__(engine)
        self._intake = intake

    def proof(self, commitment: bytes) -> tuple[Batch, list[bytes]] | None:
        """See `ChainBook`. It reads the nodes of this proof alone."""
        with reading(self._engine) as connection:
            db = driver_of(connection)
            wanted = keccak256(commitment)
            for place, *columns in db.execute(_FIND, (wanted[:_BEGINNING],)).fetchall():
                batch = batch_of(columns)
                leaf, *proof = _nodes_at(db, batch.id, [place, *siblings(place)])
                if leaf == wanted:
                    return batch, proof
        return None

    def _is_due(self, rule: Rule) -> bool:
        """Look without a lock first: workers ask often, and there is seldom something to do."""
        with reading(self._engine) as connection:
            watermark = self._watermark(connection)
        query = select(func.sum(_size), func.min(requests.c.received_at)).where(requests.c.id > watermark, _size > 0)
        with reading(self._intake) as connection:
            size, oldest = connection.execute(query).one()
        return rule.allows((size or 0) // WORD, oldest or 0)

    def _pick(self, connection: Connection) -> Picked:
        columns = (requests.c.id, requests.c.received_at, requests.c.due, requests.c.commitments)
        query = select(*columns).where(requests.c.id > self._watermark(connection)).order_by(requests.c.id)
        with reading(self._intake) as connection:
            return pick(connection.execute(query.execution_options(yield_per=32)))

    def _add_picked(self, connection: Connection, picked: Picked, now: int) -> Batch | None:
        fresh = self._fresh(connection, picked.commitments)
        connection.execute(update(taken).values(last_request=picked.ids[-1]))
        if not fresh:
            return None
        # Requests that were skipped before are dropped with this batch, because they hold nothing new.
        last = connection.execute(_LAST_TAKEN).scalar() or 0
        ids = {"first_request": last + 1, "last_request": picked.ids[-1]}
        return self._add_batch(connection, build(fresh, now, picked.due), **ids)

    def _known_of(self, connection: Connection, commitments: list[bytes]) -> Iterator[bytes]:
        db, leaves = driver_of(connection), {keccak256(each): each for each in commitments}
        beginnings = {leaf[:_BEGINNING] for leaf in leaves}
        query = f"SELECT batch, place FROM places WHERE commitment IN ({_marks(len(beginnings))})"  # noqa: S608 - marks only
        for batch, place in db.execute(query, list(beginnings)).fetchall():
            (leaf,) = _nodes_at(db, batch, [place])
            if leaf in leaves:
                yield leaves[leaf]

    def _insert_places(self, connection: Connection, batch: int, rows: Iterable[tuple[bytes, int]]) -> None:
        values = ((keccak256(commitment)[:_BEGINNING], batch, place) for commitment, place in rows)
        driver_of(connection).executemany("INSERT INTO places (commitment, batch, place) VALUES (?, ?, ?)", values)

    @staticmethod
    def _watermark(connection: Connection) -> int:
        return int(connection.execute(select(taken.c.last_request)).scalar_one())


def _nodes_at(db: Any, batch: int, places: Iterable[int]) -> list[bytes]:
    """Return the nodes of a batch's tree at these places."""
    wanted = [divmod(place, _NODES) for place in places]
    ids = {part: batch * PARTS + part for part, _ in wanted}
    query = f"SELECT id, data FROM nodes WHERE id IN ({_marks(len(ids))})"  # noqa: S608 - marks only
    parts = dict(db.execute(query, list(ids.values())).fetchall())
    return [parts[ids[part]][at * WORD : at * WORD + WORD] for part, at in wanted]


def _marks(count: int) -> str:
    return ",".join("?" * count)
