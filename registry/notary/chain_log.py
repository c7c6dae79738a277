"""Keep the registry's log in the book: events for clients, anchored batches, ended endings, reorganisations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from registry.ledger.base import Head
from registry.ledger.follower import Cursor, Follower, LogEntry, LogKind, Step
from registry.notary.records import BatchState, EndingState, Event, EventKind
from registry.notary.stores import Stores

CURSOR_NOTE = "cursor"
_PAGE = 1_000
_KINDS = {LogKind.ANCHORED: EventKind.ANCHORED, LogKind.REVOKED: EventKind.REVOKED}


class _Mark(NamedTuple):
    """A block that was read, and an event's id: all events of later blocks have larger ones."""

    number: int
    hash: str
    event: int


class ChainLog:
    """Reads on from the cursor in the book's notes. One worker at a time may use it."""

    def __init__(self, stores: Stores, follower: Follower) -> None:
        self._intake, self._book, self._follower = stores.intake, stores.book, follower
        self._marks: tuple[_Mark, ...] = ()
        self._last = 0
        self._next: tuple[tuple[_Mark, ...], int] = ((), 0)

    def load(self) -> None:
        """Read the cursor from the book: another worker may have moved it."""
        note = self._book.notes().get(CURSOR_NOTE, {})
        self._marks, self._last = tuple(_Mark(*block) for block in note.get("blocks", [])), note.get("event", 0)

    def has_read(self, head: Head) -> bool:
        """Return whether this block is the last one that was read."""
        return bool(self._marks) and self._marks[-1].hash == head.hash

    def read(self) -> Step:
        """Read one part, and apply it. `keep` then moves the cursor, once the caller has acted on it too.

        After a crash between the two, the same part is read and applied again, which changes nothing.
        """
        cursor = Cursor(tuple((mark.number, mark.hash) for mark in self._marks))
        step = self._follower.step(cursor)
        known = {mark.number: mark.event for mark in self._marks}
        if step.removed_above is None:
            self._add(step.entries)
        else:
            self._take_back(known[step.removed_above], step.removed_above)
        marks = tuple(_Mark(*block, known.get(block[0], self._last)) for block in step.cursor.blocks)
        self._next = marks, self._newest_event()
        return step

    def keep(self) -> None:
        """Keep the cursor behind what was read last."""
        if self._next != (self._marks, self._last):
            marks, last = self._next
            self._book.put_note(CURSOR_NOTE, {"blocks": [list(mark) for mark in marks], "event": last})
            self._marks, self._last = self._next

    def _add(self, entries: tuple[LogEntry, ...]) -> None:
        found = [entry for entry in entries if entry.kind in _KINDS]
        self._book.add_events(
            [Event(0, _KINDS[one.kind], one.word, _manifest(one), one.block, one.time) for one in found]
        )
        for entry in found:
            if entry.kind is LogKind.ANCHORED:
                self._anchored(entry)
            else:
                self._revoked(entry.word)

    def _anchored(self, entry: LogEntry) -> None:
        batch = self._book.batch(entry.word)
        # A stranger may anchor the root beside something else, from which nobody can rebuild the proofs.
        if batch is None or batch.manifest != entry.data or batch.state in (BatchState.ANCHORED, BatchState.FINAL):
            return
        hash_, number, when = entry.transaction, entry.block, entry.time
        self._book.set_batch(batch.id, BatchState.ANCHORED, transaction=hash_, block=number, time=when)

    def _revoked(self, handle: bytes) -> None:
        ending = self._intake.ending(handle)
        if ending is not None and ending.state in (EndingState.WAITING, EndingState.SENT):
            self._intake.set_endings([ending.id], EndingState.ENDED)

    def _take_back(self, since: int, above: int) -> None:
        """Take back what was logged above a block; the worker then sends it again."""
        gone = [event for event in self._after(since) if event.block > above and self._stands(event)]
        self._book.add_events([event._replace(kind=EventKind.REMOVED) for event in gone])
        for event in gone:
            if event.kind is EventKind.ANCHORED:
                self._unanchored(event)
            else:
                self._unrevoked(event.word)

    def _stands(self, event: Event) -> bool:
        newest = self._book.event_of(event.word, event.manifest)
        return newest is not None and newest.id == event.id

    def _unanchored(self, event: Event) -> None:
        batch = self._book.batch(event.word)
        is_ours = batch is not None and batch.manifest == event.manifest
        if batch is not None and is_ours and batch.state in (BatchState.ANCHORED, BatchState.FINAL):
            self._book.set_batch(batch.id, BatchState.PINNED)

    def _unrevoked(self, handle: bytes) -> None:
        ending = self._intake.ending(handle)
        if ending is not None and ending.state is EndingState.ENDED:
            self._intake.set_endings([ending.id], EndingState.WAITING)

    def _newest_event(self) -> int:
        last = self._last
        for event in self._after(last):
            last = event.id
        return last

    def _after(self, id: int) -> Iterator[Event]:
        while page := self._book.events_after(id, _PAGE):
            yield from page
            id = page[-1].id


def _manifest(entry: LogEntry) -> bytes:
    return entry.data if entry.kind is LogKind.ANCHORED else b""
