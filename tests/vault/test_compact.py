"""Compaction: fewer segments, nothing lost but what was deleted, and nothing left over in the store."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.core.crypto.seeds import search_key
from registry.core.errors import InvalidInput, StorageUnavailable
from registry.core.sealed.bundles import FILE, View
from registry.core.sealed.heads import SegmentRef
from registry.core.sealed.index import OwnStream
from registry.core.sealed.records import Record
from registry.vault.bundles import held_by_brand
from registry.vault.database import Database
from registry.vault.draft import Draft, FileSource
from registry.vault.shred import selection_of
from registry.vault.streams import Streams, new_stream
from tests.support.builders import CONTROLLER, SEED, SUBJECT, word
from tests.support.fake_storage import MemoryBlocks
from tests.support.reachable import reachable
from tests.support.vault_records import version
from tests.support.working_copies import decrypted_pages

VIEW = View("pd:Purchase", (FILE, "name"))


def purchase(name: str, **more: object) -> Draft:
    return Draft("pd:Purchase", "purchase/1", body={"name": name, "orderDate": "2026-01-31"}, **more)  # type: ignore[arg-type]


@pytest.fixture
def store() -> MemoryBlocks:
    return MemoryBlocks()


@pytest.fixture
def vault(tmp_path: Path, store: MemoryBlocks) -> Iterator[Database]:
    with Database(tmp_path / "vault", SEED, store) as made:
        yield made


def segments(vault: Database, store: MemoryBlocks) -> list[tuple[OwnStream, list[SegmentRef]]]:
    folder = vault._folder
    index, streams = folder.index(), Streams(folder.owner.key, store.get, store.put)
    assert index is not None
    return [(one, streams.segments(one)) for one in index.streams]


def versions(vault: Database, store: MemoryBlocks) -> list[Record]:
    """All versions that the store has."""
    streams = Streams(vault._folder.owner.key, store.get, store.put)
    found = [one for stream, refs in segments(vault, store) for ref in refs for one in streams.records(stream, ref)]
    return sorted(found, key=lambda one: (one.id, one.version))


def test_small_segments_become_one_and_history_stays(vault: Database, store: MemoryBlocks) -> None:
    names = [vault.add([purchase(f"thing {number}")])[0] for number in range(7)]
    vault.edit(names[0], tags=("gift",))
    before = versions(vault, store)
    done = vault.upkeep.compact()
    assert (done.segments_before, done.segments_after, done.versions) == (1, 1, 0)
    assert versions(vault, store) == before == list(vault.versions()) and len(vault.history(names[0])) == 2
    assert set(store.kept) == reachable(vault, store)


def test_what_was_deleted_loses_its_content_everywhere(vault: Database, store: MemoryBlocks, tmp_path: Path) -> None:
    gone, kept = vault.add([purchase("zqxvwkjy"), purchase("coat")])
    vault.edit(gone, tags=("hgfdsazq",))
    vault.remove([gone])
    done = vault.upkeep.compact()
    assert done.versions == 2 and [one.deleted for one in vault.history(gone)] == [True]
    assert [one.id for one in versions(vault, store)] == [gone, kept]
    pages = decrypted_pages(tmp_path / "vault" / "copy.db", search_key(SEED))
    assert b"zqxvwkjy" not in pages and b"hgfdsazq" not in pages and b"coat" in pages
    with pytest.raises(InvalidInput, match="has no version"):
        vault.restore(gone, 1)


def test_it_saves_what_it_says_and_does_nothing_twice(vault: Database, store: MemoryBlocks) -> None:
    for number in range(20):
        vault.add([purchase(f"thing {number}")])
    before, heard = store.stat().bytes, list[tuple[int, int]]()
    done = vault.upkeep.compact(lambda at, of: heard.append((at, of)))
    assert done.bytes == before - store.stat().bytes > 0 and done.segments_after == 1
    assert heard[-1] == (done.segments_before, done.segments_before)
    root, again = vault._folder.journal.index, vault.upkeep.compact()
    assert again.bytes == again.versions == 0 and vault._folder.journal.index == root


def test_a_second_stream_of_a_category_moves_over(vault: Database, store: MemoryBlocks) -> None:
    """Two homes that were apart made one each."""
    vault.add([purchase("coat")])
    other = version(10, home="bb" * 8)
    with vault._folder.change() as change:
        stream = new_stream("pd:Purchase", "bb" * 8)
        refs = list(change._streams.store(stream, [other, *vault.versions()]))
        change._new["other"] = (stream, refs)
        vault._folder.commit(change)
    assert len(segments(vault, store)) == 2
    vault.upkeep.compact()
    ((stream, refs),) = segments(vault, store)
    assert len(refs) == 1 and refs[0].records == 2 and len(versions(vault, store)) == 2
    assert set(store.kept) == reachable(vault, store)


def test_ended_bundles_and_files_of_deleted_records_go(vault: Database, store: MemoryBlocks, tmp_path: Path) -> None:
    body = os.urandom(2_000_000)
    sha256 = hashlib.sha256(body).hexdigest()
    file = FileSource("a.bin", "application/octet-stream", len(body), sha256, lambda: io.BytesIO(body))
    name, _ = vault.add([purchase("coat", file=file), purchase("hat")])
    vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(1))
    vault.shares.begin(SUBJECT, CONTROLLER, [View("pd:Purchase", ("name",))], word(2))
    vault.shares.end(word(2))
    vault.remove([name])
    done = vault.upkeep.compact()
    assert (done.bundles, done.files) == (1, 0), "the live bundle still names the file"
    (bundle,) = vault.shares.of(word(1))
    assert any(one.file for one in held_by_brand(store, vault.shares.party(bundle), bundle).values())
    vault.shares.end(word(1))
    done = vault.upkeep.compact()
    assert done.bundles == 1 and store.stat().bytes < 100_000
    assert set(store.kept) == reachable(vault, store)


def test_a_store_that_is_away_changes_nothing(vault: Database, store: MemoryBlocks) -> None:
    for number in range(5):
        vault.add([purchase(f"thing {number}")])
    root = vault._folder.journal.index
    store.capacity = store.stat().bytes
    with pytest.raises(StorageUnavailable):
        vault.upkeep.compact()
    store.capacity = None
    assert vault._folder.journal.index == root and vault.stats().records == 5
    vault.upkeep.compact()
    assert set(store.kept) == reachable(vault, store)


def test_an_empty_vault_is_not_made(vault: Database, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="the vault is empty"):
        vault.upkeep.compact()


def large(content: bytes) -> FileSource:
    sha256 = hashlib.sha256(content).hexdigest()
    return FileSource("scan.bin", "application/octet-stream", len(content), sha256, lambda: io.BytesIO(content))


def test_a_file_is_not_orphaned_where_segments_merge_before_a_compaction(
    vault: Database, store: MemoryBlocks, tmp_path: Path
) -> None:
    """Merges drop what deleted records held; the copy that still knew of the file is then lost."""
    (scan,) = vault.add([purchase("scan", file=large(os.urandom(1_500_000)))])
    vault.remove([scan])
    for number in range(70):
        vault.add([purchase(f"thing {number}")])
    vault.close()
    (tmp_path / "vault" / "copy.db").unlink()
    assert vault.upkeep.compact().files == 1
    assert set(store.kept) == reachable(vault, store) and store.stat().bytes < 1_000_000


def test_a_file_waits_for_devices_that_may_bring_its_record_back(
    vault: Database, store: MemoryBlocks, tmp_path: Path
) -> None:
    content = os.urandom(1_500_000)
    with Database(tmp_path / "laptop", SEED, store) as laptop:
        (scan,) = vault.add([purchase("scan", file=large(content))])
        laptop.merge()
        store.names_down = True
        laptop.edit(scan, tags=("kept",))
        laptop.edit(scan, tags=("kept", "again"))
        store.names_down = False
        vault.remove([scan])
        vault.upkeep.compact()
        for one in (laptop, vault, laptop):
            one.merge()
            assert one.upkeep.check().is_sound
        file = vault.get(scan).file
        assert file is not None and b"".join(vault._folder.content(file, tmp_path)) == content


def test_what_is_on_a_legal_hold_is_kept_though_another_device_deleted_it(
    vault: Database, store: MemoryBlocks, tmp_path: Path
) -> None:
    with Database(tmp_path / "laptop", SEED, store) as laptop:
        (invoice,) = vault.add([purchase("invoice")])
        laptop.merge()
        store.names_down = True
        laptop.remove([invoice])
        store.names_down = False
        vault.erasure.withdraw(selection_of([invoice]), "2099-12-31", "tax law")
        for number in range(20):
            vault.add([purchase(f"thing {number}")])
            laptop.add([purchase(f"hat {number}")])
        for one in (vault, laptop, vault):
            one.upkeep.compact()
            one.merge()
        assert [one.deleted for one in vault.history(invoice)] == [False, True]
        assert any(one.id == invoice and not one.deleted for one in versions(vault, store))
