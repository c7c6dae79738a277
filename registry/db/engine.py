"""Engines of SQLAlchemy for a SQLite file or a PostgreSQL URL, and transactions that raise our own errors."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from registry.core.errors import DatabaseUnavailable, InvalidInput
from registry.db.errors import translated
from registry.db.sqlite import write_ahead
from registry.fs.files import make_private_file

T = TypeVar("T")
BUSY_SECONDS = 30.0
# How long idempotent work is tried again while PostgreSQL restarts.
RETRY_SECONDS = 5.0
_PAUSE = 0.05
# A PostgreSQL server takes 100 connections unless it is told otherwise, for all processes together.
_POOL: dict[str, Any] = {"pool_size": 5, "max_overflow": 10, "pool_timeout": 10, "hide_parameters": True}
_KEEPALIVES = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}


def open_engine(where: Path | str, *, overwrites: bool = False) -> Engine:
    """Return the engine for a SQLite file (made with mode 0600; its folder must exist) or a ``postgresql://`` URL.

    A commit on SQLite is durable when it returns. With ``overwrites`` SQLite puts zeros where it deletes.
    Nothing is asked of a PostgreSQL server yet.
    """
    return _postgres(where) if isinstance(where, str) else _sqlite(where, overwrites)


def is_sqlite(engine: Engine) -> bool:
    """Return whether the engine's database is a SQLite file."""
    return engine.dialect.name == "sqlite"


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yield a connection to read with; SQLite's writers never wait for it. Each statement sees the newest commits."""
    if is_sqlite(engine):
        with translated(engine.url), engine.connect() as connection:
            yield connection
    else:
        # A transaction would cost two more round trips.
        with autocommitting(engine) as connection:
            yield connection


@contextmanager
def autocommitting(engine: Engine) -> Iterator[Connection]:
    """Yield a connection to PostgreSQL on which each statement is a transaction of its own: one round trip for it."""
    with translated(engine.url), engine.connect() as connection, _dropped_if_lost(connection):
        yield connection


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """Yield a connection to read with, whose statements all see the commits of one moment."""
    if is_sqlite(engine):
        with reading(engine) as connection:
            yield connection
        return
    with (
        translated(engine.url),
        engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection,
        connection.begin(),
        _dropped_if_lost(connection),
    ):
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Yield a connection in a transaction that is committed at the end; on SQLite it is the only writer from its start.

    `DatabaseUnavailable` where the database is away. Whether the commit happened is not known then.
    """
    with (
        translated(engine.url),
        engine.connect().execution_options(**_writes(engine)) as connection,
        connection.begin(),
        _dropped_if_lost(connection),
    ):
        yield connection


def _writes(engine: Engine) -> dict[str, Any]:
    return {"writes": True} if is_sqlite(engine) else {"isolation_level": "READ COMMITTED"}


@contextmanager
def _dropped_if_lost(connection: Connection) -> Iterator[None]:
    """Keep a lost connection out of the pool. SQLAlchemy notices the loss only where its own calls meet it."""
    try:
        yield
    except Exception:
        if not connection.invalidated and getattr(driver_of(connection), "closed", False):
            connection.invalidate()
        raise


def driver_of(connection: Connection) -> Any:
    """Return the driver's own connection (sqlite3 or psycopg), for the few paths where SQLAlchemy is too slow."""
    return connection.connection.driver_connection


def retrying(engine: Engine, work: Callable[[], T], seconds: float = RETRY_SECONDS) -> T:
    """Do idempotent work, again and again for ``seconds`` while PostgreSQL is away. SQLite waits by itself."""
    deadline = time.monotonic() + (0 if is_sqlite(engine) else seconds)
    while True:
        try:
            return work()
        except DatabaseUnavailable:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_PAUSE)


def _sqlite(path: Path, overwrites: bool) -> Engine:
    engine = create_engine(URL.create("sqlite", database=str(path)), **_POOL)
    with translated(engine.url):
        _make_private(path)
    event.listen(engine, "connect", _prepare)
    if overwrites:
        event.listen(engine, "connect", lambda db, _: db.execute("PRAGMA secure_delete = ON").fetchall())
    event.listen(engine, "begin", _begin)
    return engine


def _make_private(path: Path) -> None:
    # SQLite gives its log the mode of the file, so this makes both private from the first byte.
    try:
        make_private_file(path)
    except OSError as error:
        message = f"the database {path} cannot be used: {error.strerror}"
        raise DatabaseUnavailable(message, "Check the path and this user's rights to its folder.") from None


def _prepare(db: sqlite3.Connection, _: object) -> None:
    # Without this, the driver begins and commits transactions at moments of its own choice.
    db.isolation_level = None
    db.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
    write_ahead(db, BUSY_SECONDS)
    for setting in ("synchronous = FULL", "foreign_keys = ON"):
        db.execute(f"PRAGMA {setting}").fetchall()


def _begin(connection: Connection) -> None:
    # A transaction that reads first and writes later fails where another one wrote in between.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgres(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise InvalidInput("the database's URL is not valid", "Write postgresql://HOST/NAME.") from None
    if parsed.get_backend_name() != "postgresql":
        raise InvalidInput("the database's URL does not begin with postgresql://", "Write postgresql://HOST/NAME.")
    # No connection is tried before its use: that would cost a round trip, and `retrying` finds the lost ones.
    arguments = {"connect_timeout": 5, **_KEEPALIVES}
    # Reading is most of the work. To switch a connection to it and back would cost a third of a read's time.
    url_, options = parsed.set(drivername="postgresql+psycopg"), {"isolation_level": "AUTOCOMMIT", **_POOL}
    return create_engine(url_, connect_args=arguments, **options)
