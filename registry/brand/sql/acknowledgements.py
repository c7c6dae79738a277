"""Which ended grants the brand has acknowledged, and how long that took."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, delete, func, select, update

from registry.brand.records import Acknowledged, Answer, State
from registry.brand.sql.answers import answer_of, chunks
from registry.brand.sql.changes import ChangingTables, Locked
from registry.brand.sql.tables import UNACKNOWLEDGED, UNSETTLED, answers, holdings, own_statements, pairs
from registry.brand.sql.tables import acknowledgements as table
from registry.db.statements import InsertNew

_insert = InsertNew(table)


class AcknowledgementTimes(NamedTuple):
    """How acknowledgements went: their number, the most seconds from an end to an anchor, and how many were late.

    ``waiting`` ends have none yet, the first of them since ``waiting_since`` (unix seconds, 0 for none).
    """

    made: int
    slowest: int
    late: int
    waiting: int
    waiting_since: int


class AcknowledgementTable(ChangingTables):
    """The part of the store that keeps anchored acknowledgements."""

    def unacknowledged(self, controller: bytes, limit: int) -> list[Answer]:
        """Return grants to this account (20 bytes) that their persons ended and the brand has stopped to use.

        Those whose acknowledgement is signed already are left out.
        """
        mine = answers.c.controller == controller
        query = select(answers).where(UNACKNOWLEDGED, mine, has_stopped(), ~_signed())
        return [answer_of(row) for row in self._rows(query.order_by(answers.c.id).limit(limit))]

    def keep_acknowledged(self, done: Sequence[Acknowledged]) -> None:
        """Keep these of grants that are still ended; what stands again needs none."""
        self._alone(lambda locked: _keep(locked, done))

    def acknowledgement(self, answer: int) -> bytes:
        """Return the evidence file of a grant's acknowledgement, empty where there is none."""
        rows = self._rows(select(table.c.file).where(table.c.answer == answer))
        return rows[0].file if rows else b""

    def unsettled(self, number: int, limit: int) -> list[Acknowledged]:
        """Return acknowledgements whose anchor is looked up again once the log was read up to this block."""
        query = select(table).where(UNSETTLED, table.c.check_at <= number).limit(limit)
        return [Acknowledged(**row._mapping) for row in self._rows(query)]

    def settle_acknowledged(self, settled: Sequence[int], lost: Sequence[int]) -> None:
        """Note of these answers that the anchor lies deep enough, and of those that the chain has lost it."""
        self._alone(lambda locked: _settle(locked, settled, lost))

    def acknowledgement_times(self, controller: bytes, since: int, within: int) -> AcknowledgementTimes:
        """Return how it went since then (unix seconds); one that took more than ``within`` seconds was late."""
        took = table.c.anchored_at - table.c.ended_at
        late = func.count().filter(took > within)
        recent = select(func.count(), func.max(took), late).where(table.c.anchored_at >= since)
        made, slowest, late_ones = self._rows(recent)[0]
        owed = select(func.count(), func.min(answers.c.ended_at)).where(
            UNACKNOWLEDGED, answers.c.controller == controller
        )
        waiting, first = self._rows(owed)[0]
        return AcknowledgementTimes(made, max(0, slowest or 0), late_ones, waiting, first or 0)


def has_stopped() -> ColumnElement[bool]:
    """Return the condition that nothing of an ended grant is left to use. Only then is its end acknowledged.

    "May I?" has nothing to say yes by, and no block of the data is held, with which the keys have gone.
    """
    allowed = select(pairs.c.answer).where(pairs.c.answer == answers.c.id)
    has_data = select(holdings.c.answer).where(holdings.c.answer == answers.c.id, holdings.c.blocks > 0)
    return ~allowed.exists() & ~has_data.exists()


def _signed() -> ColumnElement[bool]:
    own = own_statements.c
    return select(own.about).where(own.kind == "Acknowledgement", own.about == answers.c.id).exists()


def _keep(locked: Locked, done: Sequence[Acknowledged]) -> None:
    connection = locked.connection
    for each in done:
        same = and_(answers.c.id == each.answer, answers.c.state == State.ENDED)
        changed = connection.execute(update(answers).where(same).values(acknowledged_at=each.anchored_at))
        if changed.rowcount:
            _insert(connection, each._asdict())


def _settle(locked: Locked, settled: Sequence[int], lost: Sequence[int]) -> None:
    connection = locked.connection
    for part in chunks(settled):
        connection.execute(update(table).where(table.c.answer.in_(part)).values(check_at=0))
    for part in chunks(lost):
        connection.execute(delete(table).where(table.c.answer.in_(part)))
        connection.execute(update(answers).where(answers.c.id.in_(part)).values(acknowledged_at=0))
