"""Changes that were interrupted while nobody could look for other homes: nothing that is needed is erased."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from registry.core.errors import InvalidInput, StorageFull, StorageUnavailable
from registry.vault import journal
from registry.vault.copy.working_copy import WorkingCopy
from registry.vault.draft import Draft
from registry.vault.journal import Journal
from tests.support.home_models import NAME, Home, Killed, MortalStore
from tests.support.reachable import reachable


def purchase(name: str) -> Draft:
    return Draft("pd:Purchase", "purchase/1", body={"name": name, "orderDate": "2026-01-31"})


def names(home: Home) -> list[str]:
    return sorted(str((record.body or {})["name"]) for record in home.vault.select(""))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / "phone", MortalStore())
    made.vault.add([purchase("coat")])
    yield made
    made.vault.close()


def killed_after_the_index(home: Home, name: str) -> None:
    """The new index is the newest, and what it replaced is not erased yet."""
    with mock.patch.object(Journal, "settle", side_effect=[None, Killed]), pytest.raises(Killed):
        home.vault.add([purchase(name)])
    home.reopen()


def killed_before_the_index(home: Home, name: str) -> None:
    """The lists of the change are written, and the last state is the newest one still."""
    plain = journal.replace_file

    def dies(path: Path, data: bytes) -> None:
        if path.name == "index":
            raise Killed
        plain(path, data)

    with mock.patch.object(journal, "replace_file", dies), pytest.raises(Killed):
        home.vault.add([purchase(name)])
    home.reopen()


def test_two_changes_that_were_cut_short_while_nobody_could_look(home: Home) -> None:
    killed_after_the_index(home, "hat")
    home.store.names_down = True
    killed_before_the_index(home, "scarf")
    home.store.names_down = False
    home.vault.merge()
    assert home.vault.upkeep.check().is_sound and names(home) == ["coat", "hat"]
    assert set(home.store.kept) == reachable(home.vault, home.store)


def test_what_was_replaced_goes_later_where_nobody_could_look(home: Home) -> None:
    killed_after_the_index(home, "hat")
    home.store.names_down = True
    home.vault.add([purchase("scarf")])
    killed_before_the_index(home, "shirt")
    home.vault.add([purchase("sock")])
    home.store.names_down = False
    home.vault.merge()
    assert names(home) == ["coat", "hat", "scarf", "sock"]
    assert set(home.store.kept) == reachable(home.vault, home.store)


def older_copy(home: Home, folder: Path) -> Home:
    home.vault.close()
    shutil.copytree(home.folder, folder)
    home.vault.add([purchase("hat")])
    home.vault.close()
    return Home(folder, home.store)


def test_a_repair_refuses_an_older_copy(home: Home, tmp_path: Path) -> None:
    """It would take away the name of the home that has gone on, and write over it."""
    old = older_copy(home, tmp_path / "old")
    before, named = dict(home.store.kept), dict(home.store.named[NAME])
    health = old.vault.upkeep.check()
    assert not health.is_sound
    with pytest.raises(InvalidInput, match="older copy"):
        old.vault.upkeep.repair(health, accept_loss=True)
    assert home.store.kept == before and home.store.named[NAME] == named
    assert names(home) == ["coat", "hat"]


def test_a_repair_that_cannot_look_erases_nothing(home: Home, tmp_path: Path) -> None:
    old = older_copy(home, tmp_path / "old")
    (old.folder / "pending").write_text(f"{home.index}\n")
    home.store.names_down = True
    health = old.vault.upkeep.check()
    with pytest.raises(StorageUnavailable):
        old.vault.upkeep.repair(health, accept_loss=True)
    home.store.names_down = False
    assert home.vault.upkeep.check().is_sound


def test_a_change_that_is_done_is_no_error(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it replaced cannot be erased now: whoever tried again would add the record twice."""

    def fails(*_: object) -> None:
        raise StorageUnavailable("the node is gone")

    with monkeypatch.context() as patched:
        patched.setattr(home.store, "delete", fails)
        home.vault.add([purchase("hat")])
    assert names(home) == ["coat", "hat"]
    home.vault.add([purchase("scarf")])
    assert set(home.store.kept) == reachable(home.vault, home.store)


def test_a_full_disk_under_the_working_copy_says_that_the_change_is_done(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise StorageFull("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(WorkingCopy, "put", full)
        with pytest.raises(StorageFull) as caught:
            home.vault.add([purchase("hat")])
    assert "What you changed is kept." in caught.value.__notes__[0]
    home.reopen()
    assert names(home) == ["coat", "hat"]
