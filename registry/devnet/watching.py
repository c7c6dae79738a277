"""Polls a devnet for events: new blocks, the registry's logs, and the blocks that Kubo pins."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from registry.core.errors import LedgerUnavailable, StorageUnavailable
from registry.ledger.anvil import Anvil, Logged
from registry.ledger.base import Deployment, Head
from registry.storage.base import BlockStore

# Counting makes Kubo list all of its pins, so it is asked less often than anvil.
PINS_SECONDS = 2.0


class Event(NamedTuple):
    """An event: its ``kind``, its time (unix seconds), and its members for JSON.

    "blocks" (first, last), "anchor", "revocation" and "revoke-all" (block, subject, transaction), "pins" (blocks,
    bytes), "reorganised" (block), "silent" (which, why), "unsaved" (why).
    """

    kind: str
    time: int
    more: dict[str, Any]


class Watcher:
    """Counts all from the registry's first block on, then polls. ``LedgerUnavailable`` or ``StorageUnavailable``."""

    def __init__(self, anvil: Anvil, deployment: Deployment, store: BlockStore) -> None:
        self._anvil, self._deployment, self._store = anvil, deployment, store
        self.tip = anvil.tip()
        self.counts = self._counted(self.tip)
        self.pins = store.stat()
        self._next_pins = 0.0
        self._silent: set[str] = set()

    def poll(self) -> list[Event]:
        """Return what is new since the last poll. A node that does not answer is an event too."""
        return [*self._ask("anvil", self._poll_chain), *self._ask("kubo", self._poll_pins)]

    def _ask(self, name: str, poll: Callable[[], list[Event]]) -> list[Event]:
        """Report a silent node once, and again only after it has answered."""
        try:
            events = poll()
        except (LedgerUnavailable, StorageUnavailable) as error:
            is_new = name not in self._silent
            self._silent.add(name)
            return [Event("silent", int(time.time()), {"which": name, "why": str(error)})] if is_new else []
        self._silent.discard(name)
        return events

    def _poll_chain(self) -> list[Event]:
        tip = self._anvil.tip()
        if tip.hash == self.tip.hash:
            return []
        if tip.number <= self.tip.number or not self._anvil.has(self.tip):
            self.tip, self.counts = tip, self._counted(tip)
            return [Event("reorganised", tip.time, {"block": tip.number})]
        first = self.tip.number + 1
        logged = self._anvil.logged(self._deployment, first, tip.number)
        self.tip = tip
        self.counts.update(each.kind for each in logged)
        # They were mined since the last poll, a moment ago: the time of the newest block serves for all.
        news = [Event(log.kind, tip.time, dict(zip(Logged._fields[1:], log[1:], strict=True))) for log in logged]
        return [Event("blocks", tip.time, {"first": first, "last": tip.number}), *news]

    def _counted(self, tip: Head) -> Counter[str]:
        return Counter(each.kind for each in self._anvil.logged(self._deployment, self._deployment.block, tip.number))

    def _poll_pins(self) -> list[Event]:
        if time.monotonic() < self._next_pins:
            return []
        self._next_pins = time.monotonic() + PINS_SECONDS
        before, self.pins = self.pins, self._store.stat()
        return [] if self.pins == before else [Event("pins", int(time.time()), self.pins._asdict())]
