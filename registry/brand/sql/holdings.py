"""What grants handed over: the blocks that the brand holds of each, and what has arrived and is not judged yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Executable, Select, delete, func, insert, select, update

from registry.brand.holding import (
    Arrival,
    Brought,
    Held,
    HeldGrant,
    Holding,
    Kind,
    Verdict,
    arrival_of,
    arrival_values,
    holding_of,
    values_of,
    verdict_text,
)
from registry.brand.records import State
from registry.brand.sql.answers import chunks
from registry.brand.sql.tables import LEAVING, answers, arriving, data_size, held, holdings, mail_blocks
from registry.db.engine import retrying, writing
from registry.db.part import StorePart

# CARs and updates that wait at once, so that nobody fills the store with what is refused in the end.
MOST_CARS, MOST_CARS_OF_ONE, MOST_UPDATES = 16, 2, 256


# All that a brand holds, where nothing bounds it.
NO_BOUND = 2**62


class Overtaken(Exception):
    """Another worker has judged this, or changed what is held of the grant: it is to be judged anew."""


class BeingErased(Exception):
    """A worker is erasing one of these blocks just now."""


class DataFull(Exception):
    """The brand holds as much as it may."""


class HoldingTables(StorePart):
    """The part of the store that knows what the brand holds of grants' data."""

    def arrive(self, arrival: Arrival) -> int:
        """Note what is about to be put into the brand's store; return its id, 0 where too much waits already."""
        return retrying(self._engine, lambda: self._arrive(arrival))

    def _arrive(self, arrival: Arrival) -> int:
        with writing(self._engine) as connection:
            if not _has_room(connection, arrival):
                return 0
            new = insert(arriving).values(arrival_values(arrival)).returning(arriving.c.id)
            return int(connection.execute(new).scalar_one())

    def arrived(self, id: int) -> bool:
        """Note that the blocks of an arrival are durable; False where its note is gone."""
        self._change(update(arriving).where(arriving.c.id == id).values(ready=True))
        return bool(self._rows(select(arriving.c.id).where(arriving.c.id == id)))

    def arrival(self, id: int) -> Arrival | None:
        """Return an arrival, with its verdict once there is one."""
        rows = self._rows(select(arriving).where(arriving.c.id == id))
        return arrival_of(rows[0]._mapping) if rows else None

    def arrivals(self, limit: int) -> list[Arrival]:
        """Return arrivals that wait for a verdict, the first first."""
        waiting = select(arriving).where(arriving.c.ready, arriving.c.verdict == "")
        return [arrival_of(row._mapping) for row in self._rows(waiting.order_by(arriving.c.id).limit(limit))]

    def left_arrivals(self, before: int, limit: int) -> list[Arrival]:
        """Return arrivals of before this time (unix seconds): their process was killed, or nobody hears the verdict."""
        old = select(arriving).where(arriving.c.at < before)
        return [arrival_of(row._mapping) for row in self._rows(old.order_by(arriving.c.id).limit(limit))]

    def judged(self, id: int, verdict: Verdict) -> None:
        """Keep the verdict on an arrival that was not admitted."""
        self._change(update(arriving).where(arriving.c.id == id).values(verdict=verdict_text(verdict)))

    def forget_arrival(self, id: int) -> None:
        """Forget an arrival. Its blocks are held, or were erased."""
        self._change(delete(arriving).where(arriving.c.id == id))

    def abandon(self, id: int) -> None:
        """Leave an arrival to the worker, which erases what there is of it at once."""
        self._change(update(arriving).where(arriving.c.id == id).values(at=0, ready=False))

    def condemn(self, id: int) -> bool:
        """Make sure that no worker admits an arrival any more; False where it has a verdict already.

        Its blocks may be erased then, and `judged` keeps the no.
        """
        waits = arriving.c.id == id, arriving.c.verdict == ""
        change = update(arriving).where(*waits).values(lost=True).returning(arriving.c.id)
        return retrying(self._engine, lambda: self._is_changed(change))

    def _is_changed(self, statement: Executable) -> bool:
        with writing(self._engine) as connection:
            return connection.execute(statement).first() is not None

    def note_erasing(self, blocks: Sequence[Brought], now: int) -> int:
        """Note that these blocks are about to be erased; return the note's id. Until it goes, none is admitted."""
        note = Arrival(Kind.ERASING, tuple(blocks), now)
        return retrying(self._engine, lambda: self._note_erasing(note))

    def _note_erasing(self, note: Arrival) -> int:
        with writing(self._engine) as connection:
            # What is being admitted just now is held before the note is there, and so is not erased.
            add_bytes(connection, 0, NO_BOUND)
            new = insert(arriving).values(arrival_values(note)).returning(arriving.c.id)
            return int(connection.execute(new).scalar_one())

    def data_bytes(self) -> int:
        """Return the bytes of all data that the brand holds; what two grants share counts for each."""
        return int(self._rows(select(data_size.c.bytes))[0][0])

    def admit(
        self,
        id: int,
        holding: Holding,
        new: Sequence[Held],
        gone: Collection[bytes],
        verdict: Verdict,
        *,
        before: Holding | None = None,
        most: int = NO_BOUND,
    ) -> bool:
        """Hold new blocks for a live grant, and let go of some; False, and no change, where it lives no more.

        ``verdict`` is kept for the arrival with this id. `Overtaken` where that has one, or where the grant's holding
        is not ``before`` any more; `BeingErased`; `DataFull` where all data would have more than ``most`` bytes.
        """
        return retrying(self._engine, lambda: self._admit(id, holding, new, gone, verdict, before, most))

    def _admit(
        self,
        id: int,
        holding: Holding,
        new: Sequence[Held],
        gone: Collection[bytes],
        verdict: Verdict,
        before: Holding | None,
        most: int,
    ) -> bool:
        with writing(self._engine) as connection:
            add_bytes(connection, 0, NO_BOUND)
            mine = select(answers.c.state).where(answers.c.id == holding.answer)
            # The row's lock lets an end that comes now find what is held.
            if connection.execute(mine.with_for_update()).scalar_one() != State.LIVE:
                return False
            old = _stored(connection, holding.answer)
            _check_turn(connection, id, old, before)
            check_not_erasing(connection, {each.digest for each in new})
            add_bytes(connection, holding.bytes - old.bytes, most)
            _forget(connection, holding.answer, gone)
            _hold(connection, holding.answer, new)
            _replace(connection, holding)
            connection.execute(update(arriving).where(arriving.c.id == id).values(verdict=verdict_text(verdict)))
            return True

    def holding(self, answer: int) -> Holding | None:
        """Return what is held of the grant with this id."""
        rows = self._rows(select(holdings).where(holdings.c.answer == answer))
        return holding_of(rows[0]._mapping) if rows else None

    def held(self, answer: int) -> list[Held]:
        """Return the blocks that are held of a grant."""
        rows = self._rows(select(held.c.digest, held.c.size, held.c.walked).where(held.c.answer == answer))
        return [Held(*row) for row in rows]

    def holds_all(self, answer: int, digests: Collection[bytes]) -> bool:
        """Tell whether all these blocks are held of a grant."""
        found = 0
        for part in chunks(set(digests)):
            query = select(func.count()).where(held.c.answer == answer, held.c.digest.in_(part))
            found += int(self._rows(query)[0][0])
        return found == len(set(digests))

    def unheld(self, digests: Collection[bytes], arrival: int = 0, answer: int = 0) -> list[bytes]:
        """Return those of these blocks that no grant holds, no file to a person has, and no arrival brings."""
        taken = set[bytes]()
        for part in chunks(set(digests)):
            others = select(held.c.digest).where(held.c.digest.in_(part), held.c.answer != answer)
            mailed = select(mail_blocks.c.digest).where(mail_blocks.c.digest.in_(part))
            taken.update(row[0] for query in (others, mailed) for row in self._rows(query))
        for each in self._waiting(arriving.c.id != arrival):
            taken.update(each.digests)
        return [digest for digest in dict.fromkeys(digests) if digest not in taken]

    def bringing(self, digests: Collection[bytes]) -> list[int]:
        """Return the ids of the arrivals without a verdict that bring one of these blocks."""
        return [each.id for each in self._waiting() if not set(digests).isdisjoint(each.digests)]

    def lose_arrivals(self, ids: Collection[int]) -> None:
        """Note that blocks of these arrivals were erased."""
        for part in chunks(ids):
            self._change(update(arriving).where(arriving.c.id.in_(part)).values(lost=True))

    def _waiting(self, *conditions: Any) -> list[Arrival]:
        waits = arriving.c.verdict == "", arriving.c.kind != Kind.ERASING
        rows = self._rows(select(arriving).where(*waits, *conditions))
        return [arrival_of(row._mapping) for row in rows]

    def leaving(self, now: int, limit: int) -> list[Holding]:
        """Return what is held of grants that are over, or that lost their anchor and expired since."""
        lost = holdings.c.blocks > 0, answers.c.state == State.WAITING, answers.c.expires_at <= now
        unanchored = select(holdings).join(answers, answers.c.id == holdings.c.answer).where(*lost).limit(limit)
        rows = [*self._rows(select(holdings).where(LEAVING).limit(limit)), *self._rows(unanchored)]
        return [holding_of(row._mapping) for row in rows]

    def gone(self, answer: int) -> None:
        """Note that a grant's blocks were erased. The number of its newest update stays."""
        none = {"pending": "[]", "versions": "{}", "blocks": 0, "bytes": 0, "complete": False, "leaving": False}
        retrying(self._engine, lambda: self._gone(answer, none))

    def _gone(self, answer: int, none: dict[str, Any]) -> None:
        with writing(self._engine) as connection:
            add_bytes(connection, 0, NO_BOUND)
            add_bytes(connection, -_stored(connection, answer).bytes, NO_BOUND)
            connection.execute(delete(held).where(held.c.answer == answer))
            connection.execute(update(holdings).where(holdings.c.answer == answer).values(none))

    def has_data(self, answer: int) -> bool:
        """Tell whether the brand still has blocks of this grant: an Acknowledgement waits until it has none."""
        return bool(self._rows(select(holdings.c.answer).where(holdings.c.answer == answer, holdings.c.blocks > 0)))

    def held_grants(self, after: int, limit: int) -> list[HeldGrant]:
        """Return what is held of grants with larger ids than ``after``, in their order."""
        columns = holdings, answers.c.digest, answers.c.subject, answers.c.state, answers.c.data
        query: Select[Any] = select(*columns).join(answers, answers.c.id == holdings.c.answer)
        rows = self._rows(query.where(holdings.c.answer > after).order_by(holdings.c.answer).limit(limit))
        return [
            HeldGrant(holding_of(row._mapping), row.digest, row.subject, row.state, tuple(row.data.split("\n")))
            for row in rows
        ]


