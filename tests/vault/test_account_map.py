"""The list of controllers and accounts: kept in the sealed book, restored from the index's CID, shared by processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from registry.core.errors import StorageUnavailable
from registry.storage.sqlite_store import SqliteBlocks
from registry.vault.database import Database
from registry.vault.draft import Draft
from registry.vault.journal import set_index
from tests.support.builders import SEED
from tests.support.fake_storage import MemoryBlocks

ONE, OTHER = ("0x" + digit * 40 for digit in "12")


def noted(vault: Database) -> list[tuple[str, int]]:
    return [(account.controller, account.generation) for account in vault.accounts()]


def test_they_are_listed_in_one_order(vault: Database) -> None:
    assert (noted(vault), vault.index) == ([], "")
    for controller, generation in ((OTHER, 0), (ONE, 1), (ONE, 0)):
        vault.note_account(controller, generation)
    assert noted(vault) == [(ONE, 0), (ONE, 1), (OTHER, 0)]


def test_the_same_again_changes_nothing(vault: Database) -> None:
    vault.note_account(ONE, 0)
    index = vault.index
    vault.note_account(ONE, 0)
    assert vault.index == index


def test_what_another_process_noted_meanwhile(vault: Database, store: MemoryBlocks, tmp_path: Path) -> None:
    Database(tmp_path / "vault", SEED, store).note_account(ONE, 0)
    vault.note_account(ONE, 0)
    assert noted(vault) == [(ONE, 0)]


def test_accounts_outlive_every_other_change(vault: Database) -> None:
    vault.note_account(ONE, 0)
    vault.add([Draft("pd:Purchase", "purchase/1", body={"name": "coat", "orderDate": "2026-01-31"})])
    vault.note_account(OTHER, 0)
    assert noted(vault) == [(ONE, 0), (OTHER, 0)] and vault.stats().records == 1


def test_the_indexs_cid_restores_them(vault: Database, store: MemoryBlocks, tmp_path: Path) -> None:
    vault.note_account(ONE, 3)
    set_index(tmp_path / "again", vault.index)
    assert noted(Database(tmp_path / "again", SEED, store)) == [(ONE, 3)]


def test_a_store_that_fails_notes_nothing(vault: Database, store: MemoryBlocks) -> None:
    vault.note_account(ONE, 0)
    store.down = True
    with pytest.raises(StorageUnavailable):
        vault.note_account(OTHER, 0)
    store.down = False
    assert noted(vault) == [(ONE, 0)]


def test_noting_and_reading_them_opens_no_working_copy(vault: Database, tmp_path: Path) -> None:
    """What ends a consent reads the accounts, and must not wait for the libraries of a search."""
    vault.note_account(ONE, 0)
    assert noted(vault) and not (tmp_path / "vault" / "copy.db").exists()


NOTING = """
import sys
from pathlib import Path
from registry.core.scalars import checksum
from registry.storage.sqlite_store import SqliteBlocks
from registry.vault.database import Database

folder, word = Path(sys.argv[1]), sys.argv[2]
vault = Database(folder / "vault", bytes(range(32)), SqliteBlocks(folder / "blocks.sqlite"))
for number in range(6):
    vault.note_account(checksum(bytes([ord(word), number] * 10)), 0)
    vault.note_account("0x" + "1" * 40, number)
"""


def test_two_processes_lose_nothing_of_each_other(tmp_path: Path) -> None:
    running = [subprocess.Popen([sys.executable, "-c", NOTING, str(tmp_path), word]) for word in "ab"]
    assert [process.wait(120) for process in running] == [0, 0]
    with SqliteBlocks(tmp_path / "blocks.sqlite") as store:
        found = noted(Database(tmp_path / "vault", bytes(range(32)), store))
    assert len(found) == 18 and [generation for one, generation in found if one == ONE] == list(range(6))
