"""The brand's counter-signatures, from the moment they are signed until they stand in their grants' files."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select, update

from registry.brand.records import SignedAcceptance
from registry.brand.sql.answers import chunks
from registry.brand.sql.tables import acceptances as table
from registry.db.engine import retrying, writing
from registry.db.part import StorePart
from registry.db.statements import InsertNew

_insert = InsertNew(table)


class AcceptanceTable(StorePart):
    """The part of the store that keeps signed acceptances."""

    def keep_signed(self, signed: Sequence[SignedAcceptance]) -> None:
        """Keep these durably, before anybody hears of them. One that is kept for the same grant stays."""
        retrying(self._engine, lambda: self._keep_signed(signed))

    def _keep_signed(self, signed: Sequence[SignedAcceptance]) -> None:
        with writing(self._engine) as connection:
            for each in signed:
                _insert(connection, each._asdict())

    def signed(self, limit: int) -> list[SignedAcceptance]:
        """Return signed acceptances, the first first."""
        return [
            SignedAcceptance(**row._mapping) for row in self._rows(select(table).order_by(table.c.answer).limit(limit))
        ]

    def batch(self, root: bytes) -> list[SignedAcceptance]:
        """Return the acceptances that are anchored under this root."""
        rows = self._rows(select(table).where(table.c.root == root).order_by(table.c.answer))
        return [SignedAcceptance(**row._mapping) for row in rows]

    def put_under(self, root: bytes, answers: Sequence[int]) -> None:
        """Note the batch in which these are anchored, before it is sent."""
        for part in chunks(answers):
            self._change(update(table).where(table.c.answer.in_(part)).values(root=root))

    def keep_promise(self, answer: int, file: bytes) -> None:
        """Keep the pending file with the notary's promise; an empty one notes only that it may have been sent."""
        values = {"tried": True} | ({"file": file} if file else {})
        self._change(update(table).where(table.c.answer == answer).values(values))

    def drop_signed(self, answers: Sequence[int]) -> None:
        """Forget these: their grants' files hold them, or their grants do not stand any more."""
        for part in chunks(answers):
            self._change(delete(table).where(table.c.answer.in_(part)))
