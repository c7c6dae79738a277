"""The SQLite store's own promises: erasure, durability, many processes, and clear errors."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from registry.core.errors import InvalidInput, StorageSlow, StorageUnavailable
from registry.core.ipld.cid import Block, cid_of_block
from registry.storage import sqlite_store as module
from registry.storage.sqlite_store import SqliteBlocks

pytestmark = pytest.mark.slow


def block(data: bytes) -> Block:
    return Block(cid_of_block(data), data)


def all_bytes(path: Path) -> bytes:
    return b"".join(each.read_bytes() for each in sorted(path.parent.glob(path.name + "*")))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "blocks.db"


def windows(data: bytes) -> set[bytes]:
    return {data[at : at + 12] for at in range(len(data) - 11)}


@pytest.mark.parametrize("compact", [1 << 24, 1000], ids=["zeroed", "compacted"])
@pytest.mark.parametrize("seed", [1, 6, 10])
def test_erased_bytes_are_in_no_file(path: Path, seed: int, compact: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # With plain DELETEs these seeds left whole records behind, in pages whose rows SQLite had moved together.
    monkeypatch.setattr(module, "COMPACT_BYTES", compact)
    chance, alive, erased = random.Random(seed), list[bytes](), list[bytes]()
    with SqliteBlocks(path) as store:
        for _ in range(8):
            new = [chance.randbytes(chance.choice([40, 300, 900, 2700, 5000, 9000, 20000])) for _ in range(60)]
            store.put(map(block, new))
            alive += new
            chance.shuffle(alive)
            count = chance.randrange(10, 100)
            erased, alive = erased + alive[:count], alive[count:]
            store.delete(map(cid_of_block, erased[-count:]))
        left = windows(all_bytes(path))
        assert [each for each in erased if any(each[at : at + 12] in left for at in range(0, len(each) - 12, 12))] == []
        assert all(each[:12] in left for each in alive)
        assert [store.get(cid_of_block(each)) for each in alive] == alive
        assert store.stat() == (len(alive), sum(map(len, alive)))


def test_space_is_given_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMPACT_BYTES", 1_000_000)
    made = [block(random.Random(n).randbytes(100_000)) for n in range(30)]
    with SqliteBlocks(path) as store, SqliteBlocks(path) as other:
        store.put(made)
        store.delete(each.cid for each in made[:5])
        assert path.stat().st_size > 3_000_000
        store.delete(each.cid for each in made[5:25])
        assert path.stat().st_size < 1_000_000
        assert [other.get(each.cid) for each in made[25:]] == [each.data for each in made[25:]]
        other.put(made[:1])
        assert store.get(made[0].cid) == made[0].data


def test_the_search_would_find_what_is_not_erased(path: Path) -> None:
    with SqliteBlocks(path) as store:
        store.put([block(b"a secret of some length")])
        assert b"a secret of some length" in all_bytes(path)
        store.delete([cid_of_block(b"a secret of some length")])
        assert b"a secret of some length" not in all_bytes(path)


def test_a_reader_that_keeps_the_log_alive_is_reported(path: Path) -> None:
    made = block(b"a secret of some length")
    with SqliteBlocks(path, busy_seconds=0.05) as store:
        store.put([made])
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM blocks").fetchone()
        with pytest.raises(StorageUnavailable, match="still holds"):
            store.delete([made.cid])
        reader.execute("COMMIT")
        reader.close()
        store.delete([made.cid])
        assert made.data not in all_bytes(path)


def test_files_are_for_their_owner_only(path: Path) -> None:
    path.touch(mode=0o644)
    path.chmod(0o644)
    with SqliteBlocks(path) as store:
        store.put([block(b"x")])
        files = sorted(path.parent.glob("blocks.db*"))
        assert len(files) >= 2
        assert {each.stat().st_mode & 0o777 for each in files} == {0o600}


def test_settings_that_durability_and_erasure_rest_on(path: Path) -> None:
    for _ in range(2):
        with SqliteBlocks(path) as store:
            asked = ("journal_mode", "synchronous", "secure_delete", "page_size")
            found = [store._db.execute(f"PRAGMA {name}").fetchone()[0] for name in asked]
            assert found == ["wal", 2, 1, 32768]


WRITER = """
import os, sys
from registry.core.ipld.cid import Block, cid_of_block
from registry.storage.sqlite_store import SqliteBlocks
store = SqliteBlocks(sys.argv[1])
for n in range(10**6):
    store.put([Block(cid_of_block(b"%d" % n), b"%d" % n)])
    print(n, flush=True)
