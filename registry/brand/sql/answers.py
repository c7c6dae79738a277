"""Grants and refusals as they are read. `registry.brand.sql.changes` writes them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Row, Select, and_, func, select

from registry.brand.records import STANDING, Answer, Event, EventKind, State
from registry.brand.sql.tables import HANDS_OVER, MUST_CHECK, UNACCEPTED, events, files, own_statements, pairs
from registry.brand.sql.tables import answers as table
from registry.db.part import StorePart

T = TypeVar("T")
# Values of one query; databases bound their number.
_CHUNK = 500


class AnswerTables(StorePart):
    """The part of the store that reads answers and events."""

    def by_digest(self, digests: Collection[bytes]) -> dict[bytes, Answer]:
        """Return the answers with these digests."""
        found = (row for part in chunks(digests) for row in self._whole(table.c.digest.in_(part)))
        return {answer.digest: answer for answer in found}

    def by_capability(self, capability: bytes) -> Answer | None:
        """Return the answer with this random name (16 bytes)."""
        return next(self._whole(table.c.capability == capability), None)

    def by_id(self, ids: Collection[int]) -> list[Answer]:
        """Return these answers."""
        return [answer for part in chunks(ids) for answer in self._whole(table.c.id.in_(part))]

    def by_content(self, content: bytes) -> list[Answer]:
        """Return the grants that hand over the capsule with this SHA-256 (32 bytes). Anybody can name another's."""
        return list(self._whole(HANDS_OVER, table.c.content == content, order=table.c.id))

    def answers_before(self, id: int, limit: int) -> list[Answer]:
        """Return answers with smaller ids, the newest first."""
        return list(self._whole(table.c.id < id, order=table.c.id.desc(), limit=limit))

    def counts(self) -> dict[tuple[str, str], int]:
        """Return the number of answers by kind and state."""
        query = select(table.c.kind, table.c.state, func.count()).group_by(table.c.kind, table.c.state)
        return {(row[0], row[1]): row[2] for row in self._rows(query)}

    def standing(self, subject: bytes, purpose: str, data: Sequence[str], now: int) -> dict[str, tuple[bytes, State]]:
        """Return, for each datum that a grant allows at ``now``, one such grant: its digest and state.

        One that is ``LIVE`` goes before one that is ``UNSURE``.
        """
        columns = pairs.c.datum, table.c.digest, table.c.state, table.c.not_before, table.c.expires_at
        same = pairs.c.subject == subject, pairs.c.purpose == purpose, pairs.c.datum.in_(data)
        # Pairs are those of grants that stand. A condition on `answers` would let SQLite begin with its other indexes.
        rows = self._rows(select(*columns).join(table, table.c.id == pairs.c.answer).where(*same))
        now_ones = [row for row in rows if row.not_before <= now < row.expires_at]
        # By the state's name: what is live comes last, and stays in the answer.
        in_order = sorted(now_ones, key=lambda row: row.state, reverse=True)
        return {row.datum: (row.digest, State(row.state)) for row in in_order}

    def grants_for(self, subject: bytes, purpose: str) -> list[Answer]:
        """Return the grants of a person that stand and name this purpose, the newest first."""
        same = pairs.c.subject == subject, pairs.c.purpose == purpose
        return list(self._whole(table.c.id.in_(select(pairs.c.answer).where(*same)), order=table.c.id.desc()))

    def to_check(self, number: int, limit: int) -> list[Answer]:
        """Return the answers that are to be verified again once the log was read up to this block."""
        return list(self._whole(MUST_CHECK, table.c.check_at <= number, order=table.c.check_at, limit=limit))

    def expired(self, now: int, limit: int) -> list[Answer]:
        """Return the grants that stand and whose time is over."""
        conditions = table.c.state.in_(STANDING), table.c.expires_at <= now, table.c.kind == "Grant"
        return list(self._whole(*conditions, order=table.c.expires_at, limit=limit))

    def waiting(self, since: int, limit: int) -> list[Answer]:
        """Return answers that have no anchor and were received after ``since`` (unix seconds)."""
        conditions = table.c.state == State.WAITING, table.c.received_at > since
        return list(self._whole(*conditions, order=table.c.looked, limit=limit))

    def unsigned(self, limit: int) -> list[Answer]:
        """Return live grants for which no Acceptance is signed yet."""
        own = own_statements.c
        signed = select(own.about).where(own.kind == "Acceptance", own.about == table.c.id).exists()
        return list(self._whole(UNACCEPTED, ~signed, order=table.c.id, limit=limit))

    def events_after(self, id: int, limit: int = 1_000) -> list[Event]:
        """Return the events with larger numbers, in order."""
        rows = self._rows(select(events).where(events.c.id > id).order_by(events.c.id).limit(limit))
        return [Event(**{**row._mapping, "kind": EventKind(row.kind)}) for row in rows]

    def _whole(self, *conditions: Any, order: Any = None, limit: int | None = None) -> Iterator[Answer]:
        query = select(table, files.c.file).join(files, files.c.answer == table.c.id).where(and_(*conditions))
        for row in self._rows(_ordered(query, order).limit(limit)):
            yield answer_of(row, row.file)


def _ordered(query: Select[Any], order: ColumnElement[Any] | None) -> Select[Any]:
    return query if order is None else query.order_by(order)


def answer_of(row: Row[Any], file: bytes = b"") -> Answer:
    """Return the answer of a row of the table, with its file where it was read too."""
    values = {**row._mapping, "file": file, "state": State(row.state)}
    return Answer(
        **values | {name: tuple(values[name].split("\n")) if values[name] else () for name in ("purposes", "data")}
    )


def values_of(answer: Answer) -> dict[str, Any]:
    """Return the row of an answer."""
    values = answer._asdict()
    del values["file"]
    return values | {"purposes": "\n".join(answer.purposes), "data": "\n".join(answer.data)}


def chunks(items: Iterable[T]) -> Iterator[list[T]]:
    """Yield the items in lists that are short enough for one query."""
    rest = iter(items)
    while part := list(islice(rest, _CHUNK)):
        yield part
