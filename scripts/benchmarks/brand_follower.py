"""The brand's follower on a log in memory, whose ends are those of stored consents and of other brands' people."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from registry.brand.chain_log import ChainLog
from registry.brand.store import open_store
from registry.core.crypto.keccak import keccak256
from registry.ledger.base import Head
from registry.ledger.follower import Cursor, LogEntry, LogKind, Step
from scripts.benchmarks.brand_rows import an_opening

# Events of one block, of one step as a node serves them, and of which each so many-th is an anchor.
_IN_BLOCK, _IN_STEP, _ANCHOR = 100, 10_000, 10


def follow(folder: Path, database: str, events: int, ours: int) -> float:
    """Return the seconds in which the follower reads so many events; ``ours`` are ends of consents in the store."""
    store = open_store(folder, database)
    now = int(time.time())
    log = ChainLog(store, _Log(list(_entries(events, ours, store.view().number + 1, now)), now), lambda: now)
    began = time.perf_counter()
    while not log.read():
        pass
    took = time.perf_counter() - began
    if store.counts().get(("Grant", "ended")) != ours:
        raise RuntimeError("not all ends were noticed")
    return took


class _Log:
    def __init__(self, entries: list[LogEntry], now: int) -> None:
        self._entries, self._now, self._at = entries, now, 0

    def step(self, cursor: Cursor) -> Step:
        part = self._entries[self._at : self._at + _IN_STEP]
        self._at += len(part)
        last = part[-1].block
        head = Head(last, f"0x{last:064x}", self._now)
        is_all = self._at == len(self._entries)
        return Step(Cursor((*cursor.blocks, head[:2])[-128:]), head, tuple(part), caught_up=is_all)


def _entries(events: int, ours: int, first: int, now: int) -> Iterator[LogEntry]:
    often = events // ours
    for number in range(events):
        word, data, kind = keccak256(f"other {number}".encode()), b"", LogKind.REVOKED
        if number % often == 0:
            word = an_opening(number // often, "own").handle
        elif number % _ANCHOR == 1:
            kind, data = LogKind.ANCHORED, keccak256(word)
        yield LogEntry(kind, word, data, first + number // _IN_BLOCK, now, "0x" + "00" * 32)
