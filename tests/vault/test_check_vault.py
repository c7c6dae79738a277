"""A check names every block that is missing or altered; a repair writes it again, and gives up nothing silently."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from registry.core.errors import InvalidInput, StorageUnavailable
from registry.core.ipld.cid import digest_of_cid
from registry.core.sealed.bundles import View
from registry.vault.bundles import entry_of, held_by_brand
from registry.vault.check import Fault
from registry.vault.database import Database
from registry.vault.draft import Draft, FileSource
from registry.vault.streams import Streams
from tests.support.builders import CONTROLLER, SEED, SUBJECT, word
from tests.support.fake_storage import MemoryBlocks
from tests.support.home_models import NAME
from tests.support.reachable import reachable

VIEW = View("pd:Purchase", ("name",), continuing=True)
ONCE = View("pd:Purchase", ("name",))


def purchase(name: str, **more: object) -> Draft:
    return Draft("pd:Purchase", "purchase/1", body={"name": name, "orderDate": "2026-01-31"}, **more)  # type: ignore[arg-type]


class Stage(NamedTuple):
    """A vault of 203 purchases in three segments and one note, with a large file and a live bundle."""

    vault: Database
    store: MemoryBlocks
    folder: Path

    def parts(self) -> dict[str, str]:
        """The CID of a file of each kind."""
        folder, index = self.vault._folder, self.vault._folder.index()
        assert index is not None and index.book is not None
        streams = Streams(folder.owner.key, self.store.get, self.store.put)
        (stream,) = (one for one in index.streams if one.category == "pd:Purchase")
        (bundle,) = self.vault.shares.of(word(1))
        file = next(one.file for one in self.vault.versions() if one.file and one.file.cid)
        segments = streams.segments(stream)
        return {
            "index": folder.journal.index,
            "book": index.book,
            "stream": stream.head,
            "segment": max(segments, key=lambda one: one.records).cid,
            "bundle": bundle.head,
            "file": str(file.cid),
        }

    def faults(self) -> list[Fault]:
        return self.vault.upkeep.check().faults

    def without_copy(self) -> None:
        self.vault.close()
        for file in self.folder.glob("copy.db*"):
            file.unlink()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    store, body = MemoryBlocks(), os.urandom(2_000_000)
    with Database(tmp_path / "vault", SEED, store) as vault:
        vault.add([purchase(f"thing {number}") for number in range(200)])
        name, _ = vault.add([purchase("coat"), purchase("hat")])
        vault.edit(name, tags=("gift",))
        sha256 = hashlib.sha256(body).hexdigest()
        file = FileSource("a.bin", "application/octet-stream", len(body), sha256, lambda: io.BytesIO(body))
        vault.add([purchase("scan", file=file), Draft("pd:PersonalDocuments", "note/1", body={"text": "a note"})])
        vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(1))
        yield Stage(vault, store, tmp_path / "vault")


def lose(store: MemoryBlocks, cid: str) -> None:
    del store.kept[digest_of_cid(cid)]


def alter(store: MemoryBlocks, cid: str) -> None:
    store.kept[digest_of_cid(cid)] = b"other" + store.kept[digest_of_cid(cid)][5:]


def cut(store: MemoryBlocks, cid: str) -> None:
    store.kept[digest_of_cid(cid)] = store.kept[digest_of_cid(cid)][:-1]


def test_a_sound_vault_has_no_fault(stage: Stage) -> None:
    heard = list[int]()
    found = stage.vault.upkeep.check(heard.append)
    assert found.is_sound and found.is_known and found.versions == 205
    assert found.blocks == stage.store.stat().blocks and heard[-1] == found.bytes == stage.store.stat().bytes


def test_an_empty_vault_is_sound_and_not_made(tmp_path: Path) -> None:
    with Database(tmp_path / "vault", SEED, MemoryBlocks()) as vault:
        assert vault.upkeep.check().is_sound and not (tmp_path / "vault").exists()


@pytest.mark.parametrize("part", ["index", "book", "stream", "segment", "bundle", "file"])
@pytest.mark.parametrize(("harm", "kind"), [(lose, "missing"), (alter, "altered"), (cut, "altered")])
def test_what_a_node_did_to_a_block_is_named(
    stage: Stage, part: str, harm: Callable[[MemoryBlocks, str], None], kind: str
) -> None:
    cid = stage.parts()[part]
    harm(stage.store, cid)
    (fault,) = stage.faults()
    assert (fault.part, fault.kind, fault.cid) == (part, kind, cid)
    if part == "segment":
        assert (fault.category, fault.records) == ("pd:Purchase", 200) and "200 records" in str(fault)


def test_a_block_in_place_of_another_is_named(stage: Stage) -> None:
    """The node answers with a block that is sealed by us, and is not the one that was asked for."""
    parts = stage.parts()
    stage.store.kept[digest_of_cid(parts["segment"])] = stage.store.kept[digest_of_cid(parts["stream"])]
    (fault,) = stage.faults()
    assert (fault.part, fault.kind) == ("segment", "altered")


def test_a_store_that_does_not_answer_is_not_damaged(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    get, wanted = stage.store.get, stage.parts()["segment"]

    def one_is_slow(cid: str) -> bytes:
        if cid == wanted:
            raise StorageUnavailable("no answer in time")
        return get(cid)

    monkeypatch.setattr(stage.store, "get", one_is_slow)
    found = stage.vault.upkeep.check()
    assert [one.kind for one in found.faults] == ["unknown"] and not found.is_known
    with pytest.raises(StorageUnavailable, match="nothing was repaired"):
        stage.vault.upkeep.repair(found, accept_loss=True)
    stage.store.down = True
    assert not stage.vault.upkeep.check().is_known


def everything(vault: Database) -> list[object]:
    return [(one.id, one.version, one.body, one.tags) for one in vault.versions()]


@pytest.mark.parametrize("part", ["stream", "segment", "bundle"])
@pytest.mark.parametrize("harm", [lose, alter])
def test_a_repair_brings_it_back(stage: Stage, part: str, harm: Callable[[MemoryBlocks, str], None]) -> None:
    before = everything(stage.vault)
    harm(stage.store, stage.parts()[part])
    done = stage.vault.upkeep.repair(stage.vault.upkeep.check())
    assert done.lost == () and done.versions == {"stream": 204, "segment": 200, "bundle": 0}[part]
    assert stage.vault.upkeep.check().is_sound
    stage.without_copy()
    assert everything(stage.vault) == before
    (bundle,) = stage.vault.shares.of(word(1))
    held = held_by_brand(stage.store, stage.vault.shares.party(bundle), bundle)
    assert len(held) == 203 and not any(one.deleted for one in held.values())
    assert stage.vault.shares.bring_up_to_date(word(1))[0].head == bundle.head or part == "bundle"


def test_a_bundle_that_was_written_again_is_newer_than_what_the_brand_read(stage: Stage) -> None:
    (bundle,) = stage.vault.shares.of(word(1))
    lose(stage.store, bundle.head)
    stage.vault.upkeep.repair(stage.vault.upkeep.check())
    (again,) = stage.vault.shares.of(word(1))
    held = held_by_brand(stage.store, stage.vault.shares.party(again), again)
    assert again.number > bundle.number and {one.counter for one in held.values()} == {bundle.number + 1}


def test_what_was_handed_over_once_is_not_made_again_with_what_came_later(stage: Stage) -> None:
    """A repair writes what the view shows today. The person granted what it showed then."""
    stage.vault.shares.begin(SUBJECT, CONTROLLER, [ONCE], word(2))
    (bundle,) = stage.vault.shares.of(word(2))
    stage.vault.add([purchase("of a later day")])
    segments = Streams(stage.vault.shares.party(bundle).key, stage.store.get, stage.store.put).segments(
        entry_of(bundle)
    )
    lose(stage.store, segments[0].cid)
    found = stage.vault.upkeep.check()
    with pytest.raises(InvalidInput, match="a part of what was handed over once"):
        stage.vault.upkeep.repair(found)
    stage.vault.upkeep.repair(found, accept_loss=True)
    (again,) = stage.vault.shares.of(word(2))
    assert held_by_brand(stage.store, stage.vault.shares.party(again), again) == {}
    assert stage.vault.upkeep.check().is_sound and again.number == bundle.number + 1


def test_a_lost_index_is_made_again_and_its_book_is_given_up_only_by_choice(stage: Stage) -> None:
    before = everything(stage.vault)
    home = (stage.folder / "home").read_text()
    lose(stage.store, stage.parts()["index"])
    found = stage.vault.upkeep.check()
    with pytest.raises(InvalidInput, match="would give up: the book"):
        stage.vault.upkeep.repair(found)
    assert (stage.folder / "home").read_text() == home and list(stage.store.named[NAME]) == [home.strip()]
    done = stage.vault.upkeep.repair(found, accept_loss=True)
    assert len(done.lost) == 1 and everything(stage.vault) == before
    assert (stage.folder / "home").read_text() != home, "another home, so that its index may count from 1"
    assert list(stage.store.named[NAME]) == [(stage.folder / "home").read_text().strip()]
    assert stage.vault.upkeep.check().is_sound


def test_a_lost_book_is_given_up_only_by_choice(stage: Stage) -> None:
    lose(stage.store, stage.parts()["book"])
    found, root = stage.vault.upkeep.check(), stage.vault._folder.journal.index
    with pytest.raises(InvalidInput, match="bundles, own schemas, accounts"):
        stage.vault.upkeep.repair(found)
    assert stage.vault._folder.journal.index == root
    assert stage.vault.upkeep.repair(found, accept_loss=True).lost
    assert stage.vault.upkeep.check().is_sound and stage.vault.shares.of(word(1)) == ()


def test_a_file_that_is_lost_stays_named(stage: Stage) -> None:
    lose(stage.store, stage.parts()["file"])
    done = stage.vault.upkeep.repair(stage.vault.upkeep.check())
    assert done.lost == (f"the file {stage.parts()['file']}: 1 records",)
    assert [one.part for one in stage.faults()] == ["file"]


def test_without_a_copy_nothing_is_given_up_silently(stage: Stage) -> None:
    lose(stage.store, stage.parts()["segment"])
    stage.without_copy()
    found = stage.vault.upkeep.check()
    assert sorted(one.part for one in found.faults) == ["segment", "working copy"]
    with pytest.raises(InvalidInput, match="up to 200 versions of pd:Purchase"):
        stage.vault.upkeep.repair(found)
    stage.vault.upkeep.repair(found, accept_loss=True)
    assert stage.vault.stats().records == 4 and stage.vault.upkeep.check().is_sound


def test_a_copy_that_is_damaged_is_named_and_made_again(stage: Stage) -> None:
    before = everything(stage.vault)
    stage.vault.close()
    file = stage.folder / "copy.db"
    raw = bytearray(file.read_bytes())
    for at in range(4096 * 10 + 50, len(raw), 4096 * 7):
        raw[at] ^= 1
    file.write_bytes(raw)
    found = stage.vault.upkeep.check()
    assert [one.part for one in found.faults] == ["working copy"]
    assert stage.vault.upkeep.repair(found).lost == () and everything(stage.vault) == before
    assert stage.vault.upkeep.check().is_sound


def test_a_copy_of_which_a_page_is_damaged_is_made_again_by_whoever_reads_it(stage: Stage) -> None:
    before, wanted = everything(stage.vault), stage.vault.stats()
    reads: list[Callable[[], object]] = [
        lambda: stage.vault.search("thing", 100).records,
        stage.vault.stats,
        lambda: stage.vault.query("SELECT name FROM purchase").rows,
    ]
    for read in reads:
        stage.vault.close()
        file = stage.folder / "copy.db"
        raw = bytearray(file.read_bytes())
        for at in range(4096 * 4 + 50, len(raw), 4096):
            raw[at] ^= 1
        file.write_bytes(raw)
        read()
        assert everything(stage.vault) == before and stage.vault.stats() == wanted
        assert stage.vault.upkeep.check().is_sound and not (stage.folder / "copy.db.lost").exists()


def test_nothing_is_left_over_after_a_repair(stage: Stage) -> None:
    lose(stage.store, stage.parts()["segment"])
    stage.vault.upkeep.repair(stage.vault.upkeep.check())
    alter(stage.store, stage.parts()["stream"])
    stage.vault.upkeep.repair(stage.vault.upkeep.check())
    assert set(stage.store.kept) == reachable(stage.vault, stage.store)
