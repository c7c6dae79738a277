"""The file of a working copy: opened with its key, private, written in transactions, every trouble named.

What is wrong with the file itself raises `WorkingCopyLost`, whatever it is: the copy is a cache, and is made again.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from registry.core.errors import InvalidInput, StorageFull, StorageSlow, StorageUnavailable, WorkingCopyLost
from registry.db.sqlite import TROUBLES
from registry.fs.files import file_lock, make_folder, writing
from registry.vault.copy.pages import Looked, look_for
from registry.vault.copy.tables import FORMAT, SCHEMA

if TYPE_CHECKING:
    from sqlcipher3.dbapi2 import Connection

KEY_BYTES = 32
BUSY_SECONDS = 30.0
CACHE_KIB, REWRITE_KIB = 65_536, 8_192
_MODE = 0o600
# Marks a file of which a page is damaged, so that whoever opens it next makes it again.
_LOST = ".lost"
_LOCK_SECONDS = 60
# SQLite's codes.
_BUSY, _LOCKED, _READONLY, _CORRUPT, _FULL, _CANTOPEN, _NOTADB = 5, 6, 8, 11, 13, 14, 26
# Troubles of the machine, which making the copy again would not mend.
_OF_THE_MACHINE = {
    _BUSY: StorageSlow,
    _LOCKED: StorageSlow,
    _READONLY: StorageUnavailable,
    _CANTOPEN: StorageUnavailable,
    _FULL: StorageFull,
}


class Database:
    """The open file. Many threads may use one, many processes one file; open it after a fork, not before."""

    def __init__(self, path: Path, key: bytes) -> None:
        self.path, self._key, self._lock = path, _checked(key), threading.RLock()
        if not path.exists():
            raise WorkingCopyLost(f"there is no working copy {path}")
        if self.is_lost:
            raise WorkingCopyLost(f"the working copy {path} was found to be damaged")
        with self.translated():
            self._db = self._open()

    @classmethod
    def create(cls, path: Path, key: bytes) -> Self:
        """Make an empty copy, in place of what is there. ``InvalidInput`` if the folder takes no files."""
        _checked(key)
        with writing(path):
            make_folder(path.parent)
            with file_lock(path.with_name(f"{path.name}.lock"), _LOCK_SECONDS):
                # A log that stays would be played back into the new file.
                for suffix in ("-wal", "-shm", "", _LOST):
                    path.with_name(path.name + suffix).unlink(missing_ok=True)
                # SQLite gives its log the mode of the file, so this makes both private from the first byte.
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _MODE))
                _fill(path, key)
        return cls(path, key)

    @property
    def is_lost(self) -> bool:
        """Whether a page of the file was found to be damaged since it was made: every read of that page fails."""
        return self.path.with_name(self.path.name + _LOST).exists()

    def all(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """Return all rows of a query."""
        with self._lock, self.translated():
            return list(self._db.execute(query, values))

    def one(self, query: str, values: tuple[Any, ...] = ()) -> Any:
        """Return the first row of a query, or None."""
        with self._lock, self.translated():
            return self._db.execute(query, values).fetchone()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield the connection in a transaction, so that several queries see one state."""
        with self._transaction("DEFERRED") as db:
            yield db

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield the connection in a transaction that is committed if the block ends well, and undone otherwise."""
        with self._transaction("IMMEDIATE") as db:
            yield db

    def rewrite(self) -> None:
        """Write the whole file anew and empty its log, so that no byte of deleted rows is left in either."""
        # SQLite keeps a temporary copy, which SQLCipher encrypts. Its default is memory, as much as the whole file has.
        for setting in ("temp_store = FILE", f"cache_size = -{REWRITE_KIB}"):
            self.all(f"PRAGMA {setting}")
        try:
            self.all("VACUUM")
        finally:
            self.all(f"PRAGMA cache_size = -{CACHE_KIB}")
        is_busy, *_ = self.one("PRAGMA wal_checkpoint(TRUNCATE)")
        if is_busy:
            what = f"the log of {self.path} still holds erased records: another process is reading"
            raise StorageSlow(what, "Erase them again when that process is done.")

    def check(self) -> None:
        """Raise `WorkingCopyLost` if a page was altered, a table is damaged, or the full-text index has gaps."""
        if faults := self.all("PRAGMA cipher_integrity_check"):
            raise WorkingCopyLost(f"the working copy {self.path} is damaged: {faults[0][0]}")
        if (result := self.one("PRAGMA integrity_check(1)")[0]) != "ok":
            raise WorkingCopyLost(f"the working copy {self.path} is damaged: {result}")
        self.all("INSERT INTO words (words) VALUES ('integrity-check')")
        records, indexed = self.one("SELECT (SELECT count(*) FROM records), (SELECT count(*) FROM words_docsize)")
        if records != indexed:
            raise WorkingCopyLost(f"the working copy {self.path} has {records:,} records and an index of {indexed:,}")

    def look_for(self, traces: Collection[bytes]) -> Looked:
        """Look for byte strings in the decrypted pages; see `registry.vault.copy.pages`."""
        with self._lock, self.translated():
            return look_for(self.path, self._key, traces)

    def close(self) -> None:
        """Close the file; later calls are `WorkingCopyLost`. May be called twice."""
        with self._lock:
            self._db.close()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn errors of SQLite into ours."""
        from sqlcipher3 import dbapi2

        try:
            yield
        except (dbapi2.Error, OSError) as error:
            raise _explained(self.path, error) from error

    def second_connection(self) -> Connection:
        """Open the file once more, for a caller that needs settings of its own and closes it."""
        return _connect(self.path, self._key)

    @contextmanager
    def _transaction(self, kind: str) -> Iterator[Connection]:
        with self._lock, self.translated():
            self._db.execute(f"BEGIN {kind}")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                # A full disk has ended the transaction already.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _open(self) -> Connection:
        db = _connect(self.path, self._key)
        try:
            rows = dict(db.execute("SELECT name, value FROM meta").fetchall())
            if rows.get("format") != FORMAT or rows.get("vault") != _vault_name(self._key):
                raise WorkingCopyLost(f"the working copy {self.path} is another vault's, or of another version")
            with suppress(OSError):  # some disks have no modes (exFAT)
                self.path.chmod(_MODE)
        except BaseException:
            db.close()
            raise
        return db


