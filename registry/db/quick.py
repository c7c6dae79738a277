"""Short questions that are asked hundreds of times a second, without SQLAlchemy's work for each of them."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine

from registry.db.engine import autocommitting, driver_of, is_sqlite, retrying
from registry.db.errors import translated

_CACHE_KB = 16_384
# Nobody locks readers out for long: writers do not, and only a crash is repaired under a lock.
_BUSY_MS = 1_000


class QuickReader:
    """Reads rows by the driver's own connection. Safe for threads. A query has the placeholders of its database."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._lock = engine, threading.Lock()
        self._own: sqlite3.Connection | None = None

    @property
    def is_instant(self) -> bool:
        """Whether an answer takes microseconds, so that an event loop may ask: a SQLite file, and no server."""
        return is_sqlite(self._engine)

    def rows(self, query: str, values: Sequence[Any]) -> Sequence[Any]:
        """Return all rows of a query. `DatabaseUnavailable` where the database cannot be used."""
        if is_sqlite(self._engine):
            return self._from_file(query, values)
        return retrying(self._engine, lambda: self._from_server(query, values))

    def _from_server(self, query: str, values: Sequence[Any]) -> Sequence[Any]:
        with autocommitting(self._engine) as connection:
            found: Sequence[Any] = driver_of(connection).execute(query, values, prepare=True).fetchall()
        return found

    def _from_file(self, query: str, values: Sequence[Any]) -> Sequence[Any]:
        with self._lock, translated(self._engine.url):
            if self._own is None:
                self._own = self._connect()
            return self._own.execute(query, values).fetchall()

    def _connect(self) -> sqlite3.Connection:
        connection = self._engine.raw_connection()
        own: sqlite3.Connection = connection.driver_connection  # type: ignore[assignment]  # a SQLite engine's
        connection.detach()
        own.execute(f"PRAGMA busy_timeout = {_BUSY_MS}").fetchall()
        own.execute(f"PRAGMA cache_size = -{_CACHE_KB}").fetchall()
        return own
