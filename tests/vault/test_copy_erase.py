"""Erased records leave nothing in the file: looked for in the decrypted blocks, never in the vocabulary alone."""

from __future__ import annotations

import random
import threading
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from sqlcipher3.dbapi2 import Connection

from registry.core.errors import StorageSlow
from registry.core.sealed.records import Record
from registry.vault.copy import working_copy
from registry.vault.copy.database import Database
from registry.vault.copy.query import parse
from registry.vault.copy.working_copy import WorkingCopy
from tests.support.working_copies import KEY, decrypted_pages, facts_of, record, record_id, tombstone

COUNT = 1200


def word(number: int) -> str:
    """A word of this record alone, which shares no beginning with others: FTS5 stores words without what they share."""
    return "".join(random.Random(number).choices("bcdfghjklmnpqrstvwxz", k=12))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "copy.db"


def filled(path: Path) -> WorkingCopy:
    copy = WorkingCopy.create(path, KEY, facts_of)
    numbers = list(range(COUNT))
    random.Random(0).shuffle(numbers)
    for first in range(0, COUNT, 100):
        some = numbers[first : first + 100]
        copy.put([record(n, f"{word(n)} shared", time=f"2025-01-{n % 28 + 1:02d}", **_rare(n)) for n in some], "root")
    # An edit, so that there is history with words of its own.
    copy.put([record(n, f"{word(n)[::-1]} shared", counter=2, **_rare(n)) for n in range(0, COUNT, 10)], "root")
    return copy


def _rare(number: int) -> dict[str, object]:
    if number == 7:
        return {"source": "clinic of dr nobody", "tags": ("illness",), "category": "pd:Illness", "schema": "ill/1"}
    return {"tags": ("gift",), "source": "by hand"}


def left(path: Path, numbers: range | list[int]) -> list[int]:
    """Which of these records have words or ids in the decrypted blocks."""
    raw = decrypted_pages(path)

    def traces(number: int) -> list[bytes]:
        marked = [word(number), word(number)[::-1], record_id(number)]
        return [each.encode() for each in marked] + [bytes.fromhex(record_id(number).replace("-", ""))]

    return [number for number in numbers if any(trace in raw for trace in traces(number))]


def test_nothing_of_an_erased_record_is_left(path: Path) -> None:
    erased, kept = range(0, COUNT, 3), [n for n in range(COUNT) if n % 3]
    with filled(path) as copy:
        assert copy.erase([record_id(n) for n in erased], "after") == len(erased)
        assert left(path, erased) == [] and left(path, kept) == kept
        assert copy.root == "after"
        assert copy.search(parse("shared")).total == len(kept)
        assert [copy.search(parse(word(n))).total for n in (0, 3, 1, 2)] == [0, 0, 1, 1]
        assert copy.history(record_id(0)) == []
    assert left(path, erased) == []


def test_before_it_is_erased_a_deleted_record_is_still_there(path: Path) -> None:
    """A tombstone hides, and does not erase: otherwise the test above would prove nothing."""
    with filled(path) as copy:
        copy.put([tombstone(n, 3) for n in range(0, COUNT, 3)], "root")
        assert len(left(path, range(0, COUNT, 3))) == len(range(0, COUNT, 3))
        copy.erase([record_id(n) for n in range(0, COUNT, 3)], "root")
        assert left(path, range(0, COUNT, 3)) == []


