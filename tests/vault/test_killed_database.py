"""A process that changes the vault is killed at random moments: the vault opens, at the old state or the new."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from registry.core.sealed.records import Record
from registry.storage.sqlite_store import SqliteBlocks
from registry.vault.bundles import held_by_brand
from registry.vault.database import Database
from tests.support.builders import SEED, word
from tests.support.paths import ROOT
from tests.support.reachable import reachable
from tests.support.soak import examples
from tests.support.vault_worker import VIEW

pytestmark = pytest.mark.slow


def killed_after(seconds: float, folder: Path, choices: int) -> list[list[str]]:
    """Run the worker for about so long behind its first change; what it told."""
    line = [sys.executable, "-m", "tests.support.vault_worker", folder / "vault", folder / "blocks.db", str(choices)]
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [process.stdout.readline()]
        time.sleep(seconds)
        process.kill()
        told += process.stdout.readlines()
    assert process.returncode == -9, told
    return [words.split() for words in told if words.endswith("\n")]


def without_deleted(versions: Iterable[Record]) -> list[Record]:
    """All versions but what deleted records held, which merges and compactions drop at times of their own."""
    some = list(versions)
    newest = {one.id: one for one in some}  # those of one record stand together, oldest first
    return [one for one in some if one.deleted or not newest[one.id].deleted]


def test_it_opens_at_the_old_state_or_the_new(tmp_path: Path) -> None:
    dice, records, versions = random.Random(7), 0, 0
    for choices in range(examples(8, 200)):
        told = killed_after(dice.random() * 0.8, tmp_path, choices)
        done = [line for line in told if line[0] == "done"]
        records, versions = map(int, done[-1][1:]) if done else (records, versions)
        with SqliteBlocks(tmp_path / "blocks.db") as store, Database(tmp_path / "vault", SEED, store) as vault:
            stats = vault.stats()
            # What was told is there; the change that was under way is there whole, or not at all.
            under_way = told[-1][1] if told[-1][0] == "begin" else ""
            shrinks = under_way in ("compact", "shred")
            grows = under_way and not shrinks
            assert stats.versions == versions or (stats.versions < versions if shrinks else grows)
            if stats.versions == versions or under_way == "compact":
                assert stats.records == records
            copied = without_deleted(vault.versions())
            if bundles := vault.shares.of(word(1)):
                held = held_by_brand(store, vault.shares.party(bundles[0]), bundles[0])
                assert sum(not one.deleted for one in held.values()) <= len({one.id for one in copied})
                vault.shares.bring_up_to_date(word(1))
                now = held_by_brand(store, vault.shares.party(bundles[0]), vault.shares.of(word(1))[0])
                wanted = sorted(str(one.body) for one in vault.shares.preview(VIEW))
                assert sorted(str(one.body) for one in now.values() if not one.deleted) == wanted
            # The copy has what the segments have, and the store nothing that no index names.
            vault.close()
            (tmp_path / "vault" / "copy.db").unlink(missing_ok=True)
            assert without_deleted(vault.versions()) == copied
            vault.merge()
            assert store.stat().blocks == len(reachable(vault, store))
            records, versions = vault.stats().records, vault.stats().versions
