"""What the brand signs by itself, from its signature until the chain shows it and it stands where it belongs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, select, update

from registry.brand.records import OwnStatement
from registry.brand.sql.answers import chunks
from registry.brand.sql.tables import own_statements as table
from registry.db.engine import retrying, writing
from registry.db.part import StorePart
from registry.db.statements import InsertNew

_insert = InsertNew(table)


class OwnStatementTable(StorePart):
    """The part of the store that keeps the brand's signed statements until they are anchored."""

    def keep_signed(self, signed: Sequence[OwnStatement]) -> None:
        """Keep these durably, before anybody hears of them. One that is kept of the same kind and thing stays."""
        retrying(self._engine, lambda: self._keep_signed(signed))

    def _keep_signed(self, signed: Sequence[OwnStatement]) -> None:
        with writing(self._engine) as connection:
            for each in signed:
                _insert(connection, each._asdict())

    def signed(self, limit: int) -> list[OwnStatement]:
        """Return signed statements, the oldest of each kind first. Acceptances, which may be many, come last."""
        query = select(table).order_by(table.c.kind.desc(), table.c.about).limit(limit)
        return [OwnStatement(**row._mapping) for row in self._rows(query)]

    def batch(self, root: bytes) -> list[OwnStatement]:
        """Return the statements that are anchored under this root."""
        query = select(table).where(table.c.root == root).order_by(table.c.kind, table.c.about)
        return [OwnStatement(**row._mapping) for row in self._rows(query)]

    def put_under(self, root: bytes, signed: Iterable[OwnStatement]) -> None:
        """Note the batch in which these are anchored, before it is sent."""
        for these in _conditions(signed):
            self._change(update(table).where(these).values(root=root))

    def keep_promise(self, signed: OwnStatement, file: bytes) -> None:
        """Keep the pending file with the notary's promise; an empty one notes only that it may have been sent."""
        values = {"tried": True} | ({"file": file} if file else {})
        same = and_(table.c.kind == signed.kind, table.c.about == signed.about)
        self._change(update(table).where(same).values(values))

    def drop_signed(self, signed: Iterable[OwnStatement]) -> None:
        """Forget these: they stand where they belong, or nobody needs them any more."""
        for these in _conditions(signed):
            self._change(delete(table).where(these))


def _conditions(signed: Iterable[OwnStatement]) -> Iterator[ColumnElement[Any]]:
    every: dict[str, list[int]] = {}
    for each in signed:
        every.setdefault(each.kind, []).append(each.about)
    for kind, abouts in every.items():
        for part in chunks(abouts):
            yield and_(table.c.kind == kind, table.c.about.in_(part))
