"""Errors of a database as `DatabaseUnavailable`: they name the database, and neither its URL nor any value."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL
from sqlalchemy import exc as sa

from registry.core.errors import DatabaseUnavailable
from registry.db.sqlite import TROUBLES

# The names of PEP 249, which all drivers use. An error that is none of these is a bug, and stays as it is.
_TROUBLE = {"DatabaseError", "InterfaceError", "InternalError", "OperationalError"}
_STANDARD = _TROUBLE | {"IntegrityError", "ProgrammingError", "DataError", "NotSupportedError"}
_DRIVERS = {"sqlite3", "psycopg"}


class Conflict(Exception):
    """A row was not kept, because a unique value of it is taken."""


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Raise `DatabaseUnavailable` for a database that is away, damaged, full or busy, and `Conflict`."""
    try:
        yield
    except sa.TimeoutError:
        raise DatabaseUnavailable(f"{named(url)} is busy: all connections are in use") from None
    except Exception as error:
        # SQLAlchemy wraps the driver's error. Where the driver is used directly, the error comes as it is.
        cause = error.orig if isinstance(error, sa.DBAPIError) else error
        kind = _kind(cause)
        if kind == "IntegrityError":
            raise Conflict from None
        if kind in _TROUBLE:
            raise _unavailable(url, cause) from None
        raise


def named(url: URL) -> str:
    """Return the words for a database in messages, without user, password or options."""
    if url.get_backend_name() == "sqlite":
        return f"the database {url.database}"
    return f"the PostgreSQL database {url.database or 'of this user'}"


def _kind(error: BaseException | None) -> str:
    """Return the driver's own name for the kind of an error, such as OperationalError; "" for other errors."""
    kinds = [each for each in type(error).__mro__ if each.__module__.split(".")[0] in _DRIVERS]
    standard = (each.__name__ for each in kinds if each.__name__ in _STANDARD)
    return next(standard, "")


def _unavailable(url: URL, error: BaseException | None) -> DatabaseUnavailable:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    why, advice = TROUBLES.get(code, (_first_line(error), None))
    return DatabaseUnavailable(f"{named(url)} cannot be used: {why}", advice)


def _first_line(error: BaseException | None) -> str:
    # Later lines of PostgreSQL's messages may hold values of rows.
    return next(iter(str(error).splitlines()), "no reason was given")
