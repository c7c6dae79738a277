"""A process that imports is killed: the vault has nothing of the file or all of it. The same import makes it whole."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from pathlib import Path

import pytest

from registry.storage.sqlite_store import SqliteBlocks
from registry.vault.database import Database
from registry.vault.importers.csv_lines import CsvImporter
from registry.vault.importers.report import State
from tests.support.builders import SEED
from tests.support.importing import PURCHASES
from tests.support.paths import ROOT

pytestmark = pytest.mark.slow

# More than a segment, so that one is in the store before the last line was read.
LINES = 20_000
RAW = (
    "date,article,total,currency,quantity\n" + "".join(f"2026-01-31,thing {n},1.00,EUR,1\n" for n in range(LINES))
).encode()
WORKER = """
import io, os, signal, sys
from pathlib import Path
from registry.storage.sqlite_store import SqliteBlocks
from registry.vault.database import Database
from registry.vault.importers.csv_lines import CsvImporter
from tests.support.builders import SEED
from tests.support.importing import PURCHASES
from tests.vault.test_killed_imports import RAW

folder, phase, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

def dying(things):
    for number, thing in enumerate(things):
        if number == count:
            os.kill(os.getpid(), signal.SIGKILL)
        yield thing

with SqliteBlocks(folder / "blocks.db") as store, Database(folder / "vault", SEED, store) as vault:
    steps = iter(dying(iter(int, 1)))
    if phase == "filling":
        plain = vault._folder._mirror._facts_of
        vault._folder._mirror._facts_of = lambda record: (next(steps), plain(record))[1]
    items = CsvImporter(PURCHASES, "pd:Purchase").items(io.BytesIO(RAW))
    vault.take(dying(items) if phase == "reading" else items)
"""


def kill(folder: Path, phase: str, count: int) -> None:
    """Let a process import until it has read so many lines, or put so many records into the copy."""
    line = [sys.executable, "-c", WORKER, folder, phase, str(count)]
    assert subprocess.run(line, cwd=ROOT, timeout=120).returncode == -9


def take_again(folder: Path) -> tuple[int, dict[State, int], int]:
    """Import the file; how many records there were before, what the report says, and the blocks in the store."""
    with SqliteBlocks(folder / "blocks.db") as store, Database(folder / "vault", SEED, store) as vault:
        before = vault.stats().records
        report = vault.take(CsvImporter(PURCHASES, "pd:Purchase").items(io.BytesIO(RAW)))
        assert vault.stats().records == vault.stats().versions == LINES and not report.refused
        # Each line is there once.
        assert len({(one.body or {})["name"] for one in vault.select("")}) == LINES
        vault._folder.journal.settle()
        return before, dict(report.states), store.stat().blocks


def test_killed_while_reading_nothing_is_there_and_nothing_stays(tmp_path: Path) -> None:
    kill(tmp_path, "reading", 10)
    kill(tmp_path, "reading", 17_000)
    before, states, blocks = take_again(tmp_path)
    assert (before, states) == (0, {State.NEW: LINES})
    whole = tmp_path / "whole"
    whole.mkdir()
    assert take_again(whole)[2] == blocks, "what the killed imports put is erased"


def test_killed_while_the_copy_takes_the_records_all_are_there(tmp_path: Path) -> None:
    kill(tmp_path, "filling", 18_000)
    before, states, _ = take_again(tmp_path)
    assert (before, states) == (LINES, {State.KNOWN: LINES})


def test_killed_at_any_moment(tmp_path: Path) -> None:
    """Each later kill lies a third of a second after the one before, until the import ends."""
    code = 0
    for attempt in range(100):
        line = [sys.executable, "-c", WORKER, tmp_path, "never", "0"]
        with subprocess.Popen(line, cwd=ROOT) as process:
            began = time.monotonic()
            while (code := process.poll()) is None and time.monotonic() - began < 0.5 + attempt / 3:
                time.sleep(0.02)
            process.kill()
        if code == 0:
            break
    assert code == 0
    assert take_again(tmp_path)[:2] == (LINES, {State.KNOWN: LINES})
