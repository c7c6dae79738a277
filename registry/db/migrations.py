"""Brings a database to the schema of this version, by Alembic. The migrations ship in the package.

Alembic is loaded where there is something to do: it takes as long to load as a service's own code.
"""

from __future__ import annotations

import threading
from pathlib import Path

from sqlalchemy import Column, Connection, Engine, MetaData, Table, Text, inspect, select

from registry.core.errors import DatabaseUnavailable
from registry.db.engine import is_sqlite, retrying, writing
from registry.db.errors import named

# Any fixed number: it keeps two programs that start at once from migrating one database at once.
_LOCK = 0x436F6E73656E74
# Alembic's context is global in a process.
_guard = threading.Lock()


def migrate(engine: Engine, folder: Path, version_table: str) -> None:
    """Bring the database to the newest revision in ``folder``, in one transaction; nothing is done where it is there.

    `DatabaseUnavailable` where a newer version of this program has migrated it.
    """
    if not retrying(engine, lambda: _migrate(engine, folder, version_table)):
        raise DatabaseUnavailable(
            f"{named(engine.url)} was made by a newer version of this program", "Install that version."
        )


def run_environment() -> None:
    """Run Alembic's migrations on the connection of `migrate`. The ``env.py`` of each folder calls this."""
    from alembic import context

    given = context.config.attributes
    context.configure(connection=given["connection"], version_table=given["version_table"], render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


def _migrate(engine: Engine, folder: Path, version_table: str) -> bool:
    """Migrate; False where the database has a revision that is not in the folder."""
    # A migration's file begins with its revision.
    revisions = sorted(path.name.split("_")[0] for path in (folder / "versions").glob("[0-9]*.py"))
    with _guard, writing(engine) as connection:
        if not is_sqlite(engine):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        found = _revision(connection, version_table)
        if found not in {None, *revisions}:
            return False
        if found != revisions[-1]:
            _upgrade(connection, folder, version_table)
    return True


def _upgrade(connection: Connection, folder: Path, version_table: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes.update(connection=connection, version_table=version_table)
    command.upgrade(config, "head")


def _revision(connection: Connection, version_table: str) -> str | None:
    if not inspect(connection).has_table(version_table):
        return None
    table = Table(version_table, MetaData(), Column("version_num", Text))
    return connection.execute(select(table.c.version_num)).scalar_one_or_none()
