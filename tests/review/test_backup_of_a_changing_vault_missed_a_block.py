"""A vault changed while its backup ran: the index that the backup had read was erased, which read like a loss."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from registry.client import backup
from registry.client.backup import MAX_READS, Saved, back_up, restore
from registry.client.home import Home
from registry.core.age.recipients import Passphrase
from registry.core.errors import StorageUnavailable
from registry.vault.vault import Vault
from tests.support.fake_storage import MemoryBlocks
from tests.support.stage import Stage


class Meanwhile(MemoryBlocks):
    """A store in which something happens at each read, as long as there is more of it."""

    def __init__(self, store: MemoryBlocks, *happenings: Callable[[], object]) -> None:
        super().__init__(kept=store.kept)
        self.happenings = list(happenings)

    def get(self, cid: str) -> bytes:
        if self.happenings:
            self.happenings.pop()()
        return super().get(cid)


class World:
    """Alice's home, with one record in its vault."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.stage, self.home = folder, Stage.of(folder / "parties"), Home(folder / "alice")
        self.home.create("")
        self.stage.alice = self.stage.person_of(self.home)
        self.add()

    def add(self) -> None:
        self.stage.keep(b"bought")

    def lose(self) -> None:
        self.stage.store.delete(self.stage.alice.vault.roots())

    def back_up(self, *happenings: Callable[[], object]) -> Saved:
        store = Meanwhile(self.stage.store, *happenings)
        return back_up(self.home, self.stage.alice.vault, store, self.folder / "b.age", "a phrase")

    def records_restored(self) -> int:
        store, again = MemoryBlocks(), Home(self.folder / "again")
        restore(self.folder / "b.age", again, store, "a phrase")
        (stream,) = Vault(again.vault, again.seed(""), store).index().streams
        return sum(store.get(record.cid) != b"" for record in stream.records)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(backup, "Passphrase", lambda text: Passphrase(text, work_factor=10))
    return World(tmp_path)


@pytest.mark.parametrize("changes", [1, MAX_READS - 1])
def test_while_the_index_is_read(world: World, changes: int) -> None:
    world.back_up(*[world.add] * changes)
    assert world.records_restored() == 1 + changes


def test_while_the_files_are_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Path.read_bytes

    def busy(self: Path) -> bytes:
        if self.name == "seed.json":
            world.add()
        return read(self)

    monkeypatch.setattr(Path, "read_bytes", busy)
    world.back_up()
    assert world.records_restored() == 1


def test_all_the_time(world: World) -> None:
    with pytest.raises(StorageUnavailable, match="changes all the time") as caught:
        world.back_up(*[world.add] * MAX_READS)
    assert "Try again" in caught.value.advice and not (world.folder / "b.age").exists()


def test_what_is_lost_is_still_called_lost(world: World) -> None:
    with pytest.raises(StorageUnavailable, match="does not hold"):
        world.back_up(world.lose)
