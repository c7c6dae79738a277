"""A process that takes overlapping requests and closes batches until it is killed. It tells each answer on stdout.

    python -m tests.support.store_worker DATABASE FOLDER SEED

A line is JSON: the numbers of the commitments, and when the stores say that their request was received.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from registry.core.errors import DatabaseUnavailable
from registry.notary.ingest import Ingest
from registry.notary.records import Arrival, Times
from registry.notary.stores import Stores
from tests.support.store_fixtures import Place

# Few numbers, so that requests overlap; each worker draws from the same ones.
NUMBERS = 20_000
_LARGEST = 40


def word(number: int) -> bytes:
    """Return the commitment with this number."""
    return sha256(f"commitment {number}".encode()).digest()


def arrival(numbers: Sequence[int], received_at: int) -> Arrival:
    """Return the request to anchor these commitments."""
    items = b"".join(map(word, numbers))
    return Arrival(items if len(numbers) == 1 else sha256(items).digest(), items, Times(received_at, received_at + 900))


def draw(dice: random.Random) -> list[int]:
    """Draw the numbers of a request, often of one commitment."""
    return dice.sample(range(NUMBERS), 1 if dice.random() < 0.5 else dice.randrange(2, _LARGEST))


def close_for_ever(stores: Stores, stop: threading.Event) -> None:
    """Close batches, and drop the items of some, until told to stop. A database that is away is asked again."""
    while not stop.is_set():
        try:
            batch = stores.book.close_batch(int(time.time()), items=50, seconds=60)
            if batch is not None and batch.id % 3 == 0:
                stores.intake.drop_items(batch)
        except DatabaseUnavailable:
            time.sleep(0.01)


def _take_for_ever(ingest: Ingest, seed: int, lines: threading.Lock) -> None:
    dice, clock = random.Random(seed), int(time.time() * 1_000) % 1_000_000
    while True:
        clock += 1
        numbers = draw(dice)
        times = ingest.submit(arrival(numbers, clock)).result(60)
        with lines:
            print(json.dumps([numbers, times]), flush=True)


def _main(database: str, folder: str, seed: str) -> None:
    stores = Place(Path(folder), database).open()
    ingest, lines = Ingest(stores.intake), threading.Lock()
    for number in range(4):
        arguments = (ingest, 4 * int(seed) + number, lines)
        threading.Thread(target=_take_for_ever, args=arguments, daemon=True).start()
    close_for_ever(stores, threading.Event())


if __name__ == "__main__":
    _main(*sys.argv[1:])