@pytest.mark.parametrize("seed", [1, 2])
def test_rows_that_moved_between_pages_leave_no_copies(path: Path, seed: int) -> None:
    """SQLite clears what it deletes, and not the places from which it moved rows before."""
    rng, counters, spoken = random.Random(seed), dict[int, int](), dict[int, list[str]]()

    def edit(number: int) -> Record:
        counters[number] = counters.get(number, 0) + 1
        text = word((number + 1) * 10_000 + counters[number])
        spoken.setdefault(number, []).append(text)
        time = f"20{rng.randrange(10, 26)}-01-{rng.randrange(1, 29):02d}"
        return record(number, text + " " + "x" * rng.choice([10, 300, 2000]), counter=counters[number], time=time)

    with WorkingCopy.create(path, KEY, facts_of) as copy:
        for step in range(60):
            some = rng.sample(range(COUNT), rng.randrange(1, 40))
            copy.put([edit(n) for n in some], "root")
            if step % 10 == 9:
                gone = rng.sample(sorted(counters), len(counters) // 4)
                copy.erase([record_id(n) for n in gone], "root")
                assert left(path, gone) == []
                raw = decrypted_pages(path)
                assert not any(text.encode() in raw for n in gone for text in spoken.pop(n))
                for n in gone:
                    del counters[n]


def test_the_names_of_fields_go_with_their_last_record(path: Path) -> None:
    with filled(path) as copy:
        names = [b"clinic of dr nobody", b"illness", b"pd:Illness", b"ill/1"]
        assert all(name in decrypted_pages(path) for name in names)
        copy.erase([record_id(7)], "root")
        raw = decrypted_pages(path)
        assert not any(name in raw for name in names) and b"by hand" in raw
        assert copy.search(parse("tag:gift")).records


def test_a_number_of_a_field_is_used_again_without_harm(path: Path) -> None:
    with filled(path) as copy:
        copy.erase([record_id(7)], "root")
        copy.put([record(9000, "new", tags=("other",), source="elsewhere")], "root")
        assert [copy.search(parse(query)).total for query in ("tag:other", "source:elsewhere", "tag:illness")] == [
            1,
            1,
            0,
        ]


def test_erasing_everything_leaves_an_empty_copy(path: Path) -> None:
    with filled(path) as copy:
        copy.erase([record_id(n) for n in range(COUNT)], "root")
        assert copy.stats()[:2] == (0, 0) and path.stat().st_size < 100_000
        assert b"shared" not in decrypted_pages(path)


def test_what_is_unknown_is_erased_already(path: Path) -> None:
    with WorkingCopy.create(path, KEY, facts_of) as copy:
        assert copy.erase([record_id(1)], "root") == 0 and copy.root == "root"


def test_a_process_that_dies_meanwhile_leaves_it_to_the_next(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def kill(_: Database) -> None:
        raise Killed

    with filled(path) as copy, monkeypatch.context() as patched:
        patched.setattr(Database, "rewrite", kill)
        with pytest.raises(Killed):
            copy.erase([record_id(n) for n in range(100)], "after")
        assert left(path, range(100)) != []
    with WorkingCopy(path, KEY, facts_of) as copy:
        assert left(path, range(100)) == [] and copy.root == "after"


def test_a_reader_in_another_process_delays_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.vault.copy.database.BUSY_SECONDS", 0.05)
    with filled(path) as copy, WorkingCopy(path, KEY, facts_of) as other:
        with other._db.reading() as db:
            db.execute("SELECT * FROM versions").fetchone()
            with pytest.raises(StorageSlow):
                copy.erase([record_id(1)], "after")
            with WorkingCopy(path, KEY, facts_of) as third:  # which cannot finish it either
                assert third.history(record_id(1)) == []
        with WorkingCopy(path, KEY, facts_of):
            pass
        assert left(path, [1]) == []


def test_a_kept_record_with_the_same_word_is_still_found(path: Path) -> None:
    def both() -> list[Record]:
        return [record(1, "nougat marzipan"), record(2, "nougat")]

    with WorkingCopy.create(path, KEY, facts_of) as copy:
        copy.put(both(), "root")
        copy.erase([record_id(1)], "root")
        assert copy.search(parse("nougat")).records == (record(2, "nougat"),)
        raw = decrypted_pages(path)
        assert b"marzipan" not in raw and b"nougat" in raw
        copy.check()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_the_temporary_file_of_a_rewrite_is_encrypted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a name nowhere, and would otherwise leave all records on another disk."""
    monkeypatch.setattr("registry.vault.copy.database.REWRITE_KIB", 64)
    seen, is_over = list[bytes](), threading.Event()

    def watch() -> None:
        while not is_over.is_set():
            for file in Path("/proc/self/fd").iterdir():
                with suppress(OSError):
                    if "etilqs" in str(file.readlink()):
                        seen.append(file.read_bytes())

    with filled(path) as copy:
        thread = threading.Thread(target=watch)
        thread.start()
        for number in range(0, 300, 10):
            copy.erase([record_id(number)], "after")
            if any(len(one) > 100_000 for one in seen):
                break
        is_over.set()
        thread.join()
    # SQLite writes its pages in any order, and leaves holes meanwhile.
    largest = max((b"".join(page for page in _pages(one) if any(page)) for one in seen), key=len)
    assert len(largest) > 100_000 and len(zlib.compress(largest)) > 0.98 * len(largest)
    assert not any(text in largest for text in (b"shared", b"CREATE TABLE", word(1).encode()))


def test_many_records_are_erased_in_several_transactions(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between two of them, the next one that opens the copy goes on."""
    monkeypatch.setattr("registry.vault.copy.erasing.AT_ONCE", 10)
    calls, real = [0], working_copy.erase_some

    class Killed(BaseException):
        pass

    def dies(db: Connection) -> bool:
        calls[0] += 1
        if calls[0] == 4:
            raise Killed
        return real(db)

    with filled(path) as copy, monkeypatch.context() as patched:
        patched.setattr(working_copy, "erase_some", dies)
        with pytest.raises(Killed):
            copy.erase([record_id(n) for n in range(100)], "after")
        assert copy.is_erasing and copy.history(record_id(99))
    with WorkingCopy(path, KEY, facts_of) as copy:
        assert (
            left(path, range(100)) == [] and not copy.is_erasing and copy.count() == COUNT - 100 + (COUNT - 100) // 10
        )


def _pages(file: bytes) -> list[bytes]:
    return [file[at : at + 4096] for at in range(0, len(file), 4096)]
