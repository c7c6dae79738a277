"""The working copy of a vault: everything that is asked of it, in one class.

    copy = WorkingCopy.create(path, key, facts_of)
    copy.put(records, root)
    copy.search(parse('muller category:pd:Purchase after:2026'))

It can be lost at any moment. ``root`` is the CID of the index whose records it holds, "" while it is being filled; a
caller that finds another one puts what is missing, in any order and as often as it likes. `WorkingCopyLost` means: make
it again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self
from uuid import UUID

from registry.core.errors import StorageSlow
from registry.core.sealed.records import Record
from registry.vault.copy.database import Database
from registry.vault.copy.erasing import erase_content, erase_some, note_gone, restrict
from registry.vault.copy.listing import Listing
from registry.vault.copy.pages import Looked
from registry.vault.copy.query import Query
from registry.vault.copy.search import MAX_PAGE, Page, find_older, find_page
from registry.vault.copy.sql import MAX_ROWS, MAX_SECONDS, Answer, run, views
from registry.vault.copy.stats import Stats, count_records
from registry.vault.copy.store import FactsOf, Line, line_of, put_versions

PAGE = 20
# One transaction takes so many versions, or so many bytes of them.
MAX_PART, MAX_PART_BYTES = 20_000, 64 << 20
_AT_ONCE = 500
_ALL_PAGES = 1 << 30


class WorkingCopy(Listing):
    """The open copy. Many threads may use one, many processes one file; open it after a fork, not before."""

    def __init__(self, path: Path, key: bytes, facts_of: FactsOf) -> None:
        super().__init__(Database(path, key))
        self._facts_of = facts_of
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
    def is_lost(self) -> bool:
        """Whether a page of it was found to be damaged, so that it has to be made again."""
        return self._db.is_lost

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
            count = note_gone(db, ids)
            self._note(root=root)
            if count:
                self._note(erasing="yes")
        if self._meta("erasing"):
            self._finish_erasing()
        return count

    def erase_content(self, ids: Iterable[str]) -> int:
        """Erase like `erase` what deleted records held, and keep their tombstones; return how many versions went."""
        with self._db.writing() as db:
            if count := erase_content(db, ids):
                self._note(erasing="yes")
        if self._meta("erasing"):
            self._finish_erasing()
        return count

    def follow(self, restricted: Iterable[str], book: str, marks: str) -> None:
        """Withhold exactly these records from what is searched and shared.

        ``book`` is the CID of the book that says so, ``marks`` a digest of what it marks as shredded.
        """
        with self._db.writing() as db:
            restrict(db, restricted, self._facts_of)
            self._note(book=book, marks=marks)

    @property
    def book(self) -> str:
        """The CID of the book that was followed last, "" for none."""
        return self._meta("book")

    @property
    def marks(self) -> str:
        """The digest of the marks that were followed last, "" for none."""
        return self._meta("marks")

    @property
    def is_erasing(self) -> bool:
        """Whether bytes of erased records are left, because another process read, or died."""
        return bool(self._meta("erasing"))

    def lacking(self, segments: Iterable[str]) -> list[str]:
        """Return those of all segments of a vault (CIDs) whose versions were not put yet, and forget all others."""
        wanted = list(segments)
        with self._db.writing() as db:
            had = {cid for (cid,) in db.execute("SELECT cid FROM segments")}
            db.executemany("DELETE FROM segments WHERE cid = ?", ((cid,) for cid in had.difference(wanted)))
        return [cid for cid in wanted if cid not in had]

    def known(self, keys: Iterable[bytes]) -> dict[bytes, str]:
        """Return those keys of records that are known, with the ids of their records, deleted ones too.

        Of several records with one key it is the first that was not deleted.
        """
        wanted, found = list(keys), dict[bytes, list[bytes]]()
        for at in range(0, len(wanted), _AT_ONCE):
            some = wanted[at : at + _AT_ONCE]
            query = f"SELECT key, id FROM keys WHERE key IN ({','.join('?' * len(some))}) ORDER BY key, id"  # noqa: S608
            for key, id_ in self._db.all(query, tuple(some)):
                found.setdefault(key, []).append(id_)
        return {key: self._first_alive([str(UUID(bytes=id_)) for id_ in ids]) for key, ids in found.items()}

    def search(self, query: Query, limit: int = PAGE, cursor: str = "") -> Page:
        """Return a page of what a query finds, newest first. A page's cursor gives the next one."""
        with self._db.reading() as db:
            return find_page(db, query, limit, cursor)

    def select(self, query: Query) -> Iterator[Record]:
        """Yield everything that a query finds, newest first."""
        place: int | None = None
        while True:
            # A transaction for each part: whoever adds records does not wait until the last one was taken.
            with self._db.reading() as db:
                records, place = find_older(db, query, MAX_PAGE, place)
            yield from records
            if place is None:
                return

    def query(
        self, sql: str, schemas: Mapping[str, Iterable[str]], rows: int = MAX_ROWS, seconds: float = MAX_SECONDS
    ) -> Answer:
        """Run one SELECT of a person's own; ``schemas`` name the members of bodies, see `registry.vault.copy.sql`."""
        return run(self._db, sql, views(schemas), rows, seconds)

    def stats(self) -> Stats:
        """Count the records by category, source and year."""
        with self._db.reading() as db:
            return count_records(db)

    def check(self) -> None:
        """Read the whole file: `WorkingCopyLost` if a page was altered, or if words and records do not fit."""
        self._db.check()

    def look_for(self, traces: Collection[bytes]) -> Looked:
        """Look for byte strings in the decrypted pages of the file and its log."""
        return self._db.look_for(traces)

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _first_alive(self, ids: list[str]) -> str:
        if len(ids) == 1:
            return ids[0]
        return next((one for one in ids if (newest := self.newest(one)) and not newest.deleted), ids[0])

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
        is_going_on = True
        while is_going_on:
            with self._db.writing() as db:
                is_going_on = erase_some(db)
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
