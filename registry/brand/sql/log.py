"""What the chain's log does to answers: ends, what a reorganisation takes back, and roots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, or_, select, update

from registry.brand.records import STANDING, Answer, Change, Ending, Event, EventKind, Root, State, View
from registry.brand.sql.answers import answer_of, chunks
from registry.brand.sql.changes import ChangingTables, Locked, add_roots, apply
from registry.brand.sql.known import forget_known, keep_known
from registry.brand.sql.tables import ENDED_BY_BLOCK, acknowledgements, answers, roots

_WHY = "Revoked"


class LogTables(ChangingTables):
    """The part of the store that follows the chain's log. Each call moves the view in the same transaction."""

    def read_on(self, view: View, endings: Sequence[Ending], found: Sequence[Root], roots_since: int) -> None:
        """End what the log ended, keep what it showed, and note how far it was read.

        The manifests of roots of blocks before ``roots_since`` (unix seconds) are forgotten.
        """
        self._alone(lambda locked: _read_on(locked, view, endings, found, roots_since))

    def take_back(self, view: View, above: int) -> None:
        """Take back what was logged above this block: what rests on it is to be verified again."""
        self._alone(lambda locked: _take_back(locked, view, above))

    def seen(self, seen_at: int, head_time: int) -> None:
        """Note when the view was the newest block, and that block's time (unix seconds)."""
        self._alone(lambda locked: locked.note(locked.view._replace(seen_at=seen_at, head_time=head_time, behind=0)))

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
    keep_known(locked.connection, endings, found)


def _ended(connection: Connection, endings: Sequence[Ending]) -> Iterator[tuple[Ending, Answer]]:
    """Yield each end with a grant that it ends, in the log's order."""
    by_handle = {each.handle: each for each in reversed(endings) if each.handle}
    found = [
        (by_handle[row.handle], answer_of(row))
        for part in chunks(by_handle)
        for row in _rows(connection, STANDING, answers.c.handle.in_(part))
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
    locked.note(view._replace(turns=locked.view.turns + 1, behind=1))
    connection = locked.connection
    unsure = _rows(connection, (State.LIVE,), answers.c.seen_block > above)
    restored = _rows(connection, (State.ENDED,), ENDED_BY_BLOCK, answers.c.ended_block > above)
    apply(locked, [Change(each.id, (State.LIVE,), State.UNSURE, check_at=1) for each in unsure])
    # Whether they stand is asked of the chain before anybody is told yes.
    apply(locked, [Change(each.id, (State.ENDED,), State.UNSURE, ended_block=0, check_at=1) for each in restored])
    connection.execute(delete(roots).where(roots.c.block > above))
    forget_known(connection, above)
    unsettled = update(acknowledgements).where(acknowledgements.c.seen_block > above).values(check_at=1)
    connection.execute(unsettled)


def _rows(connection: Connection, states: Sequence[State], *conditions: Any) -> list[Row[Any]]:
    """Return the rows in these states. With the states among the conditions, SQLite goes through all that are live."""
    rows = connection.execute(select(answers).where(*conditions))
    return [row for row in rows if row.state in states]
