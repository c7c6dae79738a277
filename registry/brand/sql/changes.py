"""Everything that changes answers and events. Each change is one transaction that holds the row of `progress`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, and_, bindparam, delete, insert, select, update

from registry.brand.erased import WasErased
from registry.brand.records import OVER, STANDING, Answer, Change, Event, EventKind, Root, State, View
from registry.brand.sql.answers import answer_of, chunks, values_of
from registry.brand.sql.claims import claims, erased_among, single_requests
from registry.brand.sql.tables import (
    NUMBERS,
    acknowledgements,
    answers,
    events,
    files,
    holdings,
    own_statements,
    pairs,
    progress,
    roots,
)
from registry.core.scalars import to_hex
from registry.db.engine import retrying, writing
from registry.db.part import StorePart

T = TypeVar("T")
_WORDS = ("state", "why")
VIEW = "SELECT blocks, head_time, seen_at, turns, behind FROM progress"
_update = (
    update(answers)
    .where(answers.c.id == bindparam("_id"))
    .values({name: bindparam(f"_{name}") for name in (*NUMBERS, *_WORDS)})
)
_update_file = update(files).where(files.c.answer == bindparam("_id")).values(file=bindparam("_file"))


class Outdated(Exception):
    """The chain's log was read further than the facts that something was verified by: verify it again."""


class AlreadyAnswered(Exception):
    """Somebody else has answered the request, which may be answered once."""


