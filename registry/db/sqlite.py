"""What all our SQLite files have in common. It needs no other library, so that stores without an engine use it too."""

from __future__ import annotations

import sqlite3
import time

PAUSE = 0.01
# Why a file cannot be used, and what to do, by SQLite's code.
TROUBLES = {
    sqlite3.SQLITE_FULL: ("its disk is full", "Free some space, then try again."),
    sqlite3.SQLITE_NOTADB: ("the file is not a database", "Restore it from a back-up, or name another file."),
    sqlite3.SQLITE_CORRUPT: ("the file is damaged", "Restore it from a back-up."),
    sqlite3.SQLITE_READONLY: ("the file is read-only", "Make the file and its folder writable for this user."),
    sqlite3.SQLITE_BUSY: ("another process keeps it locked", "Try again when that process is done."),
    sqlite3.SQLITE_CANTOPEN: ("the file cannot be opened", "Check the path and this user's rights to its folder."),
    sqlite3.SQLITE_IOERR: ("its disk failed", "Check the disk, then try again."),
}


def write_ahead(db: sqlite3.Connection, busy_seconds: float) -> None:
    """Switch to write-ahead logging. SQLite itself does not wait for another process that is switching."""
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL").fetchall()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(PAUSE)
