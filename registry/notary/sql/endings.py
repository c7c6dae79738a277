"""The endings that wait, were sent, ended something, or were refused."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, case, func, select, update

from registry.db.engine import retrying, writing
from registry.db.part import StorePart
from registry.db.statements import InsertNew
from registry.notary.records import FREE, Ending, EndingKind, EndingState, NewEnding, Payment, Times, Unpaid
from registry.notary.sql.payments import NotPaid, pay
from registry.notary.sql.tables import endings as table

_FURTHEST = (EndingState.ENDED, EndingState.SENT, EndingState.WAITING, EndingState.REFUSED)
_rank = case({state: place for place, state in enumerate(_FURTHEST)}, value=table.c.state)
_insert = InsertNew(table)


class EndingTable(StorePart):
    """The part of the intake that keeps endings."""

    def add_endings(self, endings: Sequence[NewEnding], payment: Payment = FREE) -> list[Ending] | Unpaid:
        """See `Intake`."""
        try:
            return retrying(self._engine, lambda: self._add_endings(endings, payment))
        except NotPaid as unpaid:
            return unpaid.reason

    def _add_endings(self, endings: Sequence[NewEnding], payment: Payment) -> list[Ending]:
        with writing(self._engine) as connection:
            # In one order, so that two requests never wait for each other.
            new = [_added(connection, each, payment) for each in sorted(endings, key=_mark)]
            if unpaid := pay(connection, payment, sum(id is not None for id in new)):
                raise NotPaid(unpaid)
            return [_kept(connection, each) for each in endings]

    def ending(self, key: bytes) -> Ending | None:
        """See `Intake`."""
        found = self._rows(select(table).where(table.c.key == key).order_by(_rank, table.c.id).limit(1))
        return _ending(found[0]) if found else None

    def waiting_endings(self, limit: int) -> list[Ending]:
        """See `Intake`."""
        waiting = select(table).where(table.c.state == EndingState.WAITING)
        rows = self._rows(waiting.order_by(table.c.without_token, table.c.id).limit(limit))
        return [_ending(row) for row in rows]

    def free_waiting(self, limit: int) -> int:
        """See `Intake`."""
        waiting = select(table.c.id).where(table.c.state == EndingState.WAITING, table.c.without_token)
        ((count,),) = self._rows(select(func.count()).select_from(waiting.limit(limit).subquery()))
        return int(count)

    def count_endings(self) -> dict[EndingState, int]:
        """See `Intake`."""
        rows = self._rows(select(table.c.state, func.count()).group_by(table.c.state))
        return dict.fromkeys(EndingState, 0) | {EndingState(state): count for state, count in rows}

    def set_endings(
        self, ids: Sequence[int], state: EndingState, *, transaction: int | None = None, why: str = ""
    ) -> None:
        """See `Intake`."""
        values: dict[str, Any] = {"state": state, "why": why}
        if transaction is not None:
            values["transaction"] = transaction
        self._change(update(table).where(table.c.id.in_(ids)).values(values))


def _mark(ending: NewEnding) -> bytes:
    return sha256(ending.key + ending.body).digest()


def _values(ending: NewEnding, payment: Payment) -> dict[str, Any]:
    received_at, due = ending.times
    mark = _mark(ending)
    values = {"mark": mark, "key": ending.key, "kind": ending.kind, "body": ending.body, "received_at": received_at}
    state = {"due": due, "without_token": payment.token is None, "state": EndingState.WAITING}
    return values | state | {"transaction": 0, "why": ""}


def _added(connection: Connection, ending: NewEnding, payment: Payment) -> int | None:
    """Add an ending, or let a token pay for another try of a refused one. None where neither is done."""
    values = _values(ending, payment)
    id: int | None = _insert(connection, values)
    if id is not None or payment.token is None:
        return id
    refused = table.c.mark == values["mark"], table.c.state == EndingState.REFUSED
    change = update(table).where(*refused).values(values).returning(table.c.id)
    return connection.execute(change).scalar_one_or_none()


def _kept(connection: Connection, ending: NewEnding) -> Ending:
    return _ending(connection.execute(select(table).where(table.c.mark == _mark(ending))).one())


def _ending(row: Row[Any]) -> Ending:
    times = Times(row.received_at, row.due)
    state = not row.without_token, EndingState(row.state), row.transaction, row.why
    return Ending(row.id, row.key, EndingKind(row.kind), row.body, times, *state)
