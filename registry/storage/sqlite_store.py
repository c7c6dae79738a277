"""The embedded block store: one SQLite file with the same identifiers as IPFS."""

from __future__ import annotations

import glob
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from registry.core.errors import StorageFull, StorageSlow, StorageUnavailable
from registry.core.ipld.cid import Block, digest_of_cid
from registry.db.sqlite import TROUBLES, write_ahead
from registry.fs.files import make_private_file
from registry.storage.base import StoreStat, batches, check_homes, check_name, checked

# A longer `put` is committed in parts of this size, which bounds memory and the write-ahead log.
MAX_COMMIT_BYTES = 64 << 20
BUSY_SECONDS = 30.0
# Erased rows give their space back when they take this many bytes, and more than the kept ones.
COMPACT_BYTES = 16 << 20

_APPLICATION_ID = 0x43524231  # "CRB1"
_PAGE_BYTES = 32768  # holds a dozen sealed records; pages of 4,096 would stay a third empty
_MODE = 0o600
_SCHEMA = (
    """CREATE TABLE blocks (id INTEGER PRIMARY KEY, live INTEGER NOT NULL, digest BLOB NOT NULL,
                            size INTEGER NOT NULL, data BLOB NOT NULL)""",
    # The sizes are in the indexes, so neither `stat` nor `delete` reads the pages of the data.
    "CREATE UNIQUE INDEX live_blocks ON blocks (digest, size) WHERE live = 1",
    "CREATE INDEX erased_blocks ON blocks (size) WHERE live = 0",
    f"PRAGMA application_id = {_APPLICATION_ID}",
)
# Made where it is missing: stores of before had no names.
_NAMES_TABLE = """CREATE TABLE IF NOT EXISTS names (name TEXT NOT NULL, home TEXT NOT NULL, data BLOB NOT NULL,
                                                  PRIMARY KEY (name, home)) WITHOUT ROWID"""
_NAMES = "SELECT home, data FROM names WHERE name = ?"
_SET_NAME = "INSERT OR REPLACE INTO names VALUES (?, ?, ?)"
_DROP_NAME = "DELETE FROM names WHERE name = ? AND home = ?"
# A damaged row heals when its block is put again.
_PUT = """INSERT INTO blocks (live, digest, size, data) VALUES (1, ?, ?, ?)
          ON CONFLICT (digest, size) WHERE live = 1
          DO UPDATE SET data = excluded.data WHERE data != excluded.data"""
_GET = "SELECT CAST(data AS BLOB) FROM blocks WHERE live = 1 AND digest = ?"
_HAS = "SELECT 1 FROM blocks WHERE live = 1 AND digest = ?"
_STAT = "SELECT count(*), coalesce(sum(size), 0) FROM blocks WHERE live = 1"
# Rows are zeroed in place, not deleted: a DELETE makes SQLite move the neighbours between pages, and `secure_delete`
# does not clear the place that a moved row leaves.
_ERASE = """UPDATE blocks SET live = 0, digest = zeroblob(32), data = zeroblob(length(data))
            WHERE live = 1 AND digest = ?"""
# The kept rows are copied into a new table; dropping the old one clears whole pages.
_REBUILD = (
    "DROP INDEX live_blocks",
    "DROP INDEX erased_blocks",
    "ALTER TABLE blocks RENAME TO erased",
    _SCHEMA[0],
    "INSERT INTO blocks SELECT * FROM erased WHERE live = 1 ORDER BY id",
    *_SCHEMA[1:3],
    "DROP TABLE erased",
)
_ERASED = "SELECT coalesce(sum(size), 0) FROM blocks WHERE live = 0"
_MESSAGES = TROUBLES | {
    sqlite3.SQLITE_NOTADB: ("the file is not a block store", "Give the path of a block store or of a new file."),
    sqlite3.SQLITE_CORRUPT: ("the file is damaged", "Restore it from a backup; blocks can be put again."),
}
_KINDS = {sqlite3.SQLITE_FULL: StorageFull, sqlite3.SQLITE_BUSY: StorageSlow}


