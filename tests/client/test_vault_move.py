"""A vault remembers its store, says when another one is configured, and moves without losing a block (item 18)."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from registry.client.home import Home
from registry.client.network import Network
from registry.client.vault_blocks import Moved, move_vault
from registry.core.errors import BlockMismatch, StorageUnavailable
from registry.core.ipld.cid import Block
from registry.core.sealed.records import Record
from registry.storage.base import BlockStore
from registry.storage.kubo import KuboBlocks
from registry.storage.sqlite_store import SqliteBlocks
from registry.vault.database import Database
from registry.vault.draft import Draft, FileSource
from registry.vault.large_files import open_file
from registry.vault.place import Place, note_place, noted_place
from tests.support.builders import REGISTRY
from tests.support.fake_storage import MemoryBlocks
from tests.support.kubo_node import running
from tests.support.stage import Stage, files_in


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create("", None)
    return home


@pytest.fixture
def old(stage: Stage, tmp_path: Path) -> Network:
    return at(stage, tmp_path / "old.sqlite")


@pytest.fixture
def new(stage: Stage, tmp_path: Path) -> Network:
    return at(stage, tmp_path / "new.sqlite")


def at(stage: Stage, file: Path) -> Network:
    """The stage's chain with this file of blocks."""
    return replace(stage.network, store=SqliteBlocks(file), place=Place(file=str(file)))


def filled(home: Home, network: Network) -> list[str]:
    vault = home.open_vault(network, "")
    add(vault, b"bought")
    add(vault, b"more" * 1_000_000)
    return contents(vault)


def add(vault: Database, body: bytes) -> None:
    source = FileSource("a file", "text/plain", len(body), sha256(body).hexdigest(), lambda: io.BytesIO(body))
    vault.add([Draft("pd:Purchase", "file/1", file=source)])


def contents(vault: Database) -> list[str]:
    """The hashes of the files, all of whose blocks the store has; and the index is read there."""
    vault.accounts()
    return sorted(_hash_of(vault, record) for record in vault.select(""))


def _hash_of(vault: Database, record: Record) -> str:
    assert record.file is not None
    if record.file.cid is not None:
        sink = io.BytesIO()
        open_file(record.file, vault._folder.store.get, sink)
        assert sha256(sink.getvalue()).hexdigest() == record.file.sha256
    return record.file.sha256


def move(home: Home, network: Network, source: Place | None = None) -> Moved:
    return move_vault(home, home.seed(""), network, source)


class Breaking:
    """A store that fails at the put of this number, before or after storing the blocks."""

    def __init__(self, store: BlockStore, number: int, after: bool) -> None:
        self._store, self._left, self._after = store, number, after
        self.get, self.reader, self.has = store.get, store.reader, store.has
        self.delete, self.stat = store.delete, store.stat

    def put(self, blocks: Iterable[Block]) -> None:
        self._left -= 1
        if not self._left and not self._after:
            raise StorageUnavailable("cut off")
        self._store.put(blocks)
        if not self._left:
            raise StorageUnavailable("cut off")


def test_reading_notes_nothing_and_a_change_notes_the_store(home: Home, old: Network) -> None:
    vault = home.open_vault(old, "")
    vault.accounts()
    assert not home.vault.exists()
    add(vault, b"bought")
    assert noted_place(home.vault) == old.place
    assert (home.vault / "store").stat().st_mode & 0o777 == 0o600


def test_another_store_is_told_with_both_names_and_the_command(home: Home, old: Network, new: Network) -> None:
    filled(home, old)
    for use in (
        lambda vault: vault.accounts(),
        lambda vault: add(vault, b"x"),
        lambda vault: vault.note_account(REGISTRY, 0),
    ):
        with pytest.raises(StorageUnavailable) as caught:
            use(home.open_vault(new, ""))
        assert str(caught.value) == f"the vault's blocks lie in {old.place}, and {new.place} is configured"
        assert "`consent vault move`" in caught.value.advice
    assert noted_place(home.vault) == old.place and new.store.stat().blocks == 0


def test_a_vault_that_noted_nothing_says_how_to_name_its_store(home: Home, old: Network, new: Network) -> None:
    """Homes that are older than the note have none."""
    held = filled(home, old)
    (home.vault / "store").unlink()
    with pytest.raises(StorageUnavailable, match="index is not in") as caught:
        home.open_vault(new, "").accounts()
    assert "--from STORE" in caught.value.advice
    assert old.place is not None and move(home, new, old.place).source == old.place
    assert contents(home.open_vault(new, "")) == held


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"file":"/a","ipfs":"/ip4/127.0.0.1/tcp/1"}', b'{"ipfs":"x"}', b"\xff"])
def test_an_illegible_note_is_no_note(home: Home, old: Network, raw: bytes) -> None:
    held = filled(home, old)
    (home.vault / "store").write_bytes(raw)
    assert noted_place(home.vault) is None
    assert contents(home.open_vault(old, "")) == held


def test_a_node_is_named_without_the_key_in_its_path() -> None:
    place = Place(ipfs="https://ipfs.example/SECRET", credentials="/home/token")
    assert str(place) == "the IPFS node at https://ipfs.example:443" and "SECRET" not in repr(place)


