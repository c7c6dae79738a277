"""The files and folders that the client makes: durable, never two at once, and cleared of what a kill left."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.client import backup
from registry.client.accept import open_data
from registry.client.backup import back_up, restore
from registry.client.home import Home
from registry.client.revoke import revoke
from registry.core.age.recipients import Passphrase
from registry.core.errors import InvalidInput, Revoked
from registry.core.evidence.file import write_evidence
from registry.wallets import keystore
from registry.wallets.keyfiles import new_key
from tests.support.fake_storage import MemoryBlocks
from tests.support.killed import killed_while_making
from tests.support.stage import Stage, files_in


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keystore, "STANDARD", keystore.LIGHT)
    monkeypatch.setattr(backup, "Passphrase", lambda text: Passphrase(text, work_factor=10))


def make_key(folder: Path) -> None:
    new_key(folder / "keys", "main", "")


def make_home(folder: Path) -> None:
    Home(folder / "new" / "alice").create("")


def make_backup(folder: Path) -> None:
    home, stage = Home(folder / "alice"), Stage.of(folder / "parties")
    home.create("")
    back_up(home, home.open_vault(stage.network, ""), stage.store, folder / "new" / "b.age", "seven quiet lamps")


def make_restored_home(folder: Path) -> None:
    make_backup(folder)
    restore(folder / "new" / "b.age", Home(folder / "newer" / "alice"), MemoryBlocks(), "seven quiet lamps")


class Disk:
    """Records what is durable: files by their inode, and the names in each folder when it was last synced."""

    def __init__(self) -> None:
        self._names: dict[int, set[str]] = {}
        self._sync = os.fsync

    def fsync(self, handle: int) -> None:
        info = os.fstat(handle)
        self._names[info.st_ino] = set(os.listdir(handle)) if stat.S_ISDIR(info.st_mode) else set()
        self._sync(handle)

    def lost(self, folder: Path) -> list[str]:
        """Return everything below the folder that a power cut could take."""
        return [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if not self._is_durable(path)]

    def _is_durable(self, path: Path) -> bool:
        named = path.name in self._names.get(path.parent.stat().st_ino, ())
        return named and (path.is_dir() or path.stat().st_ino in self._names)


@pytest.mark.parametrize("make", [make_key, make_home, make_backup, make_restored_home])
def test_a_power_cut_takes_nothing(
    make: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file was synced, its name was not: after a power cut a published key could be gone."""
    disk = Disk()
    monkeypatch.setattr(os, "fsync", disk.fsync)
    make(tmp_path)
    assert list(tmp_path.rglob("*.json")) and disk.lost(tmp_path) == []


class TestAfterAKill:
    """A killed process left a person's data in a hidden folder beside the target, and nobody removed it."""

    @pytest.fixture
    def stage(self, tmp_path: Path) -> Stage:
        stage = Stage.of(tmp_path / "parties")
        stage.keep(b"bought")
        return stage

    def test_the_next_open_removes_the_data(self, stage: Stage, tmp_path: Path) -> None:
        file, out = write_evidence(stage.granted().evidence), tmp_path / "place" / "out[1]"
        left = killed_while_making(out)
        open_data(stage.brand, file, out)
        assert not left.exists() and [path.name for path in out.parent.iterdir()] == ["out[1]"]
        assert "Purchase-1.jsonl" in files_in(out)

    def test_also_if_the_consent_has_ended_since(self, stage: Stage, tmp_path: Path) -> None:
        done, out = stage.granted(), tmp_path / "place" / "out"
        killed_while_making(out)
        revoke(stage.alice, done.evidence)
        with pytest.raises(Revoked):
            open_data(stage.brand, write_evidence(done.evidence), out)
        assert files_in(out.parent) == []

    def test_a_new_home_removes_it_too(self, tmp_path: Path) -> None:
        killed_while_making(tmp_path / "alice")
        Home(tmp_path / "alice").create("", key=None)
        assert files_in(tmp_path) == ["alice", "alice/seed.json"]


def restoring(tmp_path: Path) -> Callable[[], object]:
    home, stage = Home(tmp_path / "alice"), Stage.of(tmp_path / "parties")
    home.create("")
    back_up(home, home.open_vault(stage.network, ""), stage.store, tmp_path / "b.age", "seven quiet lamps")
    return lambda: restore(tmp_path / "b.age", Home(tmp_path / "new"), MemoryBlocks(), "seven quiet lamps")


def opening(tmp_path: Path) -> Callable[[], object]:
    stage = Stage.of(tmp_path / "parties")
    stage.keep(b"bought")
    file = write_evidence(stage.granted().evidence)
    return lambda: open_data(stage.brand, file, tmp_path / "new")


def creating(tmp_path: Path) -> Callable[[], object]:
    return lambda: Home(tmp_path / "new").create("")


@pytest.mark.parametrize("prepare", [restoring, opening, creating])
def test_the_later_of_two_finds_the_folder_taken(
    prepare: Callable[[Path], Callable[[], object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes made one folder at the same time: the later one ended with an unexpected error."""
    act, before = prepare(tmp_path), set(files_in(tmp_path))
    rename, first = Path.replace, list[str]()

    def overtaken(self: Path, target: Path) -> Path:
        if target == tmp_path / "new" and not target.exists():
            with monkeypatch.context() as patch:
                patch.setattr(Path, "replace", rename)
                act()
            first.extend(files_in(target))
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", overtaken)
    with pytest.raises(InvalidInput, match="new exists already"):
        act()
    assert first and set(files_in(tmp_path)) - before == {"new", *(f"new/{name}" for name in first)}
