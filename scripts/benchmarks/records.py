"""Ten thousand small records, each sealed as a file of its own, stored so that they survive a power cut."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from registry.core.age.recipients import identity_from_seed, parse_recipient, recipient_of
from registry.core.age.stream import seal_bytes
from registry.core.ipld.cid import Block, cid_of_block
from registry.storage.sqlite_store import SqliteBlocks
from scripts.benchmarks.figures import Figure, best_of

COUNT = 10_000
SIZE = 1000
# Records for each transaction, as a batch would arrive.
COMMIT = 1000
_RECIPIENT = parse_recipient(recipient_of(identity_from_seed(bytes(range(32)))))


def measure() -> Iterator[Figure]:
    """Time sealing alone and sealing with storing, in turns, with a new store each time."""
    records = [os.urandom(SIZE) for _ in range(COUNT)]
    with tempfile.TemporaryDirectory() as folder:
        best = best_of({"sealed": lambda: _seal(records), "stored": lambda: _store(records, Path(folder))}, runs=6)
    yield Figure(
        f"{COUNT:,} records of 1 KB sealed and stored durably, share of the speed of sealing alone",
        best["sealed"] / best["stored"],
        "",
        ">= 0.7",
    )
    yield Figure("records of 1 KB sealed and stored durably, a second", COUNT / best["stored"], "/s")


def _sealed(record: bytes) -> Block:
    data = seal_bytes(record, [_RECIPIENT])
    return Block(cid_of_block(data), data)


def _seal(records: list[bytes]) -> None:
    for each in records:
        seal_bytes(each, [_RECIPIENT])


def _store(records: list[bytes], folder: Path) -> None:
    with SqliteBlocks(folder / str(time.monotonic_ns())) as store:
        for at in range(0, COUNT, COMMIT):
            store.put(map(_sealed, records[at : at + COMMIT]))
        if store.stat().blocks != COUNT:
            raise RuntimeError("the store does not hold what was put")
