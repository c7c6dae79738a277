"""Changes of the vault: what a reader finds afterwards, and what the store holds, also after an interruption."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from registry.core.age.recipients import generate_identity
from registry.core.errors import InvalidInput, StorageUnavailable, WrongCapsule
from registry.core.ipld.cid import Block, digest_of_cid
from registry.core.ipld.unixfs import blocks_of
from registry.core.sealed.heads import MAX_SEGMENTS, SegmentList
from registry.core.sealed.index import OwnStream, VaultBook
from registry.core.sealed.records import Record
from registry.vault.changes import Change, Owner, read_index
from registry.vault.journal import Journal, all_of
from registry.vault.streams import FANOUT, MOST_MERGED, Streams
from tests.support.fake_storage import MemoryBlocks
from tests.support.vault_records import HOME, tombstone, version

OWNER = Owner(Ed25519PrivateKey.generate(), generate_identity(), HOME)
CATEGORIES = ("pd:Purchase", "pd:Location")


class Place:
    """A vault's folder and store, and what it should hold."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store = folder, MemoryBlocks()

    @property
    def journal(self) -> Journal:
        return Journal(self.folder, self.store)

    def change(self, deleted: Iterable[str] = ()) -> Change:
        self.journal.settle()
        gone = set(deleted)
        return Change(OWNER, self.store, self.journal, lambda one: one.deleted or one.id not in gone)

    def add(self, *records: Record, category: str = CATEGORIES[0], deleted: Iterable[str] = ()) -> None:
        change = self.change(deleted)
        change.add(category, records)
        self.commit(change)

    def commit(self, change: Change) -> str:
        """Commit it; no other home needs anything."""
        root = change.commit()
        self.journal.settle(all_of)
        return root

    def versions(self) -> list[tuple[str, Record]]:
        """All versions that a reader finds, with their categories."""
        if not self.journal.index:
            return []
        streams = Streams(OWNER.key, self.store.get, self.store.put)
        return [
            (stream.category, record)
            for stream in read_index(OWNER, self.store, self.journal.index).streams
            for segment in streams.segments(stream)
            for record in streams.records(stream, segment)
        ]

    def named(self) -> set[bytes]:
        """The blocks that the index reaches."""
        if not (root := self.journal.index):
            return set()
        index = read_index(OWNER, self.store, root)
        files = [root, *([index.book] if index.book else [])]
        for stream in index.streams:
            reader = Streams(OWNER.key, self.store.get, self.store.put)._reader(stream)
            part = reader.head(stream.head)
            files += [stream.head, *(one.cid for one in reader.segments(part))]
            older = part.older
            while older is not None:
                files.append(older)
                older = reader._checked(SegmentList, older).older
        return {digest_of_cid(block.cid) for file in files for block in blocks_of(file, self.store.get)}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_versions_come_back_with_their_category(place: Place) -> None:
    change = place.change()
    change.add("pd:Purchase", [version(1), version(2)])
    change.add("pd:Location", [version(3, category="pd:Location", schema="place-visited/1")])
    root = place.commit(change)
    assert root == place.journal.index
    found = sorted((category, record.id[-1]) for category, record in place.versions())
    assert found == [("pd:Location", "3"), ("pd:Purchase", "1"), ("pd:Purchase", "2")]


def test_the_index_counts_its_changes_and_names_the_home(place: Place) -> None:
    for number in range(3):
        place.add(version(number))
    index = read_index(OWNER, place.store, place.journal.index)
    assert (index.counter, index.home, index.streams[0].number) == (3, HOME, 3)


def test_another_vault_cannot_read_it(place: Place) -> None:
    place.add(version(1))
    with pytest.raises(WrongCapsule):
        read_index(OWNER._replace(key=Ed25519PrivateKey.generate()), place.store, place.journal.index)


def test_small_segments_are_merged_and_large_ones_stay(place: Place) -> None:
    for number in range(3 * FANOUT**2):
        place.add(version(number))
    streams = Streams(OWNER.key, place.store.get, place.store.put)
    (stream,) = read_index(OWNER, place.store, place.journal.index).streams
    assert [one.records for one in streams.segments(stream)] == [FANOUT**2] * 3
    place.add(*(version(number) for number in range(1_000, 1_000 + MOST_MERGED)))
    assert streams.segments(_stream(place))[0].records == MOST_MERGED
    assert len(place.versions()) == 3 * FANOUT**2 + MOST_MERGED


def _stream(place: Place) -> OwnStream:
    return read_index(OWNER, place.store, place.journal.index).streams[0]


