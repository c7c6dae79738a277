"""A process that changes the vault is killed at random moments: the vault opens, at the old state or the new."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from registry.core.ipld.cid import digest_of_cid
from registry.core.ipld.unixfs import blocks_of
from registry.storage.sqlite_store import SqliteBlocks
from registry.vault.bundles import files_of, held_by_brand
from registry.vault.database import Database
from registry.vault.streams import Streams
from tests.support.builders import SEED, word
from tests.support.paths import ROOT
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


def reachable(vault: Database, store: SqliteBlocks) -> set[bytes]:
    """The blocks that the newest index names."""
    folder, files = vault._folder, list[str]()
    index, streams = folder.index(), Streams(folder._key, store.get, _nothing)
    if index is None:
        return set()
    files += [folder.journal.index, *([index.book] if index.book else [])]
    for stream in index.streams:
        files += [stream.head, *streams.lists(stream), *(one.cid for one in streams.segments(stream))]
    for bundle in folder.book().bundles:
        files += files_of(store, vault.shares._party(bundle), bundle)
    return {digest_of_cid(block.cid) for name in files for block in blocks_of(name, store.get)}


def _nothing(blocks: object) -> None:
    raise AssertionError("nothing is put")


def test_it_opens_at_the_old_state_or_the_new(tmp_path: Path) -> None:
    dice, records, versions = random.Random(7), 0, 0
    for choices in range(examples(6, 200)):
        told = killed_after(dice.random() * 0.4, tmp_path, choices)
        done = [line for line in told if line[0] == "done"]
        records, versions = map(int, done[-1][1:]) if done else (records, versions)
        with SqliteBlocks(tmp_path / "blocks.db") as store, Database(tmp_path / "vault", SEED, store) as vault:
            stats = vault.stats()
            # What was told is there; the change that was under way is there whole, or not at all.
            is_under_way = told[-1][0] == "begin"
            assert stats.versions >= versions if is_under_way else stats.versions == versions
            if stats.versions == versions:
                assert stats.records == records
            copied = list(vault.versions())
            if bundles := vault.shares.of(word(1)):
                held = held_by_brand(store, vault.shares._party(bundles[0]), bundles[0])
                assert len(held) <= len({one.id for one in copied})
                vault.shares.bring_up_to_date(word(1))
                now = held_by_brand(store, vault.shares._party(bundles[0]), vault.shares.of(word(1))[0])
                wanted = sorted(str(one.body) for one in vault.shares.preview(VIEW))
                assert sorted(str(one.body) for one in now.values() if not one.deleted) == wanted
            # The copy has what the segments have, and the store nothing that no index names.
            vault.close()
            (tmp_path / "vault" / "copy.db").unlink(missing_ok=True)
            assert list(vault.versions()) == copied
            vault.merge()
            assert store.stat().blocks == len(reachable(vault, store))
            records, versions = vault.stats().records, vault.stats().versions
