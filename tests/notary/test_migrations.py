"""The migrations make the tables that the code names, and refuse what a newer version made."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData

from registry.core.errors import DatabaseUnavailable
from registry.db.engine import open_engine, reading, writing
from registry.notary.sql.tables import chain, intake
from registry.notary.stores import CHAIN_FILE, INTAKE_FILE, Stores
from tests.support.store_fixtures import Place

ROOT = Path(__file__).resolve().parents[2]
# Made by hand on PostgreSQL alone.
_EXTRA = {"requests_waiting", "requests_batch"}


@pytest.mark.parametrize(("file", "tables"), [(INTAKE_FILE, intake), (CHAIN_FILE, chain)])
def test_the_tables_are_those_that_the_code_names(place: Place, file: str, tables: MetaData) -> None:
    place.open()

    def is_ours(_: object, name: str | None, kind: str, is_reflected: bool, *__: object) -> bool:
        return not (is_reflected and kind == "table" and name not in tables.tables) and name not in _EXTRA

    with reading(open_engine(place.database or place.folder / file)) as connection:
        context = MigrationContext.configure(connection, opts={"include_object": is_ours, "compare_type": True})
        assert compare_metadata(context, tables) == []


@pytest.mark.parametrize("part", ["intake", "chain"])
def test_a_newer_database_is_refused(place: Place, part: str) -> None:
    place.open()
    engine = open_engine(place.database or place.folder / f"{part}.sqlite")
    with writing(engine) as connection:
        connection.exec_driver_sql(f"UPDATE {part}_version SET version_num = '9999'")
    with pytest.raises(DatabaseUnavailable, match="newer version") as raised:
        place.open()
    assert raised.value.advice == "Install that version."


def test_threads_that_start_at_once(place: Place) -> None:
    opened: list[Stores] = []
    threads = [threading.Thread(target=lambda: opened.append(place.open())) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert len(opened) == 6


def test_processes_that_start_at_once(place: Place) -> None:
    script = (
        "import sys; from pathlib import Path; from tests.support.store_fixtures import Place;"
        "sys.stdin.read(); Place(Path(sys.argv[1]), sys.argv[2]).open()"
    )
    command = [sys.executable, "-c", script, str(place.folder), place.database]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    started = [subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, cwd=ROOT) for _ in range(3)]
    time.sleep(1)  # until all wait for their input
    for each in started:
        assert each.stdin is not None
        each.stdin.close()
    assert [each.wait(60) for each in started] == [0, 0, 0]
