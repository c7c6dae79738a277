"""What pays for requests: tokens, each spent once, and the budgets of sponsors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Executable, Row, delete, insert, select, update

from registry.core.errors import InvalidInput
from registry.db.engine import retrying, writing
from registry.db.errors import Conflict
from registry.db.part import StorePart
from registry.db.statements import InsertNew
from registry.notary.records import Payment, Sponsor, Unpaid
from registry.notary.sql.tables import sponsors, tokens

_spend = InsertNew(tokens)
_columns = tuple(sponsors.c[name] for name in Sponsor._fields)
_read = select(*_columns)


class NotPaid(Exception):
    """Rolls a transaction back in which a payment was not taken."""

    def __init__(self, reason: Unpaid) -> None:
        super().__init__(reason)
        self.reason = reason


def pay(connection: Connection, payment: Payment, count: int) -> Unpaid | None:
    """Take the payment for ``count`` items in the caller's transaction; None if it was taken."""
    if count == 0:
        return None
    if payment.token is not None:
        if count > 1:
            raise InvalidInput(f"a token pays for one item, not for {count:,}", "Send each item by itself.")
        spent = _spend(connection, {"token": payment.token, "ends": payment.token_ends})
        return Unpaid.TOKEN_SPENT if spent is None else None
    return None if payment.sponsor is None else draw_from(connection, payment.sponsor, count)


def draw_from(connection: Connection, sponsor: int, count: int) -> Unpaid | None:
    """Take ``count`` items from a sponsor's budget in the caller's transaction."""
    is_enough = sponsors.c.used + count <= sponsors.c.budget
    drawn = update(sponsors).where(sponsors.c.id == sponsor, is_enough).values(used=sponsors.c.used + count)
    if connection.execute(drawn).rowcount:
        return None
    known = connection.execute(select(sponsors.c.id).where(sponsors.c.id == sponsor)).first()
    return Unpaid.BUDGET_SPENT if known else Unpaid.NO_SPONSOR


class PaymentTables(StorePart):
    """The part of the intake that keeps tokens and sponsors."""

    def draw(self, sponsor: int, count: int) -> Unpaid | None:
        """See `Intake`. Not tried again: a lost answer must not draw twice."""
        with writing(self._engine) as connection:
            return draw_from(connection, sponsor, count)

    def sponsor_of(self, key_hash: bytes) -> Sponsor | None:
        """See `Intake`."""
        found = self._rows(_read.where(sponsors.c.key_hash == key_hash))
        return _sponsor(found[0]) if found else None

    def sponsors(self) -> list[Sponsor]:
        """See `Intake`."""
        return [_sponsor(row) for row in self._rows(_read.order_by(sponsors.c.name))]

    def add_sponsor(self, name: str, key_hash: bytes, budget: int, now: int) -> Sponsor:
        """See `Intake`."""
        values = {"name": name, "key_hash": key_hash, "budget": budget, "used": 0, "created_at": now}
        try:
            with writing(self._engine) as connection:
                return _sponsor(connection.execute(insert(sponsors).values(values).returning(*_columns)).one())
        except Conflict:
            raise InvalidInput(f"there is a sponsor named {name!r} already", "Choose another name.") from None

    def set_budget(self, name: str, budget: int) -> Sponsor:
        """See `Intake`."""
        change = update(sponsors).where(sponsors.c.name == name).values(budget=budget).returning(*_columns)
        changed = retrying(self._engine, lambda: self._changed(change))
        if not changed:
            raise _unknown(name)
        return _sponsor(changed[0])

    def remove_sponsor(self, name: str) -> None:
        """See `Intake`."""
        with writing(self._engine) as connection:
            removed = connection.execute(delete(sponsors).where(sponsors.c.name == name)).rowcount
        if not removed:
            raise _unknown(name)

    def forget_tokens(self, now: int) -> int:
        """See `Intake`."""
        ended = delete(tokens).where(tokens.c.ends < now).returning(tokens.c.token)
        return len(retrying(self._engine, lambda: self._changed(ended)))

    def _changed(self, statement: Executable) -> Sequence[Any]:
        with writing(self._engine) as connection:
            return connection.execute(statement).all()


def _sponsor(row: Row[Any]) -> Sponsor:
    return Sponsor._make(row)


def _unknown(name: str) -> InvalidInput:
    return InvalidInput(f"there is no sponsor named {name!r}", "`consent notary sponsors` lists them.")