def _checked(key: bytes) -> bytes:
    if len(key) != KEY_BYTES:
        raise InvalidInput(f"the key of a working copy has {KEY_BYTES} bytes, not {len(key)}")
    return key


def _vault_name(key: bytes) -> str:
    return hmac.new(key, b"working copy", hashlib.sha256).hexdigest()


def _connect(path: Path, key: bytes) -> Connection:
    from sqlcipher3 import dbapi2

    db = dbapi2.connect(os.fspath(path), BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        # First, or a wrong key makes SQLCipher write to stderr.
        db.execute("PRAGMA cipher_log_level = NONE")
        db.execute(f"""PRAGMA key = "x'{key.hex()}'" """)
        # What a power cut takes of a cache is put again, so commits need not wait for the disk.
        for setting in ("synchronous = NORMAL", "secure_delete = ON", f"cache_size = -{CACHE_KIB}"):
            db.execute(f"PRAGMA {setting}").fetchall()
    except BaseException:
        db.close()
        raise
    return db


def _fill(path: Path, key: bytes) -> None:
    db = _connect(path, key)
    try:
        db.execute("PRAGMA journal_mode = WAL").fetchall()
        db.execute("BEGIN IMMEDIATE")
        for statement in SCHEMA:
            db.execute(statement)
        rows = {
            "format": FORMAT,
            "vault": _vault_name(key),
            "root": "",
            "spill": "0",
            "erasing": "",
            "book": "",
            "marks": "",
        }
        db.executemany("INSERT INTO meta VALUES (?, ?)", rows.items())
        db.execute("COMMIT")
    finally:
        db.close()


def _explained(path: Path, error: Exception) -> Exception:
    code = _CANTOPEN if isinstance(error, OSError) else getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (_CORRUPT, _NOTADB):
        with suppress(OSError):
            path.with_name(path.name + _LOST).touch(_MODE)
    if code not in _OF_THE_MACHINE:
        return WorkingCopyLost(f"the working copy {path} cannot be used: {error}")
    why, advice = TROUBLES.get(code, TROUBLES[_BUSY])
    return _OF_THE_MACHINE[code](f"the working copy {path} cannot be used: {why}", advice)
