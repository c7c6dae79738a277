"""Opens the notary's two stores: SQLite files in its folder, or one PostgreSQL database."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine, select

from registry.core.errors import InvalidInput
from registry.db.engine import open_engine, reading, writing
from registry.db.locks import LeaderLock, leader_lock
from registry.db.migrations import migrate
from registry.notary.protocols import ChainBook, Intake
from registry.notary.settings import NotarySettings
from registry.notary.sql.events import EventTables
from registry.notary.sql.intake import PostgresIntake, SqliteIntake
from registry.notary.sql.postgres_batches import PostgresBatches
from registry.notary.sql.sqlite_batches import SqliteBatches
from registry.notary.sql.tables import taken
from registry.notary.sql.transactions import TransactionTables

INTAKE_FILE, CHAIN_FILE = "intake.sqlite", "chain.sqlite"
_MIGRATIONS = Path(__file__).parent / "sql" / "migrations"


class Stores(NamedTuple):
    """The two stores. Open them after a fork, not before."""

    intake: Intake
    book: ChainBook


def open_stores(folder: Path, settings: NotarySettings) -> Stores:
    """Open the stores of the notary in ``folder``, and bring their tables to this version.

    `InvalidInput` where there is no such folder, `DatabaseUnavailable` where a database cannot be used.
    """
    if settings.database:
        return _on_postgres(settings.database)
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is not the folder of a notary", "`consent notary init` makes one.")
    return _on_sqlite(folder)


def _on_sqlite(folder: Path) -> Stores:
    intake, chain = open_engine(folder / INTAKE_FILE), open_engine(folder / CHAIN_FILE)
    migrate(intake, _MIGRATIONS / "intake", "intake_version")
    migrate(chain, _MIGRATIONS / "chain", "chain_version")
    _skip_taken(intake, chain)
    return Stores(SqliteIntake(intake, chain), _SqliteBook(chain, intake))


def _on_postgres(url: str) -> Stores:
    engine = open_engine(url)
    migrate(engine, _MIGRATIONS / "intake", "intake_version")
    migrate(engine, _MIGRATIONS / "chain", "chain_version")
    return Stores(PostgresIntake(engine), _PostgresBook(engine))


def _skip_taken(intake: Engine, chain: Engine) -> None:
    """Keep new requests above the watermark, also where an older intake was brought back from a back-up."""
    with reading(chain) as connection:
        watermark = connection.execute(select(taken.c.last_request)).scalar_one()
    with reading(intake) as connection:
        last = connection.exec_driver_sql("SELECT max(seq) FROM sqlite_sequence WHERE name = 'requests'").scalar()
    if watermark > (last or 0):
        with writing(intake) as connection:
            connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = 'requests'")
            connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES ('requests', ?)", (watermark,))


class _Leading:
    """The part of the chain book that says which worker sends."""

    def __init__(self, engine: Engine) -> None:
        self._locks: dict[str, LeaderLock] = {}
        self._database = engine

    def lead(self, account: str) -> bool:
        """See `ChainBook`."""
        lock = self._locks.get(account) or self._locks.setdefault(account, leader_lock(self._database, account))
        return lock.hold()

    def step_down(self) -> None:
        """See `ChainBook`."""
        for lock in self._locks.values():
            lock.release()


class _SqliteBook(SqliteBatches, TransactionTables, EventTables, _Leading):
    def __init__(self, engine: Engine, intake: Engine) -> None:
        SqliteBatches.__init__(self, engine, intake)
        _Leading.__init__(self, engine)


class _PostgresBook(PostgresBatches, TransactionTables, EventTables, _Leading):
    def __init__(self, engine: Engine) -> None:
        PostgresBatches.__init__(self, engine)
        _Leading.__init__(self, engine)