class Locked:
    """A transaction that holds the row of `progress`. `new_answers` and `new_events` give numbers without a gap."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        # The update takes the row's lock on PostgreSQL; on SQLite the whole transaction is alone.
        (row,) = connection.execute(update(progress).values(turns=progress.c.turns).returning(progress)).all()
        self.view = view_of(row.blocks, row.head_time, row.seen_at, row.turns, row.behind)
        self._event, self._answer = row.last_event, row.last_answer

    def add_events(self, new: Iterable[Event]) -> None:
        """Number these events and keep them."""
        values = [each._replace(id=self._event + n)._asdict() for n, each in enumerate(new, 1)]
        if values:
            self.connection.execute(insert(events), values)
            self._event += len(values)

    def numbered(self, new: Sequence[Answer]) -> list[Answer]:
        """Return these answers with ids."""
        first, self._answer = self._answer + 1, self._answer + len(new)
        return [each._replace(id=first + n) for n, each in enumerate(new)]

    def note(self, view: View) -> None:
        """Move the view."""
        self.view = view

    def finish(self) -> None:
        """Write the row back."""
        view = self.view._asdict() | {"blocks": json.dumps(self.view.blocks)}
        self.connection.execute(
            update(progress).values(view | {"last_event": self._event, "last_answer": self._answer})
        )


class ChangingTables(StorePart):
    """The part of the store that changes answers."""

    def take(self, new: Sequence[Answer], turns: int, block: int) -> list[Answer | AlreadyAnswered | WasErased]:
        """Keep answers with different digests, which were verified by facts of ``block``; return how each is kept now.

        `Outdated` where the log was read further, or a reorganisation came since there were ``turns`` of them.
        """
        return self._alone(lambda locked: _take(locked, new, turns, block))

    def change(self, changes: Sequence[Change]) -> None:
        """Apply these changes, each only if its answer is in one of the states that it names."""
        self._alone(lambda locked: apply(locked, changes))

    def searched(self, ids: Sequence[int], root: int) -> None:
        """Note that these waiting answers are under none of the roots up to this one."""
        for part in chunks(ids):
            self._change(update(answers).where(answers.c.id.in_(part)).values(looked=root))

    def _alone(self, work: Callable[[Locked], T]) -> T:
        """Do this work in a transaction that changes answers; it may be done twice."""

        def once() -> T:
            with self._locked() as locked:
                return work(locked)

        return retrying(self._engine, once)

    @contextmanager
    def _locked(self) -> Iterator[Locked]:
        with writing(self._engine) as connection:
            locked = Locked(connection)
            yield locked
            locked.finish()


def _take(
    locked: Locked, every: Sequence[Answer], turns: int, block: int
) -> list[Answer | AlreadyAnswered | WasErased]:
    if locked.view.turns != turns or locked.view.number > block:
        raise Outdated
    kept = _kept(locked.connection, [each.digest for each in every])
    gone = erased_among(locked.connection, [each.digest for each in every])
    new = [each for each in every if each.digest not in gone]
    unkept = [each for each in new if each.digest not in kept]
    singles = single_requests(locked.connection, unkept)
    taken = {each.digest: claims(locked.connection, each, singles) for each in unkept}
    added = locked.numbered([each for each in new if taken.get(each.digest)])
    _insert(locked, added)
    better = {each.digest: _bettered(kept[each.digest], each) for each in new if each.digest in kept}
    apply(locked, [change for change in better.values() if change is not None])
    found: dict[bytes, Any] = {each.digest: each for each in _read(locked.connection, new)}
    found |= dict.fromkeys(gone, WasErased())
    return [found.get(each.digest) or AlreadyAnswered() for each in every]


def _kept(connection: Connection, digests: Sequence[bytes]) -> dict[bytes, Answer]:
    return {
        row.digest: answer_of(row)
        for part in chunks(digests)
        for row in connection.execute(select(answers).where(answers.c.digest.in_(part)))
    }


def _read(connection: Connection, new: Sequence[Answer]) -> Iterator[Answer]:
    for part in chunks(each.digest for each in new):
        query = select(answers, files.c.file).join(files, files.c.answer == answers.c.id)
        for row in connection.execute(query.where(answers.c.digest.in_(part))):
            yield answer_of(row, row.file)


def _insert(locked: Locked, new: Sequence[Answer]) -> None:
    if not new:
        return
    connection = locked.connection
    connection.execute(insert(answers), [values_of(each) for each in new])
    connection.execute(insert(files), [{"answer": each.id, "file": each.file} for each in new])
    live = [each for each in new if each.state is State.LIVE]
    _allow(connection, live)
    locked.add_events(event for each in live for event in _begun(connection, each))


def _bettered(kept: Answer, new: Answer) -> Change | None:
    """Return what a file that came again adds: its anchor where there was none, or the Acceptance."""
    if kept.state is State.WAITING and new.state is State.LIVE:
        return became_live(kept, new.file, new.anchored_at, new.seen_block, new.check_at, new.accepted_at)
    if kept.state is State.LIVE and new.accepted_at and not kept.accepted_at:
        return Change(kept.id, STANDING, State.LIVE, file=new.file, accepted_at=new.accepted_at, check_at=new.check_at)
    return None


def became_live(kept: Answer, file: bytes, anchored_at: int, block: int, check_at: int, accepted_at: int = 0) -> Change:
    """Return the change of an answer whose anchor the chain shows now."""
    return Change(
        kept.id,
        (State.WAITING,),
        State.LIVE,
        file=file,
        anchored_at=anchored_at,
        seen_block=block,
        check_at=check_at,
        accepted_at=accepted_at,
    )


def _begun(connection: Connection, each: Answer) -> Iterator[Event]:
    """Yield the events of an answer that counts from now on."""
    kind = EventKind.GRANTED if each.kind == "Grant" else EventKind.REFUSED
    yield Event(0, kind, each.digest, each.subject, each.anchored_at, each.seen_block)
    if not any(each.supersedes):
        return
    # It counts only between the same two parties, and ends nothing by itself.
    same = and_(answers.c.subject == each.subject, answers.c.controller == each.controller)
    query = select(answers.c.digest).where(answers.c.digest == each.supersedes, same, answers.c.state.in_(STANDING))
    if connection.execute(query).first() is not None:
        why = to_hex(each.digest)
        yield Event(0, EventKind.SUPERSEDED, each.supersedes, each.subject, each.anchored_at, each.seen_block, why)


def _allow(connection: Connection, live: Sequence[Answer]) -> None:
    values = (
        {"subject": each.subject, "purpose": purpose, "datum": datum, "answer": each.id}
        for each in live
        for purpose in each.purposes
        for datum in each.data
    )
    for part in chunks(values):  # a thousand grants may have a million of them
        connection.execute(insert(pairs), part)


def apply(locked: Locked, changes: Sequence[Change]) -> None:
    """Apply changes, and keep their events; see `ChangingTables.change`."""
    connection = locked.connection
    rows = (
        row
        for part in chunks(change.id for change in changes)
        for row in connection.execute(select(answers).where(answers.c.id.in_(part)))
    )
    now = {row.id: answer_of(row) for row in rows}
    left = [(now[change.id], change) for change in changes if _is_in(now.get(change.id), change)]
    if not left:
        return
    connection.execute(_update, [_changed(before, change) for before, change in left])
    if given := [{"_id": change.id, "_file": change.file} for _, change in left if change.file is not None]:
        connection.execute(_update_file, given)
    _stand(locked, left)


def _is_in(before: Answer | None, change: Change) -> bool:
    # It may have been erased since somebody read it.
    return before is not None and before.state in change.before


def _changed(before: Answer, change: Change) -> dict[str, Any]:
    given = {name: getattr(change, name) for name in (*NUMBERS, *_WORDS)}
    if change.state is State.LIVE:
        given["acknowledged_at"] = 0
    return {"_id": before.id} | {
        f"_{name}": getattr(before, name) if value is None else value for name, value in given.items()
    }


def _stand(locked: Locked, left: Sequence[tuple[Answer, Change]]) -> None:
    """Let the pairs follow the states, and keep the events."""
    connection = locked.connection
    stood = [(before, change, before.state in STANDING, change.state in STANDING) for before, change in left]
    gone = [before.id for before, _, was, stands in stood if was and not stands]
    for part in chunks(gone):
        connection.execute(delete(pairs).where(pairs.c.answer.in_(part)))
    _allow(connection, [before for before, _, was, stands in stood if stands and not was])
    _let_go(connection, [before.id for before, change in left if change.state in OVER], leaving=True)
    back = [before.id for before, change in left if before.state in OVER and change.state not in OVER]
    _let_go(connection, back, leaving=False)
    _take_acknowledgements_back(
        connection, [before.id for before, change in left if change.state is State.LIVE and before.ended_at]
    )
    for before, change in left:
        if before.state is State.WAITING and change.state is State.LIVE:
            at, block = change.anchored_at or 0, change.seen_block or 0
            locked.add_events(_begun(connection, before._replace(anchored_at=at, seen_block=block)))
    locked.add_events(event for _, change in left for event in change.events)


def _let_go(connection: Connection, ids: Sequence[int], *, leaving: bool) -> None:
    """Mark what these grants handed over for erasure, or take the mark back. What has no blocks needs none."""
    for part in chunks(ids):
        mine = holdings.c.answer.in_(part), holdings.c.blocks > 0
        connection.execute(update(holdings).where(*mine).values(leaving=leaving))


def _take_acknowledgements_back(connection: Connection, live: Sequence[int]) -> None:
    """Forget what told that these grants had ended, signed or anchored: the brand uses them again."""
    for part in chunks(live):
        connection.execute(delete(acknowledgements).where(acknowledgements.c.answer.in_(part)))
        same = and_(own_statements.c.kind == "Acknowledgement", own_statements.c.about.in_(part))
        connection.execute(delete(own_statements).where(same))


def add_roots(locked: Locked, found: Sequence[Root], before: int) -> None:
    """Keep roots that promised statements may be under, and forget those of blocks before this time."""
    locked.connection.execute(delete(roots).where(roots.c.time < before))
    new = [each._asdict() for each in found if each.time >= before]
    values = [{name: value for name, value in each.items() if name != "id"} for each in new]
    if values:
        locked.connection.execute(insert(roots), values)


def view_of(blocks: str, *numbers: int) -> View:
    """Return the view of these members of `progress`, in the order of a `View`."""
    return View(tuple((number, hash_) for number, hash_ in json.loads(blocks)), *numbers)