"""


def test_what_put_returned_for_survives_a_kill(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        done = [int(writer.stdout.readline()) for _ in range(25)]
        os.kill(writer.pid, signal.SIGKILL)
    with SqliteBlocks(path) as store:
        assert [store.get(cid_of_block(b"%d" % n)) for n in done] == [b"%d" % n for n in done]


def fill_from(path: Path, worker: int, start: threading.Barrier) -> None:
    start.wait()
    with SqliteBlocks(path) as store:
        for turn in range(20):
            store.put([block(b"%d %d" % (worker, turn)), block(b"shared %d" % turn)])


def test_many_processes_open_and_write_one_new_file(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(4)
    workers = [context.Process(target=fill_from, args=(path, n, start)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0] * 4
    with SqliteBlocks(path) as store:
        assert store.stat().blocks == 4 * 20 + 20


@pytest.fixture
def other(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """Another process, which begins to write just before a store changes the new file to writing ahead."""
    make_private = module._make_private

    def in_between(given: Path) -> None:
        make_private(given)
        connection.execute("BEGIN IMMEDIATE")

    monkeypatch.setattr(module, "_make_private", in_between)
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as connection:
        yield connection


def test_the_log_goes_while_a_store_is_opened(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last process that closes the file removes its log, which may happen at any moment."""
    other, listed = SqliteBlocks(path), Path.glob
    other.put([block(b"x")])

    def then_closed(folder: Path, pattern: str) -> list[Path]:
        found = list(listed(folder, pattern))
        other.close()
        assert len(found) == 2 and not any(map(Path.exists, found))
        return found

    monkeypatch.setattr(Path, "glob", then_closed)
    module._make_private(path)


def test_opening_waits_for_another_that_begins_the_same_file(
    path: Path, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite itself would not wait here."""
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            other.execute("COMMIT")

    monkeypatch.setattr("registry.db.sqlite.time.sleep", pause)
    with SqliteBlocks(path) as store:
        store.put([block(b"x")])
    assert len(pauses) == 3
    assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_opening_does_not_wait_for_ever(path: Path, other: sqlite3.Connection) -> None:
    with pytest.raises(StorageSlow, match="another process keeps it locked"):
        SqliteBlocks(path, busy_seconds=0.05)
    assert other.in_transaction


def test_many_threads_share_one_store(path: Path) -> None:
    failures: list[BaseException] = []

    def work(worker: int) -> None:
        try:
            for turn in range(30):
                made = block(b"%d %d" % (worker, turn))
                store.put([made])
                assert store.get(made.cid) == made.data
        except BaseException as error:
            failures.append(error)

    with SqliteBlocks(path) as store:
        threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert store.stat().blocks == 180


def test_long_puts_are_committed_in_parts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_COMMIT_BYTES", 1000)
    with SqliteBlocks(path) as store:

        def many() -> object:
            for n in range(10):
                yield block(bytes([n]) * 400)
            yield Block(cid_of_block(b""), b"not empty")

        with pytest.raises(InvalidInput):
            store.put(many())  # type: ignore[arg-type]
        assert store.stat().blocks == 9


def test_a_failed_commit_leaves_the_store_usable(path: Path) -> None:
    with SqliteBlocks(path) as store:
        store._db.execute("PRAGMA query_only = ON")
        with pytest.raises(StorageUnavailable, match="read-only"):
            store.put([block(b"x")])
        store._db.execute("PRAGMA query_only = OFF")
        store.put([block(b"x")])
        assert store.stat().blocks == 1


def test_another_writer_is_waited_for_but_not_for_ever(path: Path) -> None:
    with SqliteBlocks(path, busy_seconds=0.05) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageSlow, match="locked") as caught:
            store.put([block(b"x")])
        other.execute("ROLLBACK")
        other.close()
        assert caught.value.advice
        store.put([block(b"x")])


def test_files_that_are_something_else(tmp_path: Path) -> None:
    text, other = tmp_path / "text", tmp_path / "other.db"
    text.write_bytes(b"This is a text and no database. " * 1000)
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE somebody_elses (x)")
    db.close()
    for each in (text, other):
        each.chmod(0o640)
        before = each.read_bytes()
        with pytest.raises(StorageUnavailable, match="not a block store"):
            SqliteBlocks(each)
        assert each.read_bytes() == before
        assert each.stat().st_mode & 0o777 == 0o640


def test_a_damaged_file(path: Path) -> None:
    with SqliteBlocks(path) as store:
        store.put([block(bytes([n]) * 5000) for n in range(50)])
    raw = bytearray(path.read_bytes())
    raw[32768:] = b"\xff" * (len(raw) - 32768)
    path.write_bytes(raw)
    with SqliteBlocks(path) as store, pytest.raises(StorageUnavailable, match="damaged"):
        store.get(cid_of_block(bytes([7]) * 5000))


@pytest.mark.parametrize("place", ["missing/blocks.db", "."])
def test_a_path_that_cannot_be_opened(tmp_path: Path, place: str) -> None:
    with pytest.raises(StorageUnavailable, match="cannot be opened") as caught:
        SqliteBlocks(tmp_path / place)
    assert caught.value.advice


def test_closed_twice_and_used_after(path: Path) -> None:
    store = SqliteBlocks(path)
    store.close()
    store.close()
    with pytest.raises(StorageUnavailable, match="closed"):
        store.stat()


def test_a_second_store_takes_no_lock_from_the_first(path: Path) -> None:
    """It did: another process then removed the log that was in use, and what was put later was lost."""
    count = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); "
    count += "print(*db.execute('SELECT count(*) FROM blocks').fetchone()); db.close()"
    asks = [sys.executable, "-c", count, str(path)]
    with SqliteBlocks(path) as first:
        first.put([block(b"one")])
        SqliteBlocks(path)  # it stays open, as in another thread
        assert subprocess.run(asks, capture_output=True, text=True, timeout=60, check=True).stdout.strip() == "1"
        first.put([block(b"two")])
        assert subprocess.run(asks, capture_output=True, text=True, timeout=60, check=True).stdout.strip() == "2"
