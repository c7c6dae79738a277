"""A name was not durable with its file: after a power cut a key, a home or a backup that was told of could be gone."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.client import backup
from registry.client.backup import back_up, restore
from registry.client.home import Home
from registry.core.age.recipients import Passphrase
from registry.wallets import keystore
from registry.wallets.keyfiles import new_key
from tests.support.fake_storage import MemoryBlocks
from tests.support.stage import Stage


class Disk:
    """What is durable: files by their inode, and in each folder the names that it held when it was synced."""

    def __init__(self) -> None:
        self._names: dict[int, set[str]] = {}
        self._sync = os.fsync

    def fsync(self, handle: int) -> None:
        found = os.fstat(handle)
        self._names[found.st_ino] = set(os.listdir(handle)) if stat.S_ISDIR(found.st_mode) else set()
        self._sync(handle)

    def lost(self, folder: Path) -> list[str]:
        """Everything below the folder that a power cut could take."""
        return [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if not self._is_durable(path)]

    def _is_durable(self, path: Path) -> bool:
        named = path.name in self._names.get(path.parent.stat().st_ino, ())
        return named and (path.is_dir() or path.stat().st_ino in self._names)


def a_key(folder: Path) -> None:
    new_key(folder / "keys", "main", "")


def a_home(folder: Path) -> None:
    Home(folder / "new" / "alice").create("")


def a_backup(folder: Path) -> None:
    home, stage = Home(folder / "alice"), Stage.of(folder / "parties")
    home.create("")
    back_up(home, home.open_vault(stage.network, ""), stage.store, folder / "new" / "b.age", "a phrase")


def a_restored_home(folder: Path) -> None:
    a_backup(folder)
    restore(folder / "new" / "b.age", Home(folder / "newer" / "alice"), MemoryBlocks(), "a phrase")


@pytest.mark.parametrize("make", [a_key, a_home, a_backup, a_restored_home])
def test_what_is_told_of_is_durable(
    make: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keystore, "STANDARD", keystore.LIGHT)
    monkeypatch.setattr(backup, "Passphrase", lambda text: Passphrase(text, work_factor=10))
    disk = Disk()
    monkeypatch.setattr(os, "fsync", disk.fsync)
    make(tmp_path)
    assert list(tmp_path.rglob("*.json")) and disk.lost(tmp_path) == []
