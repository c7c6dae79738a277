"""One leader among processes: a PostgreSQL session lock on a connection of its own, or a file lock beside SQLite."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, suppress
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection, Engine

from registry.core.errors import DatabaseUnavailable
from registry.db.engine import is_sqlite
from registry.db.errors import translated
from registry.fs.files import file_lock


def leader_lock(engine: Engine, key: str) -> LeaderLock:
    """Return the lock named ``key``, not taken yet. The system frees it when its process dies.

    A *stopped* process keeps it, so what a leader does must be fenced as well.
    """
    return _FileLeader(Path(engine.url.database or ""), key) if is_sqlite(engine) else _SessionLeader(engine, key)


class LeaderLock:
    """A lock that one process holds until it ends or `release`s it. Safe for threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()

    def hold(self) -> bool:
        """Take the lock, or check that it is still held; False where another one has it. Never waits for it."""
        with self._guard:
            return self._hold()

    def release(self) -> None:
        """Give the lock up, if it is held."""
        with self._guard:
            self._release()

    def _hold(self) -> bool:
        raise NotImplementedError

    def _release(self) -> None:
        raise NotImplementedError


class _FileLeader(LeaderLock):
    def __init__(self, database: Path, key: str) -> None:
        super().__init__()
        self._path = database.with_name(f"{database.stem}-{sha256(key.encode()).hexdigest()[:16]}.lock")
        self._held: AbstractContextManager[object] | None = None

    def _hold(self) -> bool:
        if self._held is not None:
            return True
        try:
            self._held = file_lock(self._path, 0)
        except TimeoutError:
            return False
        except OSError as error:
            message = f"the lock {self._path} cannot be taken: {error.strerror}"
            raise DatabaseUnavailable(message, "Put the folder on a disk that has locks.") from None
        return True

    def _release(self) -> None:
        if self._held is not None:
            self._held.__exit__(None, None, None)
        self._held = None


class _SessionLeader(LeaderLock):
    def __init__(self, engine: Engine, key: str) -> None:
        super().__init__()
        self._engine = engine
        self._number = int.from_bytes(sha256(key.encode()).digest()[:8], "big", signed=True)
        self._session: Connection | None = None

    def _hold(self) -> bool:
        with translated(self._engine.url):
            try:
                return self._check() if self._session is not None else self._take()
            except BaseException:
                self._release()
                raise

    def _check(self) -> bool:
        # The lock lives as long as its session: a lost connection has lost the lock.
        assert self._session is not None
        self._session.exec_driver_sql("SELECT 1")
        return True

    def _take(self) -> bool:
        session = self._session = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        # The pool must neither close nor lend this connection while the lock is held.
        session.detach()
        taken = session.exec_driver_sql(f"SELECT pg_try_advisory_lock({self._number})").scalar_one()
        if not taken:
            self._release()
        return bool(taken)

    def _release(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            # A lost connection has lost the lock too. Closing alone would free it a moment later.
            with suppress(Exception), session:
                session.exec_driver_sql(f"SELECT pg_advisory_unlock({self._number})")
