"""The vault: what goes in comes out, a crash changes nothing, and old keys open nothing new."""

from __future__ import annotations

import hashlib
import io
import random
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.pretty import pretty_repr

from registry.core.age.stream import open_bytes, seal_bytes
from registry.core.capsules import RecordRef, StreamKey, open_head, public_key_of
from registry.core.crypto.seeds import owner_identity, vault_key
from registry.core.errors import (
    ConsentError,
    DamagedSeal,
    InvalidInput,
    Malformed,
    NotARecipient,
    StorageUnavailable,
)
from registry.core.ipld.cid import Block, cid_of_block
from registry.core.ipld.unixfs import read_file
from registry.storage.base import BlockStore
from registry.storage.sqlite_store import SqliteBlocks
from registry.vault import vault as module
from registry.vault.index import Index, Record, open_index, seal_index
from registry.vault.vault import FILE_SCHEMA, Vault
from tests.support.builders import NOW, SEED
from tests.support.fake_storage import MemoryBlocks

ROOT = Path(__file__).resolve().parents[2]
OTHER_SEED = bytes(32)
PURCHASES, EMAILS = "pd:Purchase", "pd:EmailAddress"


def add(vault: Vault, body: bytes, category: str = PURCHASES, name: str = "a.csv", now: int = NOW) -> Record:
    return vault.add(io.BytesIO(body), category=category, name=name, media_type="text/csv", now=now, again=True)


def keys_for(vault: Vault, categories: Iterable[str]) -> tuple[StreamKey, ...]:
    return tuple(stream.key() for stream in vault.streams_of(set(categories)))


def body_of(cid: str, identity: str, store: BlockStore) -> bytes:
    return open_bytes(b"".join(read_file(cid, store.get)), [identity])


def contents(vault: Vault, store: BlockStore) -> dict[str, list[bytes]]:
    """Every stream's records as the index has them: category/epoch to bodies."""
    return {
        f"{stream.category}/{stream.epoch}": [body_of(r.cid, stream.identity, store) for r in stream.records]
        for stream in vault.index().streams
    }


def handed_over(keys: Iterable[StreamKey], vault: Vault, store: BlockStore) -> list[bytes]:
    """Read with these keys alone: first the heads, then their records."""
    found = []
    for key in keys:
        head = open_head(store.get(key.head), key, public_key_of(vault.key))
        found += [body_of(reference.cid, key.identity, store) for reference in head.records]
    return found


def test_an_empty_vault(vault: Vault, tmp_path: Path) -> None:
    assert vault.index() == Index()
    vault.share([PURCHASES])
    assert (vault.roots(), keys_for(vault, [PURCHASES])) == ([], ())
    assert vault.recipient.startswith("age1pq1")
    assert not (tmp_path / "vault").exists()  # looking makes no folder


def test_what_goes_in_comes_out(vault: Vault, store: MemoryBlocks) -> None:
    first = add(vault, b"one", name="one.csv")
    second = add(vault, b"two", now=NOW + 1)
    mail = add(vault, b"a@b.example", EMAILS)
    assert contents(vault, store) == {f"{PURCHASES}/1": [b"one", b"two"], f"{EMAILS}/1": [b"a@b.example"]}
    assert (first.name, first.size, first.added_at, first.schema) == ("one.csv", 3, NOW, FILE_SCHEMA)
    assert first.reference == RecordRef(first.cid, FILE_SCHEMA, "text/csv")
    assert len({first.cid, second.cid, mail.cid}) == 3


def test_the_same_body_twice_is_two_records(vault: Vault) -> None:
    assert add(vault, b"same").cid != add(vault, b"same").cid


def test_only_what_is_left_of_a_source_is_sealed(vault: Vault, store: MemoryBlocks) -> None:
    source = io.BytesIO(b"header:body")
    source.seek(7)
    record = vault.add(source, category=PURCHASES, name="n", media_type="text/plain", now=NOW)
    assert record.size == 4
    assert contents(vault, store) == {f"{PURCHASES}/1": [b"body"]}


