"""The file of a working copy: private, quick to open, and known for what it is: another's, older, damaged."""

from __future__ import annotations

import os
import random
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2

from registry.core.errors import InvalidInput, StorageFull, StorageSlow, StorageUnavailable, WorkingCopyLost
from registry.vault.copy import database
from registry.vault.copy.query import parse
from registry.vault.copy.working_copy import WorkingCopy
from tests.support.working_copies import KEY, PAGE, decrypted_pages, facts_of, record

OTHER_KEY = b"\1" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with WorkingCopy.create(tmp_path / "folder" / "copy.db", KEY, facts_of) as copy:
        copy.put([record(n, f"marzipan {n}", time=f"2025-01-{n % 28 + 1:02d}") for n in range(400)], "root")
    return tmp_path / "folder" / "copy.db"


def reopen(path: Path, key: bytes = KEY) -> WorkingCopy:
    return WorkingCopy(path, key, facts_of)


def raw(path: Path, *statements: str) -> None:
    db = dbapi2.connect(str(path), isolation_level=None)
    db.execute(f"""PRAGMA key = "x'{KEY.hex()}'" """)
    for statement in statements:
        db.execute(statement).fetchall()
    db.close()


def test_it_is_private(path: Path) -> None:
    with reopen(path) as copy:
        copy.put([record(500)], "root")
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    assert modes == dict.fromkeys(("copy.db", "copy.db-wal", "copy.db-shm", "copy.db.lock"), 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_nothing_of_it_is_readable(path: Path) -> None:
    assert b"marzipan" not in path.read_bytes() and b"SQLite" not in path.read_bytes()
    assert b"marzipan" in decrypted_pages(path)  # and the tests of erasure would see it


def test_it_remembers_its_root(path: Path) -> None:
    with reopen(path) as copy:
        assert copy.root == "root"
        copy.put([], "other")
    with reopen(path) as copy:
        assert copy.root == "other" and copy.stats().records == 400


def test_the_key_has_32_bytes(path: Path, tmp_path: Path) -> None:
    for make in (reopen, lambda path, key: WorkingCopy.create(tmp_path / "new", key, facts_of)):
        with pytest.raises(InvalidInput, match="32 bytes"):
            make(path, b"short")
    assert not (tmp_path / "new").exists()


class TestWhatIsLost:
    """Whatever is wrong with the file is one error, and making it again mends it."""

    def test_there_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(WorkingCopyLost, match="there is no working copy"):
            reopen(tmp_path / "none")
        assert not (tmp_path / "none").exists()

    def test_another_vaults(self, path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(WorkingCopyLost):
            reopen(path, OTHER_KEY)
        assert capfd.readouterr() == ("", "")  # SQLCipher would write there

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE meta SET value = '0' WHERE name = 'format'",
            "UPDATE meta SET value = 'another' WHERE name = 'vault'",
            "DELETE FROM meta",
            "DROP TABLE meta",
            "PRAGMA rekey = \"x'0101010101010101010101010101010101010101010101010101010101010101'\"",
        ],
    )
    def test_one_of_another_version_or_vault(self, path: Path, statement: str) -> None:
        raw(path, statement)
        with pytest.raises(WorkingCopyLost):
            reopen(path)

    @pytest.mark.parametrize("content", [b"", b"x", b"x" * 5000, b"SQLite format 3\0" + b"\0" * 4080])
    def test_another_file(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        with pytest.raises(WorkingCopyLost):
            reopen(path)

    @pytest.mark.parametrize("table", ["records", "versions", "facets", "words"])
    def test_a_table_is_missing(self, path: Path, table: str) -> None:
        raw(path, f"DROP TABLE {table}")
        with reopen(path) as copy, pytest.raises(WorkingCopyLost):
            copy.search(parse("marzipan category:pd:Purchase"))

    @pytest.mark.parametrize("seed", range(20))
    def test_a_flipped_byte_is_found_or_does_not_matter(self, path: Path, seed: int) -> None:
        rng, content = random.Random(seed), bytearray(path.read_bytes())
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)
        try:
            with reopen(path) as copy:
                assert [each.body for each in copy.versions()] == [record(n, f"marzipan {n}").body for n in range(400)]
                assert len(list(copy.select(parse("marzipan")))) == 400
        except WorkingCopyLost:
            pass

    @pytest.mark.parametrize("pages", [1, 2, 10])
    def test_a_cut_file(self, path: Path, pages: int) -> None:
        os.truncate(path, pages * PAGE)
        with pytest.raises(WorkingCopyLost), reopen(path) as copy:
            list(copy.select(parse("marzipan")))

    def test_every_page_is_authenticated(self, path: Path) -> None:
        whole = path.read_bytes()
        for at in range(0, len(whole), PAGE):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            with pytest.raises(WorkingCopyLost), reopen(path) as copy:
                copy.check()

    def test_it_is_made_again(self, path: Path) -> None:
        path.write_bytes(b"damaged")
        path.with_name("copy.db-wal").write_bytes(b"old log")
        with WorkingCopy.create(path, KEY, facts_of) as copy:
            assert copy.root == "" and copy.put([record(1, "marzipan")], "new") == 1
        with reopen(path) as copy:
            assert copy.root == "new" and copy.stats().records == 1
            copy.check()

    def test_a_closed_one(self, path: Path) -> None:
        copy = reopen(path)
        copy.close()
        copy.close()
        with pytest.raises(WorkingCopyLost):
            copy.search(parse("marzipan"))