def _has_room(connection: Connection, new: Arrival) -> bool:
    def count(*conditions: Any) -> int:
        waiting = select(func.count()).where(arriving.c.verdict == "", *conditions)
        return int(connection.execute(waiting).scalar_one())

    if new.kind in (Kind.FETCHED, Kind.ERASING):
        return True
    if new.kind is Kind.UPDATE:
        return count(arriving.c.kind == Kind.UPDATE) < MOST_UPDATES
    of_one = arriving.c.kind == Kind.BLOCKS, arriving.c.content == new.content
    return count(arriving.c.kind == Kind.BLOCKS) < MOST_CARS and count(*of_one) < MOST_CARS_OF_ONE


def add_bytes(connection: Connection, change: int, most: int) -> None:
    """Count bytes more or less, and hold the row's lock until the commit; `DataFull` where it grew over a bound."""
    counted = update(data_size).values(bytes=data_size.c.bytes + change).returning(data_size.c.bytes)
    if connection.execute(counted).scalar_one() > most and change > 0:
        raise DataFull


def _stored(connection: Connection, answer: int) -> Holding:
    row = connection.execute(select(holdings).where(holdings.c.answer == answer)).first()
    return Holding(answer) if row is None else holding_of(row._mapping)


def _check_turn(connection: Connection, id: int, now: Holding, before: Holding | None) -> None:
    waits = select(arriving.c.id).where(arriving.c.id == id, arriving.c.verdict == "", ~arriving.c.lost)
    if id and connection.execute(waits).first() is None:
        raise Overtaken
    if before is not None and now != before:
        raise Overtaken


def check_not_erasing(connection: Connection, digests: set[bytes]) -> None:
    """`BeingErased` where a worker is about to erase one of these blocks."""
    notes = connection.execute(select(arriving).where(arriving.c.kind == Kind.ERASING)).all()
    if any(not digests.isdisjoint(arrival_of(row._mapping).digests) for row in notes):
        raise BeingErased


def _forget(connection: Connection, answer: int, digests: Iterable[bytes]) -> None:
    for part in chunks(digests):
        connection.execute(delete(held).where(held.c.answer == answer, held.c.digest.in_(part)))


def _hold(connection: Connection, answer: int, new: Sequence[Held]) -> None:
    _forget(connection, answer, (each.digest for each in new))
    if new:
        connection.execute(insert(held), [{"answer": answer, **each._asdict()} for each in new])


def _replace(connection: Connection, holding: Holding) -> None:
    connection.execute(delete(holdings).where(holdings.c.answer == holding.answer))
    connection.execute(insert(holdings).values(values_of(holding)))