class SqliteBlocks:
    """A BlockStore in the file ``path``, made if missing, with mode 0600; its folder must exist.

    Many processes may use one file, and many threads one instance; open it after a fork, not before.
    ``busy_seconds`` bounds the wait for another writer. Erased blocks are overwritten in the file and its log. Copies
    of their digests may stay in an index page, and copies of their bytes wherever the file system or disk keeps some.
    """

    def __init__(self, path: str | os.PathLike[str], busy_seconds: float = BUSY_SECONDS) -> None:
        self._path = Path(path)
        self._lock = threading.RLock()
        with self._translated():
            self._db = self._open(busy_seconds)

    def put(self, blocks: Iterable[Block], *, public: bool = False) -> None:
        # Blocks are collected before each commit: a slow iterator must not lock other writers out.
        for batch in batches(blocks, MAX_COMMIT_BYTES):
            with self._writing() as db:
                db.executemany(_PUT, ((digest, len(data), data) for digest, data in batch.items()))

    def get(self, cid: str) -> bytes:
        row = self._fetch_one(_GET, (digest_of_cid(cid),))
        if row is None:
            raise StorageUnavailable(f"the block store {self._path} does not hold {cid}")
        return checked(cid, row[0])

    def reader(self, root: str) -> Callable[[str], bytes]:
        return self.get

    def has(self, cid: str) -> bool:
        return self._fetch_one(_HAS, (digest_of_cid(cid),)) is not None

    def delete(self, cids: Iterable[str]) -> None:
        digests = [(digest_of_cid(cid),) for cid in cids]
        with self._writing() as db:
            db.executemany(_ERASE, digests)
        self._compact()
        self._empty_log()

    def stat(self) -> StoreStat:
        return StoreStat(*self._fetch_one(_STAT))

    def names(self, name: str) -> dict[str, bytes]:
        check_name(name)
        with self._lock, self._translated():
            return dict(self._db.execute(_NAMES, (name,)).fetchall())

    def set_name(self, name: str, home: str, data: bytes | None) -> None:
        check_name(name, home, data)
        with self._writing() as db:
            if data is None:
                db.execute(_DROP_NAME, (name, home))
            else:
                check_homes([home, *(other for other, _ in db.execute(_NAMES, (name,)))])
                db.execute(_SET_NAME, (name, home, data))

    def close(self) -> None:
        """Close the file; every later call is StorageUnavailable. May be called twice."""
        with self._lock:
            self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, busy_seconds: float) -> sqlite3.Connection:
        # SQLite gives its log the mode of the file, so creating the file here makes both private from the first byte.
        make_private_file(self._path)
        db = sqlite3.connect(self._path, busy_seconds, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(db)
            write_ahead(db, busy_seconds)
        except BaseException:
            db.close()
            raise
        return db

    def _prepare(self, db: sqlite3.Connection) -> None:
        # SQLite takes a page size only while the file is empty, and only before the journal mode is set.
        db.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        with db:
            db.execute("BEGIN IMMEDIATE")
            if db.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
                if db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                    raise self._unavailable(sqlite3.SQLITE_NOTADB)
                for statement in _SCHEMA:
                    db.execute(statement)
            db.execute(_NAMES_TABLE)
        _make_private(self._path)
        for setting in ("synchronous = FULL", "secure_delete = ON"):
            db.execute(f"PRAGMA {setting}").fetchall()

    def _fetch_one(self, query: str, values: tuple[bytes, ...] = ()) -> Any:
        with self._lock, self._translated():
            return self._db.execute(query, values).fetchone()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._translated(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            yield self._db

    def _compact(self) -> None:
        if self._fetch_one(_ERASED)[0] < max(COMPACT_BYTES, self.stat().bytes):
            return
        with self._writing() as db:
            for statement in _REBUILD:
                db.execute(statement)
        # Without it the file merely stays long: its free pages are zeroed and will be reused.
        with suppress(StorageUnavailable):
            self._fetch_one("VACUUM")

    def _empty_log(self) -> None:
        # The log keeps older versions of the pages, with the erased bytes, until it is truncated.
        is_busy, *_ = self._fetch_one("PRAGMA wal_checkpoint(TRUNCATE)")
        if is_busy:
            raise StorageUnavailable(
                f"the blocks are deleted, but the log of {self._path} still holds them: another process is reading",
                "Delete them again when that process is done.",
            )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._unavailable(getattr(error, "sqlite_errorcode", 0) & 0xFF, str(error)) from error
        except OSError as error:
            raise self._unavailable(sqlite3.SQLITE_CANTOPEN) from error

    def _unavailable(self, code: int, reason: str = "") -> StorageUnavailable:
        why, advice = _MESSAGES.get(code, (reason, None))
        return _KINDS.get(code, StorageUnavailable)(f"the block store {self._path} cannot be used: {why}", advice)


def _make_private(path: Path) -> None:
    for each in (path, *path.parent.glob(f"{glob.escape(path.name)}-[sw]*")):
        # The last process that closes the file may remove its log at any moment. Some disks have no modes (exFAT).
        with suppress(OSError):
            if (mode := each.stat().st_mode) & 0o077:
                each.chmod(mode & _MODE)
