"""What a working copy holds, listed: ids, versions, files, segments."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from uuid import UUID

from registry.core.sealed.records import FileRef, Record
from registry.vault.copy.database import Database
from registry.vault.copy.search import DECODE, MAX_PAGE
from registry.vault.copy.store import id_bytes

_IDS = "SELECT DISTINCT id FROM versions WHERE id > ? ORDER BY id LIMIT ?"
_IDS_AT_ONCE = 10_000
_TWINS = """SELECT key, id FROM keys WHERE key IN (SELECT key FROM keys GROUP BY key HAVING count(*) > 1)
            ORDER BY key, id"""
_DELETED = """SELECT id FROM versions d WHERE json_extract(line, '$.deleted') = 1 AND NOT EXISTS (
              SELECT 1 FROM versions l WHERE l.id = d.id AND (l.counter, l.home) > (d.counter, d.home))"""


class Listing:
    """The part of a working copy that lists what it holds."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def ids(self) -> Iterator[str]:
        """Yield the ids of all records, deleted ones too."""
        last = b""
        while rows := self._db.all(_IDS, (last, _IDS_AT_ONCE)):
            last = rows[-1][0]
            yield from (str(UUID(bytes=id_)) for (id_,) in rows)

    def ids_like(self, digits: str, limit: int) -> list[str]:
        """Return the ids of records, deleted ones too, that begin or end with these hex digits; at most ``limit``."""
        query = """SELECT id FROM versions WHERE id BETWEEN ? AND ? UNION
                   SELECT id FROM versions WHERE substr(hex(id), ?) = ? LIMIT ?"""
        ends = [bytes.fromhex(digits.ljust(32, fill)) for fill in "0f"]
        rows = self._db.all(query, (*ends, -len(digits), digits.upper(), limit))
        return [str(UUID(bytes=id_)) for (id_,) in rows]

    def ids_of(self, category: str) -> Iterator[str]:
        """Yield the ids of the records of a category, deleted ones too."""
        query = "SELECT DISTINCT id FROM versions WHERE json_extract(line, '$.category') = ?"
        yield from (str(UUID(bytes=id_)) for (id_,) in self._db.all(query, (category,)))

    def files(self) -> Iterator[tuple[str, FileRef]]:
        """Yield each file that is sealed apart, with the id of its record, for every version that names it."""
        for (line,) in self._db.all("SELECT line FROM versions WHERE json_extract(line, '$.file.cid') IS NOT NULL"):
            record = DECODE(line)
            if record.file is not None:
                yield record.id, record.file

    def twin_ids(self) -> Iterator[list[str]]:
        """Yield the ids of the records of each key that several have, sorted; deleted and withheld ones too."""
        for _, group in groupby(self._db.all(_TWINS), key=lambda row: row[0]):
            yield [str(UUID(bytes=id_)) for _, id_ in group]

    def restricted(self) -> set[str]:
        """Return the ids of the records that are withheld."""
        return {str(UUID(bytes=id_)) for (id_,) in self._db.all("SELECT id FROM restricted")}

    def deleted(self) -> set[str]:
        """Return the ids of the records whose newest version is a tombstone."""
        return {str(UUID(bytes=id_)) for (id_,) in self._db.all(_DELETED)}

    def holds_text(self, text: str) -> bool:
        """Whether a line of any version holds this text."""
        return self._db.one("SELECT 1 FROM versions WHERE instr(line, ?) LIMIT 1", (text,)) is not None

    def segments(self) -> list[str]:
        """Return the segments (CIDs) whose versions were put."""
        return [cid for (cid,) in self._db.all("SELECT cid FROM segments")]

    def categories(self) -> list[str]:
        """Return the categories of all versions."""
        query = "SELECT DISTINCT json_extract(line, '$.category') AS c FROM versions WHERE c IS NOT NULL ORDER BY c"
        return [category for (category,) in self._db.all(query)]

    def versions_of(self, category: str) -> Iterator[Record]:
        """Yield all versions of the records of a category, their tombstones too."""
        for id_ in self.ids_of(category):
            yield from self.history(id_)

    def count(self) -> int:
        """Return how many versions the copy has."""
        count: int = self._db.one("SELECT count(*) FROM versions")[0]
        return count

    def history(self, id_: str) -> list[Record]:
        """Return all versions of a record, oldest first."""
        query = "SELECT line FROM versions WHERE id = ? ORDER BY counter, home"
        return [DECODE(line) for (line,) in self._db.all(query, (id_bytes(id_),))]

    def newest(self, id_: str) -> Record | None:
        """Return the newest version of a record, which may be a tombstone."""
        found = self.history(id_)
        return found[-1] if found else None

    def versions(self) -> Iterator[Record]:
        """Yield all versions of all records: those of one record together, oldest first."""
        query = """SELECT id, counter, home, line FROM versions WHERE (id, counter, home) > (?, ?, ?)
                   ORDER BY id, counter, home LIMIT ?"""
        last: tuple[bytes, int, bytes] = (b"", 0, b"")
        while rows := self._db.all(query, (*last, MAX_PAGE)):
            last = rows[-1][:3]
            yield from (DECODE(line) for *_, line in rows)