@pytest.mark.parametrize("size", [0, 1, 65_536, 262_144, 20_000_000])
def test_files_of_every_size(vault: Vault, store: MemoryBlocks, size: int) -> None:
    body = random.Random(size).randbytes(size)
    assert add(vault, body).size == size
    (found,) = contents(vault, store)[f"{PURCHASES}/1"]
    assert hashlib.sha256(found).digest() == hashlib.sha256(body).digest()


def test_what_lies_in_the_store_says_nothing(vault: Vault, store: MemoryBlocks) -> None:
    add(vault, b"what I bought" * 10, name="telling-name.csv")
    everything = b"".join(store.kept.values())
    for secret in (b"what I bought", b"telling-name", b"Purchase", b"text/csv", b"AGE-SECRET-KEY", b"VaultIndex"):
        assert secret not in everything
    assert b"age-encryption.org" in everything


@pytest.mark.parametrize("category", ["", "Purchase", "pd:Pürchase", "pd:Purchase "])
def test_what_is_no_category(vault: Vault, category: str) -> None:
    with pytest.raises(Malformed, match="category"):
        add(vault, b"x", category)
    assert vault.roots() == []


def test_identities_are_in_no_repr(vault: Vault) -> None:
    add(vault, b"one")
    """rich once showed the identities that repr hides: it asks ``__rich_repr__``, and msgspec's shows all."""
    index = vault.index()
    for value in (index, index.streams[0], keys_for(vault, [PURCHASES])):
        for shown in (repr(value), pretty_repr(value)):
            assert "AGE-SECRET-KEY" not in shown and PURCHASES in shown
    assert "AGE-SECRET-KEY" not in repr(vault)


class TestHeads:
    def test_each_follows_the_last(self, vault: Vault, store: MemoryBlocks) -> None:
        previous = None
        for number in (2, 3, 4):
            record = add(vault, b"%d" % number)
            (key,) = keys_for(vault, [PURCHASES])
            head = open_head(store.get(key.head), key, public_key_of(vault.key))
            assert (head.stream, head.epoch, head.number) == (PURCHASES, 1, number)
            assert head.records[-1] == record.reference
            assert previous in (None, head.previous)
            previous = key.head

    def test_older_heads_stay_readable(self, vault: Vault, store: MemoryBlocks) -> None:
        add(vault, b"one")
        (old,) = keys_for(vault, [PURCHASES])
        add(vault, b"two")
        assert handed_over([old], vault, store) == [b"one"]
        assert handed_over(keys_for(vault, [PURCHASES]), vault, store) == [b"one", b"two"]

    def test_they_are_signed_with_the_vault_key(self, vault: Vault, store: MemoryBlocks) -> None:
        add(vault, b"one")
        assert public_key_of(vault.key) == public_key_of(vault_key(SEED))


class TestKeys:
    def test_only_for_what_is_asked(self, vault: Vault, store: MemoryBlocks) -> None:
        add(vault, b"bought")
        add(vault, b"mail", EMAILS)
        assert handed_over(keys_for(vault, {EMAILS}), vault, store) == [b"mail"]
        assert [key.category for key in keys_for(vault, [EMAILS, PURCHASES, "pd:Age"])] == [PURCHASES, EMAILS]
        assert keys_for(vault, ["pd:Age"]) == keys_for(vault, []) == ()

    def test_one_streams_key_opens_no_other(self, vault: Vault, store: MemoryBlocks) -> None:
        bought, mail = add(vault, b"bought"), add(vault, b"mail", EMAILS)
        (key,) = keys_for(vault, [EMAILS])
        assert body_of(mail.cid, key.identity, store) == b"mail"
        with pytest.raises(NotARecipient):
            body_of(bought.cid, key.identity, store)

    def test_the_owners_identity_opens_no_record(self, vault: Vault, store: MemoryBlocks) -> None:
        # Records are sealed to their stream alone; the owner reads the stream's key in the index.
        with pytest.raises(NotARecipient):
            body_of(add(vault, b"one").cid, vault.identity, store)


