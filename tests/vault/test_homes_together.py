"""Homes and processes that change one vault at the same time, until they are killed: what each told is there."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from registry.core.ipld.cid import cid_from_digest
from registry.storage.sqlite_store import SqliteBlocks
from registry.vault.database import Database
from registry.vault.draft import Draft
from registry.vault.journal import Journal
from tests.support.builders import SEED
from tests.support.paths import ROOT
from tests.support.soak import examples
from tests.vault.test_killed_database import reachable

pytestmark = pytest.mark.slow


def run_together(folders: list[Path], store: Path, seconds: float) -> list[str]:
    """Let one process for each folder work for so long, then kill them all; what they told."""
    lines = [[sys.executable, "-m", "tests.support.home_worker", folder, store] for folder in folders]
    workers = [subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True) for line in lines]
    told = list[str]()
    try:
        for worker in workers:
            assert worker.stdout is not None
            told.append(worker.stdout.readline())
        time.sleep(seconds)
    finally:
        for worker in workers:
            worker.kill()
    for worker in workers:
        told += worker.communicate()[0].splitlines(keepends=True)
        assert worker.returncode == -9
    return [line.strip() for line in told if line.endswith("\n")]


def check(vault: Database, told: list[str]) -> None:
    alive = {record.id: record for record in vault.select("")}
    removed = {line.split()[1] for line in told if line.startswith("removed")}
    for kind, *ids in map(str.split, told):
        if kind != "removed":
            # A removal may have been done and not told.
            assert all(id_ in alive or vault.history(id_) for id_ in ids)
        if kind == "edited":
            assert alive[ids[0]].tags
    assert removed.isdisjoint(alive)


@pytest.mark.parametrize("names", [["one", "one"], ["one", "two"], ["one", "one", "two"]], ids="-".join)
def test_nothing_is_lost(tmp_path: Path, names: list[str]) -> None:
    folders, told = [tmp_path / name for name in names], list[str]()
    for _ in range(examples(1, 20)):
        told += run_together(folders, tmp_path / "blocks.db", 1.0)
    with SqliteBlocks(tmp_path / "blocks.db") as store:
        vaults = {folder: Database(folder, SEED, store) for folder in folders}
        for vault in [*vaults.values(), *vaults.values()]:
            assert vault.merge().unread == {}
        for vault in vaults.values():
            check(vault, told)
        for vault in vaults.values():
            assert all(store.has(cid_from_digest(digest)) for digest in reachable(vault, store))
        alive = [sorted((one.id, one.version) for one in vault.select("")) for vault in vaults.values()]
        assert all(each == alive[0] for each in alive)
        for vault in vaults.values():
            vault.close()


def test_a_reader_of_the_store_keeps_nobody_from_changing(tmp_path: Path) -> None:
    with SqliteBlocks(tmp_path / "blocks.db", busy_seconds=0.1) as store:
        vault = Database(tmp_path / "vault", SEED, store)
        (name,) = vault.add([Draft("pd:Purchase", "purchase/1", body={"name": "coat", "orderDate": "2026-01-31"})])
        reader = sqlite3.connect(tmp_path / "blocks.db", isolation_level=None)
        reader.execute("BEGIN").execute("SELECT count(*) FROM blocks").fetchone()
        vault.edit(name, tags=("gift",))
        journal = Journal(tmp_path / "vault", store)
        assert journal.is_logged and vault.get(name).tags == ("gift",)
        reader.close()
        vault.edit(name, tags=("present",))
        assert not journal.is_logged
        vault.close()
