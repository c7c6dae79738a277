"""The requests to anchor, one row each, as they arrived."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, bindparam, delete, func, literal, select, update

from registry.db.engine import autocommitting, driver_of, reading, retrying, writing
from registry.db.statements import InsertNew
from registry.notary.records import FREE, Arrival, Batch, Times, TooManyWaiting, Unpaid, Waiting
from registry.notary.sql.endings import EndingTable
from registry.notary.sql.payments import PaymentTables, pay
from registry.notary.sql.tables import batches, requests, taken

_WORD = 32
# Requests whose items are dropped in one transaction: a longer one would make new requests wait.
_DROPPED_AT_ONCE = 500
_PAUSE = 0.005
# What is read to find one commitment: waiting requests, those among them that hold several, and bytes of these. So a
# question that costs its caller nothing costs the notary milliseconds, however much waits. A batch has 1 MiB.
MOST_READ, MOST_BULK, MOST_BYTES = 65_536, 4_096, 4 << 20

_insert = InsertNew(requests)
_INSERT = "INSERT INTO requests (key, received_at, due, commitments) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_TIMES_OF = "SELECT received_at, due FROM requests WHERE key = ?"
_INSERT_ALL = """INSERT INTO requests (key, received_at, due, commitments)
                 SELECT * FROM unnest(%b::bytea[], %b::int8[], %b::int8[], %b::bytea[])
                 ON CONFLICT DO NOTHING RETURNING key"""
_TIMES_OF_ALL = "SELECT key, received_at, due FROM requests WHERE key = ANY(%b)"
_times = select(requests.c.received_at, requests.c.due)
_times_of_key = _times.where(requests.c.key == bindparam("key"))
_size = func.length(requests.c.commitments)
_has_items = _size > 0
_with_items = _times.add_columns(requests.c.commitments)


class _Intake(EndingTable, PaymentTables):
    """An `Intake` in SQL. Its subclasses tell which requests wait."""

    def take(self, arrivals: Sequence[Arrival]) -> list[Times | Unpaid]:
        """See `Intake`."""
        return retrying(self._engine, lambda: self._take(arrivals))

    def _take(self, arrivals: Sequence[Arrival]) -> list[Times | Unpaid]:
        """Keep what needs no payment through the driver, for it may be thousands a second."""
        free = {each.key: each for each in reversed(arrivals) if each.payment == FREE}
        first = self._keep_free(sorted(free.values())) if free else {}
        paid = [each for each in arrivals if each.payment != FREE]
        answers = iter(self._take_paid(paid) if paid else ())
        return [first[each.key] if each.payment == FREE else next(answers) for each in arrivals]

    def _keep_free(self, arrivals: Sequence[Arrival]) -> dict[bytes, Times]:
        """Keep arrivals with different keys, in order of the keys; return the times of the first request of each."""
        raise NotImplementedError

    def _take_paid(self, arrivals: Sequence[Arrival]) -> list[Times | Unpaid]:
        answers: dict[int, Times | Unpaid] = {}
        while left := [place for place in range(len(arrivals)) if place not in answers]:
            # One of each key: whether that one is paid for decides what its repeats get.
            places = {arrivals[place].key: place for place in reversed(left)}
            with writing(self._engine) as connection:
                found = _keep_paid(connection, [arrivals[place] for place in places.values()])
            answers |= {places[key]: answer for key, answer in found.items()}
        return [answers[place] for place in range(len(arrivals))]

    def known(self, key: bytes) -> Times | None:
        """See `Intake`."""
        rows = self._rows(_times.where(requests.c.key == key))
        return Times(*rows[0]) if rows else None

    def waiting(self) -> Waiting:
        """See `Intake`."""
        counts = select(func.sum(func.length(requests.c.commitments)), func.min(requests.c.received_at))
        ((size, oldest),) = self._rows(counts.where(self._is_waiting(), _has_items))
        return Waiting(int(size or 0) // _WORD, oldest or 0)

    def times_of(self, commitment: bytes) -> Times | None:
        """See `Intake`."""
        found = self._rows(_times.where(requests.c.key == commitment, self._is_waiting(), _has_items))
        return Times(*found[0]) if found else None

    def times_among(self, commitment: bytes) -> Times | None:
        """See `Intake`."""
        which = self._is_waiting()
        sizes = self._sizes_of_bulk(which)
        ids = _within(MOST_BYTES, sizes)
        if ids:
            part = requests.c.id.between(ids[0], ids[-1])
            found = _with_items.where(which, part, _size > _WORD, self._contains(commitment))
            for row in self._rows(found.order_by(requests.c.id)):
                if _is_item(commitment, row.commitments):
                    return Times(row.received_at, row.due)
        rest = select(requests.c.id).where(which).order_by(requests.c.id).offset(MOST_READ).limit(1)
        if len(ids) < len(sizes) or len(sizes) == MOST_BULK or self._rows(rest):
            raise TooManyWaiting
        return None

    def _sizes_of_bulk(self, which: ColumnElement[bool]) -> list[tuple[int, int]]:
        """Return id and bytes of the first requests that hold several commitments; this reads none of those bytes."""
        chosen = select(requests.c.id, _size.label("size")).where(which).order_by(requests.c.id)
        first = chosen.limit(MOST_READ).subquery()
        bulk = select(first.c.id, first.c.size).where(first.c.size > _WORD).order_by(first.c.id).limit(MOST_BULK)
        return [(row.id, row.size) for row in self._rows(bulk)]

    def _is_waiting(self) -> ColumnElement[bool]:
        raise NotImplementedError

    def _contains(self, commitment: bytes) -> ColumnElement[bool]:
        raise NotImplementedError


class SqliteIntake(_Intake):
    """An `Intake` in a SQLite file. The chain book, in its own file, says up to where requests were taken."""

    def __init__(self, engine: Engine, chain: Engine) -> None:
        super().__init__(engine)
        self._chain = chain

    def _keep_free(self, arrivals: Sequence[Arrival]) -> dict[bytes, Times]:
        kept = dict[bytes, Times]()
        with writing(self._engine) as connection:
            db = driver_of(connection)
            for each in arrivals:
                is_new = db.execute(_INSERT, (each.key, *each.times, each.items)).rowcount
                kept[each.key] = each.times if is_new else Times(*db.execute(_TIMES_OF, (each.key,)).fetchone())
        return kept

    def drop_items(self, batch: Batch) -> None:
        """See `Intake`."""
        query = select(batches.c.first_request, batches.c.last_request).where(batches.c.id == batch.id)
        with reading(self._chain) as connection:
            found = connection.execute(query).first()
        if found is None or found.last_request is None:
            return
        for start in range(found.first_request, found.last_request + 1, _DROPPED_AT_ONCE):
            self._drop(start, min(start + _DROPPED_AT_ONCE - 1, found.last_request))
            time.sleep(_PAUSE)  # SQLite has no queue of writers, so leave the others a gap

    def _drop(self, first: int, last: int) -> None:
        with writing(self._engine) as connection:
            connection.execute(update(requests).where(requests.c.id.between(first, last)).values(commitments=b""))

    def _is_waiting(self) -> ColumnElement[bool]:
        with reading(self._chain) as connection:
            watermark = connection.execute(select(taken.c.last_request)).scalar_one()
        return requests.c.id > literal(watermark)

    def _contains(self, commitment: bytes) -> ColumnElement[bool]:
        return func.instr(requests.c.commitments, commitment) > 0


class PostgresIntake(_Intake):
    """An `Intake` in PostgreSQL, where each request says which batch took it."""

    def _keep_free(self, arrivals: Sequence[Arrival]) -> dict[bytes, Times]:
        # One statement for all: a round trip to the server costs more than its work.
        times = [each.times for each in arrivals]
        numbers = [each.received_at for each in times], [each.due for each in times]
        values = ([each.key for each in arrivals], *numbers, [each.items for each in arrivals])
        with autocommitting(self._engine) as connection:
            new = {row[0] for row in driver_of(connection).execute(_INSERT_ALL, values, binary=True)}
            old = [each.key for each in arrivals if each.key not in new]
            found = driver_of(connection).execute(_TIMES_OF_ALL, (old,), binary=True) if old else ()
            known = {key: Times(received_at, due) for key, received_at, due in found}
        return {each.key: known.get(each.key, each.times) for each in arrivals}

    def drop_items(self, batch: Batch) -> None:
        """See `Intake`."""
        retrying(self._engine, lambda: self._drop(batch.id))

    def _drop(self, batch: int) -> None:
        with writing(self._engine) as connection:
            connection.execute(update(requests).where(requests.c.batch == batch).values(commitments=b""))

    def _is_waiting(self) -> ColumnElement[bool]:
        return requests.c.batch.is_(None)

    def _contains(self, commitment: bytes) -> ColumnElement[bool]:
        found: ColumnElement[Any] = func.position(literal(commitment).op("IN")(requests.c.commitments))
        return found > 0


def _keep_paid(connection: Connection, arrivals: Sequence[Arrival]) -> dict[bytes, Times | Unpaid]:
    """Keep arrivals with different keys, and let each pay.

    All in order of the keys, then of what pays: so two workers never wait for each other.
    """
    ids = {each.key: _insert(connection, _values(each)) for each in sorted(arrivals, key=lambda each: each.key)}
    answers: dict[bytes, Times | Unpaid] = {}
    for each in sorted(arrivals, key=_what_pays):
        if ids[each.key] is None:
            answers[each.key] = Times(*connection.execute(_times_of_key, {"key": each.key}).one())
            continue
        unpaid = pay(connection, each.payment, len(each.items) // _WORD)
        if unpaid:
            connection.execute(delete(requests).where(requests.c.id == ids[each.key]))
        answers[each.key] = unpaid or each.times
    return answers


def _values(arrival: Arrival) -> dict[str, Any]:
    received_at, due = arrival.times
    return {"key": arrival.key, "received_at": received_at, "due": due, "commitments": arrival.items}


def _what_pays(arrival: Arrival) -> tuple[int, bytes]:
    return arrival.payment.sponsor or 0, arrival.payment.token or b""


def _within(limit: int, sizes: Sequence[tuple[int, int]]) -> list[int]:
    """Return the first ids whose sizes add up to at most ``limit``."""
    totals = accumulate(size for _, size in sizes)
    return [id for (id, _), total in zip(sizes, totals, strict=True) if total <= limit]


def _is_item(commitment: bytes, items: bytes) -> bool:
    """Return whether the commitment stands at a multiple of 32 bytes: across two others it is none of them."""
    place = items.find(commitment)
    while place > 0 and place % _WORD:
        place = items.find(commitment, place + 1)
    return place >= 0