class TestSharing:
    def test_keys_that_left_open_nothing_new(self, vault: Vault, store: MemoryBlocks) -> None:
        """(item 7) Whoever has a key, and however their grant ends: the next record lies in a new stream."""
        add(vault, b"before")
        (old,) = keys_for(vault, [PURCHASES])
        vault.share([PURCHASES])
        after = add(vault, b"after")
        with pytest.raises(NotARecipient):
            body_of(after.cid, old.identity, store)
        newest = vault.index().newest(PURCHASES)
        assert newest is not None
        assert newest.epoch == 2
        with pytest.raises(NotARecipient):
            open_head(store.get(newest.head), old, public_key_of(vault.key))
        assert handed_over([old], vault, store) == [b"before"]
        assert contents(vault, store) == {f"{PURCHASES}/1": [b"before"], f"{PURCHASES}/2": [b"after"]}

    def test_a_later_grant_gets_every_epoch(self, vault: Vault, store: MemoryBlocks) -> None:
        for epoch in (1, 2, 3):
            add(vault, b"%d" % epoch)
            vault.share([PURCHASES])
        keys = keys_for(vault, [PURCHASES])
        assert [key.epoch for key in keys] == [1, 2, 3]
        assert len({key.identity for key in keys}) == 3
        assert handed_over(keys, vault, store) == [b"1", b"2", b"3"]

    def test_again_changes_nothing(self, vault: Vault) -> None:
        add(vault, b"one")
        vault.share([EMAILS, PURCHASES, PURCHASES])
        root = vault.roots()
        vault.share([EMAILS, PURCHASES])
        assert vault.roots() == root

    def test_the_others_stay(self, vault: Vault, store: MemoryBlocks) -> None:
        add(vault, b"bought")
        add(vault, b"mail", EMAILS)
        before = keys_for(vault, [EMAILS])
        vault.share([PURCHASES])
        add(vault, b"more mail", EMAILS)
        assert [key.identity for key in keys_for(vault, [EMAILS])] == [key.identity for key in before]


