"""Opens the brand's store: a SQLite file in its folder, or a PostgreSQL database."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from registry.brand.sql.acknowledgements import AcknowledgementTable
from registry.brand.sql.answers import AnswerTables
from registry.brand.sql.erasures import ErasureTables
from registry.brand.sql.holdings import HoldingTables
from registry.brand.sql.known import KnownTables
from registry.brand.sql.log import LogTables
from registry.brand.sql.mail import MailTable
from registry.brand.sql.mail_files import MailFileTables
from registry.brand.sql.own_statements import OwnStatementTable
from registry.brand.sql.quick import QuickTables
from registry.brand.sql.requests import RequestTable
from registry.brand.sql.unasked import UnaskedTable
from registry.brand.sql.uses import UseTables
from registry.core.errors import InvalidInput
from registry.db.engine import open_engine
from registry.db.locks import leader_lock
from registry.db.migrations import migrate

FILE = "brand.sqlite"
_MIGRATIONS = Path(__file__).parent / "sql" / "migrations"
_LEADER = "consent brand"


class Store(
    RequestTable,
    AnswerTables,
    QuickTables,
    LogTables,
    KnownTables,
    OwnStatementTable,
    AcknowledgementTable,
    ErasureTables,
    UseTables,
    HoldingTables,
    MailTable,
    MailFileTables,
    UnaskedTable,
):
    """All that the brand keeps: requests, answers, own statements, uses, data, messages, events.

    Safe for threads; on PostgreSQL also for several machines.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._leader = leader_lock(engine, _LEADER)

    def lead(self) -> bool:
        """Become the one worker that follows the chain and signs, or check that this one still is."""
        return self._leader.hold()

    def step_down(self) -> None:
        """Let another worker lead."""
        self._leader.release()


def open_store(folder: Path, database: str = "") -> Store:
    """Open the store in ``folder`` or at the ``postgresql://`` URL ``database``, and bring its tables to this version.

    Open it after a fork, not before. `InvalidInput` where there is no such folder, `DatabaseUnavailable` where the
    database cannot be used.
    """
    if not database and not folder.is_dir():
        raise InvalidInput(f"{folder} is not the folder of a brand", "`consent brand init` makes one.")
    engine = open_engine(database or folder / FILE, overwrites=True)
    migrate(engine, _MIGRATIONS, "brand_version")
    return Store(engine)
