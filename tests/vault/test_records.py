"""One record at a time: found by what a person calls it, opened again, removed for good, and never added twice."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from registry.core.errors import InvalidInput, StorageUnavailable
from registry.core.ipld.unixfs import LEAF_BYTES
from registry.vault.index import Record
from registry.vault.leftovers import Leftovers
from registry.vault.vault import Vault
from tests.support.builders import NOW
from tests.support.fake_storage import MemoryBlocks

PURCHASES = "pd:Purchase"


def add(vault: Vault, body: bytes, name: str = "a.csv", category: str = PURCHASES, again: bool = False) -> Record:
    return vault.add(io.BytesIO(body), category=category, name=name, media_type="text/csv", now=NOW, again=again)


def records(vault: Vault) -> list[str]:
    return [record.name for stream in vault.index().streams for record in stream.records]


def test_a_record_comes_out_as_it_went_in(vault: Vault, tmp_path: Path) -> None:
    """Nothing opened a person's own record (item 17)."""
    body = bytes(range(256)) * (LEAF_BYTES // 100)
    record = add(vault, body)
    for number, reference in enumerate((record.cid, record.cid[:12], "a.csv")):
        file = tmp_path / "new" / f"{number}.csv"
        assert vault.save(reference, file) == record and file.read_bytes() == body
        assert file.stat().st_mode & 0o777 == 0o600


def test_a_record_whose_blocks_are_gone_leaves_no_half_file(vault: Vault, store: MemoryBlocks, tmp_path: Path) -> None:
    """(item 17)"""
    record = add(vault, bytes(3 * LEAF_BYTES))
    file = tmp_path / "kept.csv"
    file.write_bytes(b"older")
    store.delete([record.cid])
    with pytest.raises(StorageUnavailable):
        vault.save(record.cid, file)
    assert file.read_bytes() == b"older"


def test_a_pipe_is_not_replaced(vault: Vault, tmp_path: Path) -> None:
    """A pipe's reader waited for ever, and as root a device such as /dev/stdout would be gone (item 17)."""
    record, pipe = add(vault, b"mine"), tmp_path / "pipe"
    os.mkfifo(pipe)
    for special in (pipe, Path("/dev/no such device"), tmp_path):
        with pytest.raises(InvalidInput, match="is no file"):
            vault.save(record.cid, special)
    assert pipe.is_fifo()


def test_a_reference_means_one_record(vault: Vault) -> None:
    """(item 17)"""
    first, second = add(vault, b"1"), add(vault, b"2")
    with pytest.raises(InvalidInput, match=r"2 records are meant by 'a\.csv'") as caught:
        vault.find("a.csv")
    assert first.cid[:16] in caught.value.advice and second.cid[:16] in caught.value.advice
    assert vault.find(second.cid[:16]).record == second
    for unknown in ("b.csv", "", "bafkreix"):
        with pytest.raises(InvalidInput, match="no record"):
            vault.find(unknown)


def test_a_record_that_is_named_like_anothers_cid_is_not_taken_for_it(vault: Vault) -> None:
    """A brand knows the CIDs that it was handed, and may send a file with such a name (item 17)."""
    meant = add(vault, b"meant")
    add(vault, b"sent by a brand", name=meant.cid)
    assert vault.find(meant.cid).record == meant == vault.remove(meant.cid)
    assert records(vault) == [meant.cid]


def test_a_removed_record_is_erased(vault: Vault, store: MemoryBlocks) -> None:
    """A record stayed in the vault for ever (item 17)."""
    add(vault, b"stays", "stays.csv")
    before = store.stat().blocks
    record = add(vault, bytes(3 * LEAF_BYTES), "goes.csv")
    assert store.stat().blocks > before + 3
    assert vault.remove(record.cid) == record
    assert records(vault) == ["stays.csv"] and not store.has(record.cid)
    assert store.stat().blocks <= before + 2  # heads: grants may name older ones
    add(vault, bytes(3 * LEAF_BYTES), "again.csv")


def test_removing_keeps_what_was_handed_over_apart(vault: Vault) -> None:
    """A stream whose key was handed out takes no new record, also after one was removed from it (item 17)."""
    record = add(vault, b"handed over")
    add(vault, b"too")
    vault.share([PURCHASES])
    vault.remove(record.cid)
    add(vault, b"private")
    assert [(s.epoch, s.shared, len(s.records)) for s in vault.index().streams] == [(1, True, 1), (2, False, 1)]


@pytest.mark.parametrize("moment", ["before it has a name", "before it is erased"])
def test_a_crash_while_removing(
    vault: Vault, store: MemoryBlocks, moment: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The record is listed and whole, or neither (item 17)."""
    record = add(vault, bytes(3 * LEAF_BYTES))

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        if moment == "before it has a name":
            patch.setattr(Vault, "_save", crash)
        else:
            calls = iter([Leftovers.erase_removed, crash])
            patch.setattr(Leftovers, "erase_removed", lambda self, listed: next(calls)(self, listed))
        vault.remove(record.cid)
    add(vault, b"next")
    if moment == "before it has a name":
        vault.save(record.cid, tmp_path / "whole")
        assert (tmp_path / "whole").read_bytes() == bytes(3 * LEAF_BYTES)
    else:
        assert record.name in records(vault) and len(records(vault)) == 1 and not store.has(record.cid)


def test_a_store_that_cannot_erase_now_erases_later(vault: Vault, store: MemoryBlocks, tmp_path: Path) -> None:
    """(item 17)"""
    record = add(vault, b"goes")

    def refuse(*_: object) -> None:
        raise StorageUnavailable("not now")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "delete", refuse)
        vault.remove(record.cid)
    assert records(vault) == [] and store.has(record.cid)
    add(vault, b"next")
    assert not store.has(record.cid) and not (tmp_path / "vault" / "removed").exists()


@pytest.mark.parametrize("size", [0, 5, LEAF_BYTES, 2 * LEAF_BYTES + 1])
def test_the_same_file_again_is_told(vault: Vault, size: int) -> None:
    """A second copy was added without a word (item 17)."""
    record = add(vault, bytes(size), "first.csv")
    with pytest.raises(InvalidInput, match=f"holds this file already: first.csv, added 2026.*{record.cid[:16]}") as no:
        add(vault, bytes(size), "second.csv")
    assert "--again" in no.value.advice and records(vault) == ["first.csv"]
    add(vault, bytes(size), "second.csv", again=True)
    assert records(vault) == ["first.csv", "second.csv"]


def test_what_is_no_twin(vault: Vault, store: MemoryBlocks) -> None:
    """Another category, other bytes of the same length, a pipe, and a record that the store has lost."""
    record = add(vault, b"12345")
    add(vault, b"12346")
    add(vault, b"12345", category="pd:EmailAddress")

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    vault.add(Pipe(b"12345"), category=PURCHASES, name="p", media_type="text/plain", now=NOW)
    vault.remove(vault.find("p").record.cid)
    store.delete([record.cid])
    add(vault, b"12345")
    assert len(records(vault)) == 4


def test_a_file_is_compared_from_where_it_stands(vault: Vault) -> None:
    """(item 17)"""
    add(vault, b"body")
    source = io.BytesIO(b"header:body")
    source.seek(7)
    with pytest.raises(InvalidInput, match="already"):
        vault.add(source, category=PURCHASES, name="n", media_type="text/plain", now=NOW)
    assert source.tell() == 7