@dataclass
class FailsAt(MemoryBlocks):
    """Takes half of the blocks of its n-th put, then breaks."""

    puts_left: int = 10**9

    def put(self, blocks: Iterable[Block], *, public: bool = False) -> None:
        self.puts_left -= 1
        if self.puts_left:
            return super().put(blocks)
        given = list(blocks)
        super().put(given[: len(given) // 2])
        raise StorageUnavailable("The block store broke in the middle.")


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def new_of(store: MemoryBlocks, before: set[bytes]) -> list[str]:
    return [cid_of_block(data) for digest, data in store.kept.items() if digest not in before]


def is_index(cid: str, vault: Vault, store: MemoryBlocks) -> bool:
    try:
        return open_index(cid, store, vault.identity) is not None
    except (ConsentError, ValueError):
        return False


def away(_: object) -> None:
    raise StorageUnavailable("The block store does not answer.")


class TestCrashes:
    # A head and its records, the record, the new head, the index; a stream that exists needs no first head.
    @pytest.mark.parametrize(("category", "puts"), [(PURCHASES, 3), (EMAILS, 4)])
    def test_a_store_that_fails_in_the_middle_of_adding(self, tmp_path: Path, category: str, puts: int) -> None:
        for fails_at in range(1, puts + 1):
            store = FailsAt()
            vault = Vault(tmp_path / str(fails_at), SEED, store)
            add(vault, b"before")
            roots, before = vault.roots(), contents(vault, store)
            store.puts_left = fails_at
            with pytest.raises(StorageUnavailable):
                add(vault, b"x" * 300_000, category)
            store.puts_left = 10**9
            assert (vault.roots(), contents(vault, store)) == (roots, before)
            add(vault, b"after", category)
            assert {p.name for p in (tmp_path / str(fails_at)).iterdir()} == {"index", "lock"}
            assert contents(vault, store)[f"{category}/1"][-1] == b"after"

    def test_a_store_that_fails_in_the_middle_of_sharing(self, tmp_path: Path) -> None:
        store = FailsAt()
        vault = Vault(tmp_path / "vault", SEED, store)
        add(vault, b"bought")
        add(vault, b"mail", EMAILS)
        before = vault.index()
        store.puts_left = 1
        with pytest.raises(StorageUnavailable):
            vault.share([PURCHASES, EMAILS])
        assert vault.index() == before
        vault.share([PURCHASES, EMAILS])
        assert [stream.shared for stream in vault.index().streams] == [True, True]

    @pytest.mark.parametrize("dies_at", [1, 3, 4])
    def test_a_process_that_dies_in_the_middle(self, tmp_path: Path, dies_at: int) -> None:
        with SqliteBlocks(tmp_path / "blocks.sqlite") as store:
            vault = Vault(tmp_path / "vault", SEED, store)
            add(vault, b"before")
            roots = vault.roots()
            assert run(DYING, tmp_path, str(dies_at)).wait() == 9
            assert vault.roots() == roots
            assert contents(vault, store) == {f"{PURCHASES}/1": [b"before"]}
            # Its lock died with it.
            add(vault, b"after")
            assert contents(vault, store) == {f"{PURCHASES}/1": [b"before", b"after"]}

    def test_an_index_that_cannot_be_moved_into_place(
        self, vault: Vault, store: MemoryBlocks, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add(vault, b"before")

        def full(path: Path, content: bytes) -> None:
            raise InvalidInput(f"{path} cannot be written: No space left on device", "Check the disk.")

        monkeypatch.setattr(module, "replace_file", full)
        with pytest.raises(InvalidInput, match="No space"):
            add(vault, b"lost")
        assert contents(vault, store) == {f"{PURCHASES}/1": [b"before"]}

    def test_a_change_is_made_where_the_old_index_cannot_be_erased_yet(
        self, vault: Vault, store: MemoryBlocks, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The store goes away, or the process is killed, after the new index has its name; twice in a row."""
        add(vault, b"1")
        old = []
        with monkeypatch.context() as patch:
            patch.setattr(store, "delete", away)
            for body in (b"2", b"3"):
                old += vault.roots()
                add(vault, body)
        assert contents(vault, store) == {f"{PURCHASES}/1": [b"1", b"2", b"3"]}
        assert all(map(store.has, old))
        add(vault, b"4")
        assert contents(vault, store) == {f"{PURCHASES}/1": [b"1", b"2", b"3", b"4"]}
        assert not any(map(store.has, old))

    def test_an_index_that_stayed_the_newest_is_not_erased(
        self, vault: Vault, store: MemoryBlocks, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Cut short between the note of what is to be erased and the new name."""
        add(vault, b"1")
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(module, "set_index", interrupted)
            add(vault, b"2")
        with monkeypatch.context() as patch:
            patch.setattr(store, "put", away)
            with pytest.raises(StorageUnavailable):
                add(vault, b"3")  # its beginning erases what can be
        assert contents(vault, store) == {f"{PURCHASES}/1": [b"1"]}

    def test_an_index_that_never_got_its_name_is_erased(
        self, vault: Vault, store: MemoryBlocks, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add(vault, b"1")
        before = set(store.kept)
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(module, "set_index", interrupted)
            add(vault, b"2")
        (unnamed,) = [cid for cid in new_of(store, before) if is_index(cid, vault, store)]
        add(vault, b"3")
        assert not store.has(unnamed)
        assert contents(vault, store) == {f"{PURCHASES}/1": [b"1", b"3"]}

    def test_a_list_of_old_indexes_that_is_none(self, vault: Vault) -> None:
        add(vault, b"1")
        file = vault._directory / "old"
        file.write_text("no list\n")
        with pytest.raises(InvalidInput, match="the vault's old holds no content identifier"):
            add(vault, b"2")
        file.unlink()
        add(vault, b"2")

    def test_a_source_that_cannot_be_read(self, vault: Vault, store: MemoryBlocks) -> None:
        class Broken(io.BytesIO):
            def readinto(self, _buffer: object) -> int:
                raise OSError("Input/output error")

        add(vault, b"before")
        with pytest.raises(OSError, match="Input/output"):
            vault.add(Broken(b"x" * 10), category=PURCHASES, name="n", media_type="text/csv", now=NOW)
        assert contents(vault, store) == {f"{PURCHASES}/1": [b"before"]}


COMMON = """
import io, os, sys
from pathlib import Path
from registry.storage.sqlite_store import SqliteBlocks
from registry.vault.vault import Vault
folder, word = Path(sys.argv[1]), sys.argv[2]
store = SqliteBlocks(folder / "blocks.sqlite")
vault = Vault(folder / "vault", bytes(range(32)), store)
def add(body, category="pd:Purchase"):
    vault.add(io.BytesIO(body), category=category, name="n", media_type="text/csv", now=1)
"""
DYING = (
    COMMON
    + """
left, put = int(word), store.put
def dying(blocks):
    global left
    left -= 1
    put(blocks) if left else os._exit(9)
store.put = dying
add(b"never", "pd:EmailAddress")
"""
)
ADDING = (
    COMMON
    + """
for number in range(5):
    add(f"{word}{number}".encode())
"""
)


def run(script: str, folder: Path, word: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", script, str(folder), word], cwd=ROOT)


class TestAtOnce:
    def test_threads(self, vault: Vault, store: MemoryBlocks) -> None:
        threads = [threading.Thread(target=add, args=(vault, b"%d" % n, (PURCHASES, EMAILS)[n % 2])) for n in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = contents(vault, store)
        assert sorted(found[f"{PURCHASES}/1"]) == sorted(b"%d" % n for n in range(0, 12, 2))
        assert sorted(found[f"{EMAILS}/1"]) == sorted(b"%d" % n for n in range(1, 12, 2))

    def test_processes(self, tmp_path: Path) -> None:
        processes = [run(ADDING, tmp_path, word) for word in "ab"]
        assert [process.wait() for process in processes] == [0, 0]
        with SqliteBlocks(tmp_path / "blocks.sqlite") as store:
            (found,) = contents(Vault(tmp_path / "vault", SEED, store), store).values()
        assert sorted(found) == sorted(f"{word}{number}".encode() for word in "ab" for number in range(5))

    def test_whoever_waits_too_long_changes_nothing(
        self, vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add(vault, b"one")
        before = vault.roots()
        monkeypatch.setattr(module, "LOCK_SECONDS", 0.05)
        with FileLock(tmp_path / "vault" / "lock"), pytest.raises(StorageUnavailable, match="another process"):
            add(vault, b"two")
        assert vault.roots() == before
        add(vault, b"three")

    @pytest.mark.parametrize("changes", [1, module.MAX_READS - 1, module.MAX_READS])
    def test_an_index_that_is_replaced_while_it_is_read(
        self, vault: Vault, store: MemoryBlocks, monkeypatch: pytest.MonkeyPatch, changes: int
    ) -> None:
        """Each read finds its index erased by another process; a vault that never rests is reported, not awaited."""
        add(vault, b"0")
        get, left, other = store.get, changes, Vault(vault._directory, SEED, MemoryBlocks(kept=store.kept))

        def overtaken(cid: str) -> bytes:
            nonlocal left
            if left:
                left -= 1
                add(other, b"%d" % left)
            return get(cid)

        monkeypatch.setattr(store, "get", overtaken)
        if changes == module.MAX_READS:
            with pytest.raises(StorageUnavailable, match="keeps changing"):
                vault.index()
        assert len(vault.index().streams[0].records) == changes + 1


class TestIndex:
    def test_its_cid_and_the_seed_restore_everything(self, vault: Vault, store: MemoryBlocks, tmp_path: Path) -> None:
        add(vault, b"bought")
        vault.share([PURCHASES])
        add(vault, b"mail", EMAILS)
        (root,) = vault.roots()
        other = tmp_path / "elsewhere"
        other.mkdir()
        (other / "index").write_text(root)
        again = Vault(other, SEED, store)
        assert again.index() == vault.index() == open_index(root, store, owner_identity(SEED))
        assert contents(again, store) == contents(vault, store)
        add(again, b"more")
        assert contents(again, store)[f"{PURCHASES}/2"] == [b"more"]
        assert vault.roots() == [root]

    def test_another_seed_opens_nothing(self, vault: Vault, store: MemoryBlocks, tmp_path: Path) -> None:
        add(vault, b"bought")
        stranger = Vault(tmp_path / "vault", OTHER_SEED, store)
        assert stranger.recipient != vault.recipient
        for act in (stranger.index, lambda: stranger.streams_of([PURCHASES]), lambda: stranger.share([PURCHASES])):
            with pytest.raises(NotARecipient) as caught:
                act()
            assert caught.value.advice
        before = vault.roots()
        with pytest.raises(NotARecipient):
            add(stranger, b"intruding")
        assert vault.roots() == before

    def test_a_store_without_it_cannot_be_asked(self, vault: Vault, store: MemoryBlocks) -> None:
        add(vault, b"one")
        store.kept.clear()
        for act in (vault.index, lambda: add(vault, b"two")):
            with pytest.raises(StorageUnavailable):
                act()

    def test_a_store_that_lies_is_noticed(self, vault: Vault, store: MemoryBlocks) -> None:
        add(vault, b"one")
        store.lies = True
        with pytest.raises(StorageUnavailable, match="bytes"):
            vault.index()

    @pytest.mark.parametrize("name", [b"", b"bafkrei", b"\xff\xfe", b"../../etc/passwd", b"Qm" + b"a" * 44])
    def test_a_damaged_name_is_said_to_be_damaged(self, vault: Vault, tmp_path: Path, name: bytes) -> None:
        add(vault, b"one")
        (tmp_path / "vault" / "index").write_bytes(name)
        with pytest.raises(InvalidInput, match="no content identifier") as caught:
            vault.index()
        assert "backup" in caught.value.advice

    @pytest.mark.parametrize("raw", [b"", b"{}", b'{"streams":[],"type":"VaultIndex","version":2}', b"[" * 200])
    def test_what_is_no_index(self, store: MemoryBlocks, raw: bytes) -> None:
        recipient = Vault(Path("unused"), SEED, store).recipient
        (block,) = seal_index(Index(), recipient)
        sealed = seal_bytes(raw, [recipient])
        other = block._replace(cid=module.cid_of_block(sealed), data=sealed)
        store.put([block, other])
        assert open_index(block.cid, store, owner_identity(SEED)) == Index()
        with pytest.raises(DamagedSeal, match="index"):
            open_index(other.cid, store, owner_identity(SEED))

    def test_one_that_repeats_itself(self, vault: Vault, store: MemoryBlocks) -> None:
        """The vault's own list keeps the rule of every list: nothing stands in it twice (item 14)."""
        add(vault, b"one")
        (one,) = vault.index().streams
        elsewhere = msgspec.structs.replace(one, category=EMAILS, head=one.records[0].cid)
        twice = msgspec.structs.replace(one, records=one.records * 2)
        lists = {"a stream": (one, one), "a head": (one, msgspec.structs.replace(one, epoch=2)), "a record": (twice,)}
        for says, streams in [*lists.items(), ("a record", (one, elsewhere))]:
            (block,) = seal_index(Index(streams), vault.recipient)
            store.put([block])
            with pytest.raises(Malformed, match=f"repeats {says}"):
                open_index(block.cid, store, vault.identity)

    def test_one_too_large_is_not_read(
        self, vault: Vault, store: MemoryBlocks, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add(vault, b"one")
        monkeypatch.setattr("registry.vault.index.MAX_INDEX", 1000)
        with pytest.raises(StorageUnavailable, match="larger than"):
            vault.index()


_acts = st.one_of(
    st.tuples(st.just("add"), st.sampled_from([PURCHASES, EMAILS]), st.binary(max_size=20)),
    st.tuples(st.just("share"), st.sampled_from([PURCHASES, EMAILS]), st.just(b"")),
)


@settings(max_examples=12, deadline=None)
@given(st.lists(_acts, max_size=5))
def test_any_story_against_a_plain_dictionary(acts: list[tuple[str, str, bytes]]) -> None:
    store, expected, epochs, shared = MemoryBlocks(), {}, {}, set()
    with tempfile.TemporaryDirectory() as folder:
        vault = Vault(Path(folder), SEED, store)
        for act, category, body in acts:
            if act == "add":
                epochs[category] = epochs.get(category, 1) + (category in shared)
                shared.discard(category)
                add(vault, body, category)
                expected.setdefault(f"{category}/{epochs[category]}", []).append(body)
            else:
                vault.share([category])
                shared |= {category} & set(epochs)
        found = {name: bodies for name, bodies in contents(vault, store).items() if bodies}
    assert found == expected
