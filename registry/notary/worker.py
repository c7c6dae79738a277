"""The notary's worker. Any number of workers close and pin batches; one of them leads, follows the chain, and sends.

Every trouble is a state in the note `WORKER_NOTE`, and work goes on by itself when the trouble ends.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from registry.fs.loops import Loop
from registry.ledger.base import Deployment
from registry.ledger.follower import Follower
from registry.ledger.outbox import Outbox
from registry.ledger.rpc import DEFAULT_TIMEOUT
from registry.notary.condition import WORKER_NOTE, Condition, Trouble, note_of, worst
from registry.notary.leading import Leader
from registry.notary.packing import Packer
from registry.notary.protocols import Signer
from registry.notary.records import BatchState
from registry.notary.settings import NotarySettings
from registry.notary.stores import Stores
from registry.storage.base import BlockStore

# Seconds between two looks at the database, at the chain while something is in no block, and at the chain otherwise.
_GLANCE, _BUSY_PAUSE, _IDLE_PAUSE = 0.05, 0.25, 1.0
# How often in a row packing lets endings go first.
_MOST_YIELDS = 20
# The note is written at least so often, so that a reader sees that the worker lives.
NOTE_SECONDS = 5.0
# How long `Worker.run` waits for a request that is under way when it is told to stop.
_STOP_SECONDS = 0.8
_FINE = Trouble(Condition.OK, "", "")


class Worker:
    """One worker of a notary. `step` does one round of everything; `run` goes on until it is told to stop."""

    def __init__(
        self,
        stores: Stores,
        signer: Signer,
        node_url: str,
        deployment: Deployment,
        blocks: BlockStore,
        settings: NotarySettings,
        clock: Callable[[], float] = time.time,
        *,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        self._intake, self._book, self._clock = stores.intake, stores.book, clock
        max_fee = int(settings.max_fee_gwei * 10**9)
        outbox = Outbox(node_url, deployment, signer, max_fee=max_fee, timeout=timeout)
        follower = Follower(node_url, deployment, timeout=timeout)
        self.packer = Packer(stores, blocks, settings, clock)
        self.leader = Leader(stores, outbox, follower, settings, clock)
        self._note: dict[str, Any] = {}
        self._noted, self._next, self._yields = 0.0, 0.0, 0

    def step(self) -> Trouble:
        """Do one round, and return what holds work up. ``DatabaseUnavailable`` where the database is away."""
        self.packer.step()
        return self._lead() or _FINE

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set, then return within a second. Only a fault of this program is raised.

        Packing has a thread of its own: a content store that is slow or away must not hold endings up.
        """
        loops = (Loop(self._pack, stop), Loop(self._lead_on, stop))
        threads = [threading.Thread(target=loop.run, daemon=True) for loop in loops]
        for thread in threads:
            thread.start()
        stop.wait()
        ends = time.monotonic() + _STOP_SECONDS
        for thread in threads:
            thread.join(max(0.0, ends - time.monotonic()))
        if not any(thread.is_alive() for thread in threads):
            self.leader.step_down()
        for loop in loops:
            if loop.failure is not None:
                raise loop.failure

    def _pack(self) -> float | None:
        # Closing a batch keeps the database busy for a while. Endings that wait go first, but not for ever.
        if self._yields < _MOST_YIELDS and self._intake.waiting_endings(1):
            self._yields += 1
            return _GLANCE
        self._yields = 0
        busy = self.packer.step()
        if self.packer.trouble is not None:
            return None
        return 0.0 if busy else _BUSY_PAUSE

    def _lead_on(self) -> float | None:
        """Do a round where there is work, or where the chain has to be looked at. Return the pause after it."""
        now = time.monotonic()
        if now < self._next and not self._has_work():
            return _GLANCE
        found = self._lead()
        self._next = time.monotonic() + (_BUSY_PAUSE if self.leader.is_busy else _IDLE_PAUSE)
        if found is None:
            return _IDLE_PAUSE
        if found.state not in (Condition.OK, Condition.STORE):
            return None
        # What no transaction has room for waits for the next block, but an ending with a token does not wait for it.
        return 2 * _GLANCE if self._has_work() else _GLANCE

    def _has_work(self) -> bool:
        return bool(self._intake.waiting_endings(1) or self._book.batches(BatchState.PINNED, 1))

    def _lead(self) -> Trouble | None:
        """Do a round of the leader, and note what came of it; None where another worker leads."""
        troubles = self.leader.round()
        if troubles is None:
            self._note = {}
            return None
        found = worst([*troubles, *([self.packer.trouble] if self.packer.trouble else [])])
        now = time.monotonic()
        figures = self.leader.figures()
        if found.state != self._note.get("state") or now - self._noted >= NOTE_SECONDS or self._has_jumped(figures):
            before = self._note or self._book.notes().get(WORKER_NOTE, {})
            self._note = note_of(found, before, int(self._clock()), **figures)
            self._book.put_note(WORKER_NOTE, self._note)
            self._noted = now
        return found

    def _has_jumped(self, figures: dict[str, Any]) -> bool:
        """Whether the chain's time is ahead of the clock, and new: promises that begin before it would be broken."""
        time = figures.get("head_time", 0)
        return bool(time > self._clock() and time != self._note.get("head_time"))