def test_a_full_head_moves_its_oldest_segments_into_lists(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.vault.streams.MOST_MERGED", 0)
    for number in range(3 * MAX_SEGMENTS):
        place.add(version(number))
    streams = Streams(OWNER.key, place.store.get, place.store.put)
    head = streams._reader(_stream(place)).head(_stream(place).head)
    assert len(head.segments) <= MAX_SEGMENTS and head.older
    order = [record.id for _, record in place.versions()]
    assert order == [version(number).id for number in reversed(range(3 * MAX_SEGMENTS))]
    assert set(place.store.kept) == place.named()


def test_a_deleted_record_is_absent_from_a_merged_segment(place: Place) -> None:
    for number in range(FANOUT - 2):
        place.add(version(number))
    place.add(tombstone(0), deleted=[version(0).id])
    place.add(version(99), deleted=[version(0).id])
    found = [record for _, record in place.versions() if record.id == version(0).id]
    assert found == [tombstone(0)]


def test_a_record_too_large_for_a_merge_stays(place: Place) -> None:
    for number in range(FANOUT):
        place.add(version(number, body={"name": os.urandom(20_000).hex()}))
    streams = Streams(OWNER.key, place.store.get, place.store.put)
    assert len(streams.segments(_stream(place))) == FANOUT
    assert set(place.store.kept) == place.named()


def test_a_book_replaces_the_one_before(place: Place) -> None:
    for mark in ("11" * 32, "22" * 32):
        change = place.change()
        change.set_book(VaultBook(shredded=(mark,)))
        place.commit(change)
    assert set(place.store.kept) == place.named()


def test_a_damaged_list_of_blocks_is_named(place: Place) -> None:
    (place.folder / "pending").write_text("nonsense\n")
    with pytest.raises(InvalidInput, match="pending holds no content identifier"):
        place.journal.settle()


def test_a_line_that_a_crash_cut_is_left_out(place: Place) -> None:
    place.add(version(1))
    (place.folder / "pending").write_text("bafkrei")
    place.journal.settle()
    assert not (place.folder / "pending").exists() and len(place.versions()) == 1


def test_what_cannot_be_erased_now_is_erased_later(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.add(version(1))
    monkeypatch.setattr(place.store, "delete", _away)
    with pytest.raises(StorageUnavailable):
        place.add(version(2))
    monkeypatch.undo()
    assert len(place.versions()) == 2, "the change itself is done"
    place.journal.settle(all_of)
    assert set(place.store.kept) == place.named()


def _away(cids: Iterable[str]) -> None:
    raise StorageUnavailable("away")


class _Killed(BaseException):
    """The process ends here."""


class _Mortal(MemoryBlocks):
    """Dies at a put or a delete; of what was to be put or erased, nothing or everything is done."""

    left, acts_first = -1, False

    def put(self, blocks: Iterable[Block], *, public: bool = False) -> None:
        self._act(lambda: MemoryBlocks.put(self, list(blocks)))

    def delete(self, cids: Iterable[str]) -> None:
        self._act(lambda: MemoryBlocks.delete(self, list(cids)))

    def _act(self, act: Callable[[], None]) -> None:
        self.left -= 1
        if self.left or self.acts_first:
            act()
        if self.left == 0:
            raise _Killed


class Interrupted(RuleBasedStateMachine):
    """Any changes, any of them interrupted: a reader finds the old state or the new, and the store nothing else."""

    @initialize()
    def begin(self) -> None:
        self.place = Place(Path(mkdtemp()))
        self.place.store = self.store = _Mortal()
        self.model: set[tuple[str, str, tuple[int, str]]] = set()
        self.deleted: set[str] = set()
        self.numbers = iter(range(1, 10_000))

    @rule(category=st.sampled_from(CATEGORIES), count=st.integers(1, 20), dies=st.integers(0, 12), acts=st.booleans())
    def add(self, category: str, count: int, dies: int, acts: bool) -> None:
        made = [version(next(self.numbers), category=category) for _ in range(count)]
        self.run(category, made, dies, acts)

    @rule(data=st.data(), dies=st.integers(0, 12), acts=st.booleans())
    def delete(self, data: st.DataObject, dies: int, acts: bool) -> None:
        alive = sorted(one for one in self.model if one[1] not in self.deleted)
        if not alive:
            return
        category, id_, _ = data.draw(st.sampled_from(alive))
        self.deleted.add(id_)
        if not self.run(category, [tombstone(int(id_[-12:], 16))], dies, acts):
            self.deleted.discard(id_)

    def run(self, category: str, made: list[Record], dies: int, acts: bool) -> bool:
        before = self.place.journal.index
        self.store.left, self.store.acts_first = dies or -1, acts
        with suppress(_Killed):
            self.place.add(*made, category=category, deleted=self.deleted)
        self.store.left = -1
        if done := self.place.journal.index != before:
            self.model |= {(category, one.id, one.version) for one in made}
        return done

    @invariant()
    def a_reader_finds_the_model(self) -> None:
        found = [(category, one.id, one.version) for category, one in self.place.versions()]
        assert len(found) == len(set(found)) and set(found) <= self.model
        assert {one for one in self.model if one[1] not in self.deleted} <= set(found)
        assert {one for one in self.model if one[2][0] == 2} <= set(found), "a tombstone stays"

    @invariant()
    def the_store_holds_nothing_else(self) -> None:
        self.place.journal.settle(all_of)
        assert set(self.store.kept) == self.place.named()

    def teardown(self) -> None:
        shutil.rmtree(self.place.folder, ignore_errors=True)


TestInterrupted = Interrupted.TestCase
TestInterrupted.settings = settings(stateful_step_count=20, max_examples=25, deadline=None)
