"""Answers that the brand refused because they answer nothing which it asked. The newest are kept, for the operator."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, func, select

from registry.brand.records import Unasked
from registry.brand.sql.answers import chunks
from registry.brand.sql.tables import answers
from registry.brand.sql.tables import unasked as table
from registry.db.engine import retrying, writing
from registry.db.part import StorePart
from registry.db.statements import InsertNew

# Each is 200 bytes, and whoever sends one has signed and anchored it. Older ones go.
MOST_UNASKED = 10_000
_insert = InsertNew(table)
_COLUMNS = tuple(table.c[name] for name in Unasked._fields)
# One that the brand asked for since, and that came again, was taken.
_STILL = ~select(answers.c.id).where(answers.c.digest == table.c.digest).exists()


class UnaskedTable(StorePart):
    """The part of the store that keeps what nobody asked for."""

    def keep_unasked(self, new: Sequence[Unasked]) -> None:
        """Note these; one that is noted already stays as it is. Of all, the newest 10,000 are kept."""
        known = set[bytes]()
        for part in chunks(each.digest for each in new):
            known.update(row.digest for row in self._rows(select(table.c.digest).where(table.c.digest.in_(part))))
        # Read first: somebody who sends the same again must not make the brand write.
        if unknown := [each for each in new if each.digest not in known]:
            retrying(self._engine, lambda: self._keep_unasked(unknown))

    def _keep_unasked(self, new: Sequence[Unasked]) -> None:
        with writing(self._engine) as connection:
            for each in new:
                _insert(connection, each._asdict())
            newest = connection.execute(select(func.max(table.c.id))).scalar() or 0
            connection.execute(delete(table).where(table.c.id <= newest - MOST_UNASKED))

    def all_unasked(self, limit: int) -> list[Unasked]:
        """Return what was refused, the newest first."""
        query = select(*_COLUMNS).where(_STILL).order_by(table.c.id.desc()).limit(limit)
        return [Unasked(**row._mapping) for row in self._rows(query)]

    def count_unasked(self) -> int:
        """Return how many there are, of those that are kept."""
        return int(self._rows(select(func.count()).select_from(table).where(_STILL))[0][0])
