"""Errors of a database as `DatabaseUnavailable`: they name the database, and neither its URL nor any value."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL
from sqlalchemy import exc as sa

from registry.core.errors import DatabaseUnavailable

_MESSAGES = {
    sqlite3.SQLITE_FULL: ("its disk is full", "Free some space, then try again."),
    sqlite3.SQLITE_NOTADB: ("the file is not a database", "Restore it from a back-up, or name another file."),
    sqlite3.SQLITE_CORRUPT: ("the file is damaged", "Restore it from a back-up."),
    sqlite3.SQLITE_READONLY: ("the file is read-only", "Make the file and its folder writable for this user."),
    sqlite3.SQLITE_BUSY: ("another process keeps it locked", "Try again when that process is done."),
    sqlite3.SQLITE_CANTOPEN: ("the file cannot be opened", "Check the path and this user's rights to its folder."),
    sqlite3.SQLITE_IOERR: ("its disk failed", "Check the disk, then try again."),
}


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Raise `DatabaseUnavailable` for what a database away, damaged or full raises; other errors are bugs, and stay."""
    try:
        yield
    except (sa.IntegrityError, sa.ProgrammingError):
        raise
    except sa.DBAPIError as error:
        raise _unavailable(url, error.orig) from None
    except sa.TimeoutError:
        raise DatabaseUnavailable(f"{named(url)} is busy: all connections are in use") from None
    except Exception as error:
        # Drivers that are used directly raise their own errors.
        if not _is_trouble(error):
            raise
        raise _unavailable(url, error) from None


def named(url: URL) -> str:
    """Return the words for a database in messages, without user, password or options."""
    if url.get_backend_name() == "sqlite":
        return f"the database {url.database}"
    return f"the PostgreSQL database {url.database or 'of this user'}"


def _is_trouble(error: Exception) -> bool:
    if isinstance(error, sqlite3.DatabaseError):
        return not isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError)
    module = type(error).__module__.split(".")[0]
    return module == "psycopg" and any(kind.__name__ == "OperationalError" for kind in type(error).__mro__)


def _unavailable(url: URL, error: BaseException | None) -> DatabaseUnavailable:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    why, advice = _MESSAGES.get(code, (_first_line(error), None))
    return DatabaseUnavailable(f"{named(url)} cannot be used: {why}", advice)


def _first_line(error: BaseException | None) -> str:
    # Later lines of PostgreSQL's messages may hold values of rows.
    return next(iter(str(error).splitlines()), "no reason was given")
