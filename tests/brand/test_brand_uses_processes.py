"""Processes that append to one use log at once, of which some are killed: no gap, nothing lost, one tree."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from registry.brand.store import Store
from registry.core.merkle_log import appended, leaf_hash, root_of
from tests.support.brand_stores import BrandPlace, word
from tests.support.soak import examples
from tests.support.use_logs import root_now

pytestmark = pytest.mark.slow
SECONDS = 60.0
_SCRIPT = """
import sys
from pathlib import Path
from registry.brand.store import open_store
from registry.brand.uses import note_use
from tests.support.brand_stores import word
folder, database, name, count = sys.argv[1:]
store = open_store(Path(folder), database)
for n in range(int(count)):
    at = note_use(store, word(name), at=n, purpose="dpv:Personalisation", data=["pd:Purchase"], count=n)
    print(at, flush=True)
"""


def appending(place: BrandPlace, name: str, count: int) -> subprocess.Popen[str]:
    line = [sys.executable, "-c", _SCRIPT, str(place.folder), place.database, name, str(count)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(Path.cwd())})


def is_whole(store: Store, names: list[str]) -> dict[str, list[int]]:
    """Require that the log has no gap and that its tree is that of its entries; return the numbers by name."""
    found = {name: store.uses_of(word(name), 0, 10**6) for name in names}
    kept = {each.position: each.entry for every in found.values() for each in every}
    size = store.use_count()
    assert sorted(kept) == list(range(size))
    leaves = [leaf_hash(kept[number]) for number in range(size)]
    assert root_now(store) == root_of(size, appended(0, {}, leaves))
    return {name: [each.position for each in every] for name, every in found.items()}


def test_two_processes_at_once(brand_place: BrandPlace) -> None:
    store = brand_place.open()
    started = [appending(brand_place, name, 25) for name in ("a", "b")]
    printed = [each.communicate(timeout=SECONDS)[0].split() for each in started]
    found = is_whole(store, ["a", "b"])
    assert [list(map(int, lines)) for lines in printed] == [found["a"], found["b"]]
    assert store.use_count() == 50


def test_killed_while_they_append(brand_place: BrandPlace, tmp_path: Path) -> None:
    """What a process was told is in the log; of what it was not told, at most one entry is."""
    store = brand_place.open()
    names = [f"{number}" for number in range(examples(3, 30))]
    for number, name in enumerate(names):
        one, other = (appending(brand_place, each, 10_000) for each in (name, f"{name} beside"))
        assert one.stdout is not None and other.stdout is not None
        first = [one.stdout.readline() for _ in range(3)]
        time.sleep(0.01 * (number % 5))
        for each in (one, other):
            os.kill(each.pid, signal.SIGKILL)
        # `communicate` would leave out what `readline` has read ahead.
        told = [*first, *one.stdout.read().splitlines()]
        one.wait(timeout=SECONDS)
        lines = [int(line) for line in told if line.strip()]
        other.communicate(timeout=SECONDS)
        kept = [each.position for each in store.uses_of(word(name), 0, 10**6)]
        assert kept[: len(lines)] == lines and len(kept) <= len(lines) + 1
    is_whole(store, [*names, *(f"{name} beside" for name in names)])
