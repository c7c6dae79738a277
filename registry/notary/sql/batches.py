"""Batches and proofs: what SQLite and PostgreSQL have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, insert, select, update

from registry.core.errors import DatabaseUnavailable
from registry.db.engine import retrying, writing
from registry.db.errors import Conflict
from registry.db.part import StorePart
from registry.notary.records import Batch, BatchState
from registry.notary.sql.closing import Built, Picked, Rule, build
from registry.notary.sql.tables import PARTS, manifests, nodes
from registry.notary.sql.tables import batches as table

T = TypeVar("T")
COLUMNS = tuple(table.c[name] for name in Batch._fields)
_LOOKED_UP_AT_ONCE = 1_000
_TRIES = 10


class BatchTables(StorePart):
    """The part of the chain book that keeps batches. Its subclasses take the requests, and read proofs."""

    _PART_BYTES: int

    def close_batch(self, now: int, *, items: int, seconds: int, at_once: bool = False) -> Batch | None:
        """See `ChainBook`."""
        return self._again(lambda: self._close(Rule(now, items, seconds, at_once)))

    def add_rebuilt(self, commitments: Sequence[bytes], transaction: str, block: int, time: int) -> Batch:
        """See `ChainBook`."""
        built = build(list(commitments), time, 0)
        built.batch.update(state=BatchState.FINAL, transaction=transaction, block=block, time=time)
        return self._again(lambda: self._add_rebuilt(built))

    def _add_rebuilt(self, built: Built) -> Batch:
        with writing(self._engine) as connection:
            kept = connection.execute(_with_root(built.batch["root"])).first()
            if kept:
                return batch_of(kept)
            known = self._known(connection, [commitment for commitment, _ in built.places])
            new = [each for each in built.places if each[0] not in known]
            return self._add_batch(connection, built._replace(places=new))

    def batch(self, root: bytes) -> Batch | None:
        """See `ChainBook`."""
        found = self._rows(_with_root(root))
        return batch_of(found[0]) if found else None

    def batches(self, state: BatchState, limit: int = 100) -> list[Batch]:
        """See `ChainBook`."""
        query = select(*COLUMNS).where(table.c.state == state).order_by(table.c.due, table.c.id).limit(limit)
        return [batch_of(row) for row in self._rows(query)]

    def set_batch(self, batch: int, state: BatchState, *, transaction: str = "", block: int = 0, time: int = 0) -> None:
        """See `ChainBook`."""
        values = {"state": state, "transaction": transaction, "block": block, "time": time}
        self._change(update(table).where(table.c.id == batch).values(values))

    def manifest(self, root: bytes) -> bytes | None:
        """See `ChainBook`."""
        query = select(manifests.c.commitments).join(table, table.c.id == manifests.c.batch).where(table.c.root == root)
        found = self._rows(query)
        return found[0][0] if found else None

    def _close(self, rule: Rule) -> Batch | None:
        if not self._is_due(rule):
            return None
        with writing(self._engine) as connection:
            while (picked := self._pick(connection)).ids:
                if not picked.is_full and not rule.allows(len(picked.commitments), picked.oldest):
                    return None
                if batch := self._add_picked(connection, picked, rule.now):
                    return batch
        return None

    def _is_due(self, rule: Rule) -> bool:
        raise NotImplementedError

    def _pick(self, connection: Connection) -> Picked:
        raise NotImplementedError

    def _add_picked(self, connection: Connection, picked: Picked, now: int) -> Batch | None:
        raise NotImplementedError

    def _fresh(self, connection: Connection, commitments: Sequence[bytes]) -> list[bytes]:
        """Return the commitments that are in no batch."""
        known = self._known(connection, commitments)
        return [each for each in commitments if each not in known]

    def _known(self, connection: Connection, commitments: Sequence[bytes]) -> set[bytes]:
        """Return which of these commitments are in a batch."""
        ordered, found = sorted(commitments), set[bytes]()
        for start in range(0, len(ordered), _LOOKED_UP_AT_ONCE):
            found.update(self._known_of(connection, ordered[start : start + _LOOKED_UP_AT_ONCE]))
        return found

    def _known_of(self, connection: Connection, commitments: list[bytes]) -> Iterator[bytes]:
        raise NotImplementedError

    def _insert_places(self, connection: Connection, batch: int, rows: Iterable[tuple[bytes, int]]) -> None:
        raise NotImplementedError

    def _add_batch(self, connection: Connection, built: Built, **more: int) -> Batch:
        row = connection.execute(insert(table).values(built.batch | more).returning(*COLUMNS)).one()
        connection.execute(insert(manifests).values(batch=row.id, commitments=built.commitments))
        parts = range(0, len(built.nodes), self._PART_BYTES)
        rows = [(row.id * PARTS + number, built.nodes[at : at + self._PART_BYTES]) for number, at in enumerate(parts)]
        connection.execute(insert(nodes), [{"id": id, "data": data} for id, data in rows])
        self._insert_places(connection, row.id, built.places)
        return batch_of(row)

    def _again(self, work: Callable[[], T]) -> T:
        """Do work again where another worker put one of its commitments into a batch at the same time."""
        for _ in range(_TRIES):
            try:
                return retrying(self._engine, work)
            except Conflict:
                continue
        raise DatabaseUnavailable("other workers close batches with the same commitments all the time", "Try again.")


def batch_of(row: Iterable[Any]) -> Batch:
    """Make a batch of a row with `COLUMNS`."""
    values = Batch._make(row)
    return values._replace(state=BatchState(values.state))


def _with_root(root: bytes) -> Any:
    return select(*COLUMNS).where(table.c.root == root)
