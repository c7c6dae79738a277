"""What happens on a devnet, by looking again and again: blocks, what the registry logged, blocks pinned by Kubo."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any, NamedTuple

from registry.core.errors import LedgerUnavailable, StorageUnavailable
from registry.ledger.anvil import Anvil, Logged
from registry.ledger.base import Deployment, Head
from registry.storage.base import BlockStore, StoreStat

# Kubo lists all of its pins for a count.
PINS_SECONDS = 2.0


class Event(NamedTuple):
    """Something that has happened: its ``kind``, when (unix seconds), and what there is to say, for JSON.

    "blocks" (first, last), "anchor", "revocation" and "revoke-all" (block, subject, transaction), "pins" (blocks,
    bytes), "reorganised" (block), "silent" (which, why).
    """

    kind: str
    time: int
    more: dict[str, Any]


class Watcher:
    """Looks at a chain and at a store; `count` first."""

    def __init__(self, anvil: Anvil, deployment: Deployment, store: BlockStore) -> None:
        self._anvil, self._deployment, self._store = anvil, deployment, store
        self.tip: Head | None = None
        self.counts: Counter[str] = Counter()
        self.pins = StoreStat(0, 0)
        self._next_pins = 0.0
        self._silent: set[str] = set()

    def count(self) -> None:
        """Count what there is. LedgerUnavailable, StorageUnavailable."""
        self._count_all(self._anvil.tip())
        self.pins = self._store.stat()

    def look(self) -> list[Event]:
        """What is new since the last look. A node that does not answer is a happening too."""
        return [*self._asked("anvil", self._look_at_chain), *self._asked("kubo", self._look_at_pins)]

    def _asked(self, name: str, look: Any) -> list[Event]:
        """Silence is said once, and again when there was an answer in the meantime."""
        try:
            found: list[Event] = look()
        except (LedgerUnavailable, StorageUnavailable) as error:
            new = name not in self._silent
            self._silent.add(name)
            return [Event("silent", int(time.time()), {"which": name, "why": str(error)})] if new else []
        self._silent.discard(name)
        return found

    def _look_at_chain(self) -> list[Event]:
        tip = self._anvil.tip()
        assert self.tip is not None, "count() comes first"
        if tip.hash == self.tip.hash:
            return []
        if tip.number <= self.tip.number or not self._anvil.has(self.tip):
            self._count_all(tip)
            return [Event("reorganised", tip.time, {"block": tip.number})]
        first = self.tip.number + 1
        logged = self._anvil.logged(self._deployment, first, tip.number)
        self.tip = tip
        self.counts.update(each.kind for each in logged)
        return [Event("blocks", tip.time, {"first": first, "last": tip.number}), *_told(logged, tip)]

    def _count_all(self, tip: Head) -> None:
        logged = self._anvil.logged(self._deployment, self._deployment.block, tip.number)
        self.tip, self.counts = tip, Counter(each.kind for each in logged)

    def _look_at_pins(self) -> list[Event]:
        if time.monotonic() < self._next_pins:
            return []
        self._next_pins = time.monotonic() + PINS_SECONDS
        before, pins = self.pins, self._store.stat()
        self.pins = pins
        return [] if pins == before else [Event("pins", int(time.time()), {"blocks": pins.blocks, "bytes": pins.bytes})]


def _told(logged: list[Logged], tip: Head) -> list[Event]:
    # They were mined since the last look, a moment ago.
    return [Event(one.kind, tip.time, {k: v for k, v in one._asdict().items() if k != "kind"}) for one in logged]
