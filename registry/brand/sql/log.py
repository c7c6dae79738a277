"""What the chain's log does to answers: ends, what a reorganisation takes back, and roots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, or_, select, update

from registry.brand.records import STANDING, Answer, Change, Event, EventKind, Root, State, View
from registry.brand.sql.answers import answer_of, chunks
from registry.brand.sql.changes import ChangingTables, Locked, add_roots, apply
from registry.brand.sql.tables import ENDED_BY_BLOCK, acknowledgements, answers, roots

_WHY = "Revoked"


class Ending(NamedTuple):
    """An end that the log shows: of a handle (32 bytes), or of all that a subject (20 bytes) issued ``until``."""

    block: int
    time: int
    handle: bytes = b""
    subject: bytes = b""
    until: int = 0


class LogTables(ChangingTables):
    """The part of the store that follows the chain's log. Each call moves the view in the same transaction."""

    def read_on(self, view: View, endings: Sequence[Ending], found: Sequence[Root], roots_since: int) -> None:
        """End what the log ended, keep its roots, and note how far it was read.

        Roots of blocks before ``roots_since`` (unix seconds) are forgotten.
        """
        self._alone(lambda locked: _read_on(locked, view, endings, found, roots_since))

    def take_back(self, view: View, above: int) -> None:
        """Take back what was logged above this block: what rests on it is to be verified again."""
        self._alone(lambda locked: _take_back(locked, view, above))

    def seen(self, seen_at: int, head_time: int) -> None:
        """Note when the view was the newest block, and that block's time (unix seconds)."""
        self._alone(lambda locked: locked.note(locked.view._replace(seen_at=seen_at, head_time=head_time)))

    def roots_after(self, id: int, limit: int) -> list[Root]:
        """Return the kept roots with larger ids, in order."""
        rows = self._rows(select(roots).where(roots.c.id > id).order_by(roots.c.id).limit(limit))
        return [Root(row.root, row.manifest, row.block, row.time, row.id) for row in rows]

    def last_root(self) -> int:
        """Return the id of the newest kept root, 0 for none."""
        return int(self._rows(select(func.max(roots.c.id)))[0][0] or 0)


def _read_on(locked: Locked, view: View, endings: Sequence[Ending], found: Sequence[Root], roots_since: int) -> None:
    locked.note(view._replace(turns=locked.view.turns))
    ended: dict[int, Change] = {}
    for ending, answer in _ended(locked.connection, endings):
        ended.setdefault(answer.id, _end(answer, ending))  # the first end counts
    apply(locked, list(ended.values()))
    add_roots(locked, found, roots_since)


def _ended(connection: Connection, endings: Sequence[Ending]) -> Iterator[tuple[Ending, Answer]]:
    """Yield each end with a grant that it ends, in the log's order."""
    by_handle = {each.handle: each for each in reversed(endings) if each.handle}
    found = [
        (by_handle[row.handle], answer_of(row))
        for part in chunks(by_handle)
        for row in connection.execute(select(answers).where(answers.c.handle.in_(part), answers.c.state.in_(STANDING)))
    ]
    found += [pair for each in endings if each.subject for pair in _ended_all(connection, each)]
    yield from sorted(found, key=lambda pair: pair[0].block)


def _ended_all(connection: Connection, ending: Ending) -> Iterator[tuple[Ending, Answer]]:
    same = answers.c.subject == ending.subject, answers.c.kind == "Grant", answers.c.state.in_(STANDING)
    until = or_(answers.c.issued_at <= ending.until, answers.c.anchored_at <= ending.until)
    for row in connection.execute(select(answers).where(*same, until)):
        yield ending, answer_of(row)


def _end(answer: Answer, ending: Ending) -> Change:
    event = Event(0, EventKind.ENDED, answer.digest, answer.subject, ending.time, ending.block, _WHY)
    return Change(
        answer.id,
        STANDING,
        State.ENDED,
        () if answer.ended_at else (event,),
        ended_at=ending.time,
        ended_block=ending.block,
        why=_WHY,
        check_at=0,
    )


def _take_back(locked: Locked, view: View, above: int) -> None:
    locked.note(view._replace(turns=locked.view.turns + 1))
    connection = locked.connection
    unsure = _rows(connection, answers.c.seen_block > above, answers.c.state == State.LIVE)
    restored = _rows(connection, ENDED_BY_BLOCK, answers.c.ended_block > above, answers.c.state == State.ENDED)
    apply(locked, [Change(each.id, (State.LIVE,), State.UNSURE, check_at=1) for each in unsure])
    # Whether they stand is asked of the chain before anybody is told yes.
    apply(locked, [Change(each.id, (State.ENDED,), State.UNSURE, ended_block=0, check_at=1) for each in restored])
    connection.execute(delete(roots).where(roots.c.block > above))
    unsettled = update(acknowledgements).where(acknowledgements.c.seen_block > above).values(check_at=1)
    connection.execute(unsettled)


def _rows(connection: Connection, *conditions: Any) -> Iterable[Answer]:
    return [answer_of(row) for row in connection.execute(select(answers).where(*conditions))]
