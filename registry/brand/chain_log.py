"""Follow the registry's log: end what it ended, keep its roots, and take back what a reorganisation removed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from registry.brand.records import Ending, Root, View
from registry.brand.store import Store
from registry.ledger.follower import Cursor, LogEntry, LogKind, Step

# A promise is for a day at most; a promised statement is looked for under the roots of two.
ROOT_SECONDS = 2 * 86_400


class Stepping(Protocol):
    """Reads a chain's log, as `registry.ledger.follower.Follower` does."""

    def step(self, cursor: Cursor) -> Step:
        """Read the next part after the cursor."""


class ChainLog:
    """Reads on from the view in the store. One worker at a time may use it. ``clock`` returns unix seconds."""

    def __init__(self, store: Store, follower: Stepping, clock: Callable[[], int]) -> None:
        self._store, self._follower, self._clock = store, follower, clock

    def read(self) -> bool:
        """Read one part and apply it in one transaction with the view; tell whether the log was read to its end."""
        began = self._clock()  # what comes after this is not seen yet
        view = self._store.view()
        step = self._follower.step(Cursor(view.blocks))
        new = view._replace(blocks=step.cursor.blocks, head_time=step.head.time)
        if step.removed_above is not None:
            self._store.take_back(new, step.removed_above)
            return False
        if step.caught_up:
            new = new._replace(seen_at=began, behind=0)
        self._keep(new, step, step.head.time - ROOT_SECONDS)
        return step.caught_up

    def _keep(self, view: View, step: Step, roots_since: int) -> None:
        endings = [ending for entry in step.entries if (ending := _ending(entry)) is not None]
        anchored = (entry for entry in step.entries if entry.kind is LogKind.ANCHORED)
        roots = [Root(entry.word, entry.data, entry.block, entry.time) for entry in anchored]
        if not (endings or roots) and view.blocks == self._store.view().blocks:
            self._store.seen(view.seen_at, view.head_time)
        else:
            self._store.read_on(view, endings, roots, roots_since)


def _ending(entry: LogEntry) -> Ending | None:
    if entry.kind is LogKind.REVOKED:
        return Ending(entry.block, entry.time, handle=entry.word)
    if entry.kind is LogKind.REVOKED_ALL:
        until = int.from_bytes(entry.data, "big")
        # The database's numbers have 63 bits; a retired account's largest uint64 ends everything as well.
        return Ending(entry.block, entry.time, subject=entry.word[-20:], until=min(until, 2**62))
    return None