def test_moving_brings_everything(home: Home, old: Network, new: Network) -> None:
    held = filled(home, old)
    moved = move(home, new)
    assert (moved.source, moved.target) == (old.place, new.place) == (moved.source, noted_place(home.vault))
    assert moved.blocks == new.store.stat().blocks and moved.bytes == new.store.stat().bytes
    vault = home.open_vault(new, "")
    assert contents(vault) == held
    add(vault, b"after")
    assert len(contents(vault)) == 3


def test_the_capsules_of_kept_grants_move_too(stage: Stage, old: Network, new: Network, tmp_path: Path) -> None:
    home = Home(tmp_path / "alice")
    home.create("")
    stage.network = old
    stage.alice = replace(stage.person_of(home), network=old)
    stage.keep(b"bought")
    stage.granted()
    move(home, new)
    assert blocks_in(new) <= blocks_in(old)
    # The sealed file, the segment, the head, the bundle's segment and head, the capsule, the book, the index.
    assert len(blocks_in(new)) == 8


def blocks_in(network: Network) -> set[bytes]:
    assert network.place is not None and network.place.file is not None
    with sqlite3.connect(network.place.file) as db:
        return {digest for (digest,) in db.execute("SELECT digest FROM blocks WHERE live = 1")}


def test_moving_an_empty_vault_and_moving_twice(home: Home, old: Network, new: Network) -> None:
    assert move(home, new).blocks == 0 and noted_place(home.vault) == new.place
    held = filled(home, new)
    again = move(home, new)
    assert (again.source, again.target) == (new.place, new.place) and again.blocks > 2
    assert contents(home.open_vault(new, "")) == held


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("after", [False, True])
def test_an_interrupted_move_changes_nothing_and_can_be_repeated(
    home: Home, old: Network, new: Network, number: int, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.client.vault_blocks._BATCH", 2)
    held = filled(home, old)
    with pytest.raises(StorageUnavailable, match="cut off"):
        move(home, replace(new, store=Breaking(new.store, number, after)))
    assert noted_place(home.vault) == old.place and contents(home.open_vault(old, "")) == held
    move(home, new)
    assert contents(home.open_vault(new, "")) == held


def test_a_block_that_the_old_store_lost_stops_it(home: Home, old: Network, new: Network) -> None:
    filled(home, old)
    with home.open_vault(old, "").still() as blocks:
        old.store.delete([next(blocks).cid])
    with pytest.raises(StorageUnavailable, match="does not hold"):
        move(home, new)
    assert noted_place(home.vault) == old.place


def test_every_block_is_read_back(home: Home, old: Network, new: Network) -> None:
    """A store that answers with other bytes gets the block once more, and then the move fails."""
    filled(home, old)

    class Altering(MemoryBlocks):
        def get(self, cid: str) -> bytes:
            raise BlockMismatch("other bytes")

    with pytest.raises(BlockMismatch):
        move(home, replace(new, store=Altering()))
    assert noted_place(home.vault) == old.place


def test_a_missing_file_is_told_and_not_made(home: Home, old: Network, new: Network, tmp_path: Path) -> None:
    filled(home, old)
    note_place(home.vault, Place(file=str(tmp_path / "gone.sqlite")))
    with pytest.raises(StorageUnavailable, match="there is no block store at"):
        move(home, new)
    assert "gone.sqlite" not in files_in(tmp_path)


def test_a_change_never_splits_the_vault(home: Home, old: Network, new: Network) -> None:
    """A gateway may show the old store's blocks, so that reading works; a change must not go to the new store."""
    held = filled(home, old)

    class Seeing(MemoryBlocks):
        def get(self, cid: str) -> bytes:
            return old.store.get(cid)

    seeing = replace(new, store=Seeing())
    assert contents(home.open_vault(seeing, "")) == held
    with pytest.raises(StorageUnavailable, match="lie in"):
        add(home.open_vault(seeing, ""), b"x")


def test_the_same_store_under_another_name_is_no_other_store(home: Home, old: Network) -> None:
    """A devnet's node has another port each time."""
    held = filled(home, old)
    renamed = replace(old, place=Place(ipfs="/ip4/127.0.0.1/tcp/5002"))
    vault = home.open_vault(renamed, "")
    assert contents(vault) == held
    add(vault, b"after")
    assert noted_place(home.vault) == renamed.place


@pytest.mark.slow
def test_to_a_node_and_back(home: Home, old: Network) -> None:
    """A real node, which then has another port."""
    held = filled(home, old)
    with running() as node:
        there = replace(old, store=KuboBlocks(node.address), place=Place(ipfs=node.address))
        assert move(home, there).source == old.place
        assert contents(home.open_vault(there, "")) == held
        node.run("repo", "gc")
        assert contents(home.open_vault(there, "")) == held
        add(home.open_vault(there, ""), b"after")
        with pytest.raises(StorageUnavailable, match=r"the IPFS node at http://127\.0\.0\.1"):
            home.open_vault(old, "").accounts()
        assert move(home, old).source == there.place
    assert len(contents(home.open_vault(old, ""))) == 3
