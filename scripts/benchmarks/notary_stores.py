"""The notary's stores alone, on SQLite and PostgreSQL: durable ingestion, closing a million commitments, and proofs."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

from registry.core.merkle import MAX_BATCH, root_from
from registry.notary.ingest import Ingest
from registry.notary.records import Arrival, Times
from registry.notary.settings import NotarySettings
from registry.notary.stores import Stores, open_stores
from scripts.benchmarks.figures import Figure
from tests.support.postgres import running_postgres

ROOT = Path(__file__).resolve().parents[2]
COMMITMENTS, PER_REQUEST = 1_000_000, 1_000
PROOFS, SINGLES, SINGLES_A_SECOND = 20_000, 1_000, 200
# Requests that wait for their commit at the same time, as those of several clients would.
_AT_ONCE = 64
_SECONDS = 300

# Another process closes, as a batch worker does; it tells its seconds and its peak memory.
_CLOSE = """
import json, re, sys, time
from functools import partial
from pathlib import Path
from registry.notary.settings import NotarySettings
from registry.notary.stores import open_stores
stores = open_stores(Path(sys.argv[2]), NotarySettings(database=sys.argv[1]))
began, batches = time.perf_counter(), 0
while stores.book.close_batch(int(time.time()), items=1, seconds=1, at_once=True):
    batches += 1
    time.sleep(float(sys.argv[3]))
seconds = time.perf_counter() - began
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
print(json.dumps([seconds, batches, int(peak) * 1024 / 1e6]))
"""


def measure() -> Iterator[Figure]:
    """Measure rates and times of this machine; the goals are those of the notary."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _measure_on("SQLite", "", Path(folder), 400_000, ">= 10000")
    with running_postgres() as server, tempfile.TemporaryDirectory() as folder:
        yield from _measure_on("PostgreSQL", server.new_database(), Path(folder), 200_000, "")


def _measure_on(name: str, url: str, folder: Path, goal: int, proofs_goal: str) -> Iterator[Figure]:
    stores = open_stores(folder, NotarySettings(database=url))
    requests = _requests(COMMITMENTS // PER_REQUEST, PER_REQUEST)
    ingest = Ingest(stores.intake)
    rate = COMMITMENTS / _timed(lambda: _submit(ingest, requests))
    yield Figure(f"{name}: durable ingestion, requests of {PER_REQUEST:,}", rate, "commitments/s", f">= {goal}")
    singles = _requests(5_000, 1)
    yield Figure(
        f"{name}: durable ingestion, requests of one", len(singles) / _timed(lambda: _submit(ingest, singles)), "/s"
    )
    with _closing(url, folder, 0) as closing:
        seconds, batches, peak = json.loads(closing.communicate(timeout=_SECONDS)[0])
    yield Figure(f"{name}: closing {COMMITMENTS:,} commitments ({batches} batches)", seconds, "s")
    yield Figure(f"{name}: peak of the process that closes", peak, "MB", "<= 200")
    _submit(ingest, _requests(COMMITMENTS // PER_REQUEST // 5, PER_REQUEST))
    with _closing(url, folder, 0.5) as closing:
        slow = _p99(ingest)
        closing.communicate(timeout=_SECONDS)
    what = f"p99 of single requests at {SINGLES_A_SECOND}/s while batches close"
    yield Figure(f"{name}: {what}", slow * 1000, "ms", "<= 25")
    ingest.close()
    yield Figure(f"{name}: single proofs, one thread", PROOFS / _timed(_proofs(stores, requests)), "/s", proofs_goal)


def _requests(count: int, size: int) -> list[Arrival]:
    bodies = [os.urandom(32 * size) for _ in range(count)]
    now = int(time.time())
    keys = [each if size == 1 else hashlib.sha256(each).digest() for each in bodies]
    return [Arrival(key, each, Times(now, now + 900)) for key, each in zip(keys, bodies, strict=True)]


def _submit(ingest: Ingest, requests: list[Arrival]) -> None:
    free, answers = threading.Semaphore(_AT_ONCE), list[Future[Any]]()
    for each in requests:
        free.acquire()
        answer = ingest.submit(each)
        answer.add_done_callback(lambda _: free.release())
        answers.append(answer)
    for answer in answers:
        answer.result(_SECONDS)


def _closing(url: str, folder: Path, pause: float) -> subprocess.Popen[bytes]:
    """Close all batches in a process of its own, with so many seconds after each, as the chain would take."""
    command = [sys.executable, "-c", _CLOSE, url, str(folder), str(pause)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)


def _p99(ingest: Ingest) -> float:
    """Submit single requests at a steady pace, as strangers would, and return the 99th percentile of their seconds."""
    took = list[float]()
    began = time.perf_counter()
    for place, each in enumerate(_requests(SINGLES, 1)):
        time.sleep(max(0.0, began + place / SINGLES_A_SECOND - time.perf_counter()))
        sent = time.perf_counter()
        ingest.submit(each).add_done_callback(partial(_note, took, sent))
    while len(took) < SINGLES and time.perf_counter() - began < _SECONDS:
        time.sleep(0.01)
    return sorted(took)[SINGLES * 99 // 100]


def _note(took: list[float], sent: float, _: Future[Any]) -> None:
    took.append(time.perf_counter() - sent)


def _proofs(stores: Stores, requests: list[Arrival]) -> Callable[[], None]:
    dice = random.Random(1)  # noqa: S311 - which proofs are asked for is no secret
    chosen = [(dice.choice(requests).items, 32 * dice.randrange(PER_REQUEST)) for _ in range(PROOFS)]
    wanted = [items[at : at + 32] for items, at in chosen]

    def serve() -> None:
        for each in wanted:
            stores.book.proof(each)

    found = stores.book.proof(wanted[0])
    if found is None or root_from(wanted[0], found[1]) != found[0].root or found[0].size > MAX_BATCH:
        raise RuntimeError("the proof does not lead to its root")
    return serve


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