class TestTheMachine:
    """What making the copy again would not mend has other errors."""

    def test_a_folder_that_takes_no_files(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(InvalidInput, match="cannot be written"):
            WorkingCopy.create(tmp_path / "file" / "copy.db", KEY, facts_of)

    def test_a_folder_in_its_place(self, tmp_path: Path) -> None:
        with pytest.raises((StorageUnavailable, WorkingCopyLost)):
            reopen(tmp_path)

    def test_a_full_disk(self, path: Path) -> None:
        with reopen(path) as copy:
            pages = copy._db.one("PRAGMA page_count")[0]
            copy._db.all(f"PRAGMA max_page_count = {pages + 5}")
            with pytest.raises(StorageFull, match="its disk is full"):
                copy.put([record(1000 + n, "pistachio " * 50) for n in range(1000)], "after")
            assert copy.root == "root" and copy.search(parse("pistachio")).total == 0
            copy._db.all("PRAGMA max_page_count = 1000000")
            assert copy.put([record(1000, "pistachio")], "after") == 1

    def test_another_process_that_writes(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
        with reopen(path) as copy, reopen(path) as other, other._db.writing():
            with pytest.raises(StorageSlow, match="another process keeps it locked"):
                copy.put([record(1000)], "after")
            assert copy.search(parse("marzipan")).total == 400  # reading goes on


WRITER = """
import sys
from pathlib import Path
from registry.vault.copy.working_copy import WorkingCopy
from tests.support.working_copies import KEY, facts_of, record
first = int(sys.argv[2])
with WorkingCopy(Path(sys.argv[1]), KEY, facts_of) as copy:
    print("open", flush=True)
    for n in range(first, first + int(sys.argv[3])):
        copy.put([record(n, "nougat", source=f"s{n}")], "root")
"""


def writer(path: Path, first: int, count: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", WRITER, str(path), str(first), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])


@pytest.fixture
def writers() -> Iterator[list[subprocess.Popen[bytes]]]:
    started = list[subprocess.Popen[bytes]]()
    yield started
    for each in started:
        each.kill()
        each.communicate()


def test_two_processes_write_at_once(path: Path, writers: list[subprocess.Popen[bytes]]) -> None:
    writers += [writer(path, 1000, 30), writer(path, 2000, 30)]
    assert [each.wait(60) for each in writers] == [0, 0]
    with reopen(path) as copy:
        assert copy.search(parse("nougat")).total == 60
        assert [copy.search(parse(f"source:s{n}")).total for n in (1000, 1029, 2000, 2029)] == [1] * 4
        copy.check()


@pytest.mark.parametrize("after", [0.0, 0.02, 0.1])
def test_a_killed_writer_leaves_whole_records(path: Path, writers: list[subprocess.Popen[bytes]], after: float) -> None:
    writers.append(writer(path, 1000, 100_000))
    assert writers[0].stdout is not None
    assert writers[0].stdout.readline() == b"open\n"
    threading.Event().wait(after)
    writers[0].kill()
    writers[0].wait()
    with reopen(path) as copy:
        copy.check()
        count = copy.stats().records - 400
        assert sorted(each.id for each in copy.select(parse("nougat"))) == [record(1000 + n).id for n in range(count)]


def test_many_threads_share_one(path: Path) -> None:
    with reopen(path) as copy:
        failed = list[Exception]()

        def work(first: int) -> None:
            try:
                for n in range(first, first + 10):
                    copy.put([record(n, "praline")], "root")
                    assert copy.search(parse(f"id:{record(n).id}")).total == 1
            except Exception as error:
                failed.append(error)

        threads = [threading.Thread(target=work, args=(first,)) for first in (1000, 2000, 3000)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failed == [] and copy.search(parse("praline")).total == 30
