"""The working copy of a vault: everything that is asked of it, in one class.

    copy = WorkingCopy.create(path, key, facts_of)
    copy.put(records, root)
    copy.search(parse('muller category:pd:Purchase after:2026'))

It can be lost at any moment. ``root`` is the CID of the index whose records it holds, "" while it is being filled; a
caller that finds another one puts what is missing, in any order and as often as it likes. `WorkingCopyLost` means: make
it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self
from uuid import UUID

from registry.core.errors import StorageSlow
from registry.core.sealed.records import Record
from registry.vault.copy.database import Database
from registry.vault.copy.query import Query
from registry.vault.copy.search import DECODE, MAX_PAGE, Page, find_page
from registry.vault.copy.sql import MAX_ROWS, MAX_SECONDS, Answer, run, views
from registry.vault.copy.stats import Stats, count_records
from registry.vault.copy.store import FactsOf, Line, erase_records, id_bytes, line_of, put_versions

PAGE = 20
# One transaction takes so many versions, or so many bytes of them.
MAX_PART, MAX_PART_BYTES = 20_000, 64 << 20
_AT_ONCE = 500
_ALL_PAGES = 1 << 30


class WorkingCopy:
    """The open copy. Many threads may use one, many processes one file; open it after a fork, not before."""

    def __init__(self, path: Path, key: bytes, facts_of: FactsOf) -> None:
        self._db, self._facts_of = Database(path, key), facts_of
        if self._meta("erasing"):
            # Where another process reads, or is erasing itself, the next one that opens the copy tries again.
            with suppress(StorageSlow):
                self._finish_erasing()

    @classmethod
    def create(cls, path: Path, key: bytes, facts_of: FactsOf) -> Self:
        """Make an empty copy, in place of what is there."""
        Database.create(path, key).close()
        return cls(path, key, facts_of)

    @property
    def root(self) -> str:
        """The CID of the index that this copy mirrors, "" while it is not complete."""
        return self._meta("root")

    def put(self, records: Iterable[Record], root: str, segments: Iterable[str] = ()) -> int:
        """Add versions of records; those that are known already change nothing. Return how many were new.

        From then on it mirrors ``root``, and `lacking` knows that it has these ``segments``. Many records take several
        transactions; if one of them fails, ``root`` is "", and the same call is due again.
        """
        parts = _parts(map(line_of, records))
        part, following, count = next(parts, []), next(parts, []), 0
        if not following:
            return self._put_part(part, root, segments)
        while following:
            count += self._put_part(part, "", ())
            part, following = following, next(parts, [])
        count += self._put_part(part, root, segments)
        self._merge_words()
        return count

    def erase(self, ids: Iterable[str], root: str) -> int:
        """Delete records with all their versions, and overwrite their bytes; return how many there were.

        It rewrites the whole file: seconds for hundreds of thousands of records. A process that dies meanwhile leaves
        it to the next one that opens the copy.
        """
        with self._db.writing() as db:
            count = erase_records(db, ids)
            self._note(root=root)
            if count:
                self._note(erasing="yes")
        if self._meta("erasing"):
            self._finish_erasing()
        return count

    def newest(self, id_: str) -> Record | None:
        """Return the newest version of a record, which may be a tombstone."""
        found = self.history(id_)
        return found[-1] if found else None

    def history(self, id_: str) -> list[Record]:
        """Return all versions of a record, oldest first."""
        query = "SELECT line FROM versions WHERE id = ? ORDER BY counter, home"
        return [DECODE(line) for (line,) in self._db.all(query, (id_bytes(id_),))]

    def ids_like(self, digits: str, limit: int) -> list[str]:
        """Return the ids of records, deleted ones too, that begin or end with these hex digits; at most ``limit``."""
        query = """SELECT id FROM versions WHERE id BETWEEN ? AND ? UNION
                   SELECT id FROM versions WHERE substr(hex(id), ?) = ? LIMIT ?"""
        ends = [bytes.fromhex(digits.ljust(32, fill)) for fill in "0f"]
        rows = self._db.all(query, (*ends, -len(digits), digits.upper(), limit))
        return [str(UUID(bytes=id_)) for (id_,) in rows]

    def lacking(self, segments: Iterable[str]) -> list[str]:
        """Return those of all segments of a vault (CIDs) whose versions were not put yet, and forget all others."""
        wanted = list(segments)
        with self._db.writing() as db:
            had = {cid for (cid,) in db.execute("SELECT cid FROM segments")}
            db.executemany("DELETE FROM segments WHERE cid = ?", ((cid,) for cid in had.difference(wanted)))
        return [cid for cid in wanted if cid not in had]

    def known(self, keys: Iterable[bytes]) -> dict[bytes, str]:
        """Return those keys of records that are known, with the ids of their records, deleted ones too."""
        wanted, found = list(keys), dict[bytes, str]()
        for at in range(0, len(wanted), _AT_ONCE):
            some = wanted[at : at + _AT_ONCE]
            query = f"SELECT key, id FROM keys WHERE key IN ({','.join('?' * len(some))})"  # noqa: S608
            found |= {key: str(UUID(bytes=id_)) for key, id_ in self._db.all(query, tuple(some))}
        return found

    def search(self, query: Query, limit: int = PAGE, cursor: str = "") -> Page:
        """Return a page of what a query finds, newest first. A page's cursor gives the next one."""
        with self._db.reading() as db:
            return find_page(db, query, limit, cursor)

    def select(self, query: Query) -> Iterator[Record]:
        """Yield everything that a query finds, newest first."""
        page = self.search(query, MAX_PAGE)
        yield from page.records
        while page.cursor:
            page = self.search(query, MAX_PAGE, page.cursor)
            yield from page.records

    def query(
        self, sql: str, schemas: Mapping[str, Iterable[str]], rows: int = MAX_ROWS, seconds: float = MAX_SECONDS
    ) -> Answer:
        """Run one SELECT of a person's own; ``schemas`` name the members of bodies, see `registry.vault.copy.sql`."""
        return run(self._db, sql, views(schemas), rows, seconds)

    def stats(self) -> Stats:
        """Count the records by category, source and year."""
        with self._db.reading() as db:
            return count_records(db)

    def versions(self) -> Iterator[Record]:
        """Yield all versions of all records: those of one record together, oldest first."""
        query = """SELECT id, counter, home, line FROM versions WHERE (id, counter, home) > (?, ?, ?)
                   ORDER BY id, counter, home LIMIT ?"""
        last: tuple[bytes, int, bytes] = (b"", 0, b"")
        while rows := self._db.all(query, (*last, MAX_PAGE)):
            last = rows[-1][:3]
            yield from (DECODE(line) for *_, line in rows)

    def check(self) -> None:
        """Read the whole file: `WorkingCopyLost` if a page was altered, or if words and records do not fit."""
        self._db.check()

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _put_part(self, part: list[Line], root: str, segments: Iterable[str]) -> int:
        with self._db.writing() as db:
            count = put_versions(db, part, self._facts_of)
            db.executemany("INSERT OR IGNORE INTO segments VALUES (?)", ((cid,) for cid in segments))
            self._note(root=root)
        return count

    def _merge_words(self) -> None:
        # Each transaction left parts of the full-text index. Merged later, one small edit would pay for them all.
        # Parts of one size are merged with each other, so that a large one is not written again for a small one.
        with self._db.writing() as db:
            for command, value in (("usermerge", 2), ("merge", _ALL_PAGES)):
                db.execute("INSERT INTO words (words, rank) VALUES (?, ?)", (command, value))

    def _finish_erasing(self) -> None:
        # Until it is optimised, the full-text index holds deleted words in parts that were not written again, and
        # SQLite leaves copies of rows in pages where they stood before.
        with self._db.writing() as db:
            db.execute("INSERT INTO words (words) VALUES ('optimize')")
        self._db.rewrite()
        self._note(erasing="")

    def _meta(self, name: str) -> str:
        value: str = self._db.one("SELECT value FROM meta WHERE name = ?", (name,))[0]
        return value

    def _note(self, **values: str) -> None:
        for name, value in values.items():
            self._db.all("UPDATE meta SET value = ? WHERE name = ?", (value, name))


def _parts(lines: Iterable[Line]) -> Iterator[list[Line]]:
    part, size = list[Line](), 0
    for line in lines:
        part.append(line)
        size += len(line.text)
        if len(part) == MAX_PART or size >= MAX_PART_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part
