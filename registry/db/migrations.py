"""Brings a database to the schema of this version, by Alembic. The migrations ship in the package."""

from __future__ import annotations

import threading
from pathlib import Path

from alembic import command, context
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

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
    given = context.config.attributes
    context.configure(connection=given["connection"], version_table=given["version_table"], render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


def _migrate(engine: Engine, folder: Path, version_table: str) -> bool:
    """Migrate; False where the database has a revision that is not in the folder."""
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    with _guard, writing(engine) as connection:
        if not is_sqlite(engine):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        script, found = ScriptDirectory.from_config(config), _revision(connection, version_table)
        if found not in {None, *(each.revision for each in script.walk_revisions())}:
            return False
        if found == script.get_current_head():
            return True
        config.attributes.update(connection=connection, version_table=version_table)
        command.upgrade(config, "head")
    return True


def _revision(connection: Connection, version_table: str) -> str | None:
    return MigrationContext.configure(connection, opts={"version_table": version_table}).get_current_revision()
