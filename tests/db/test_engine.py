"""Engines: durable and private SQLite files, PostgreSQL that restarts, and errors that say what is wrong."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from registry.core.errors import CouldNotCheck, DatabaseUnavailable, InvalidInput
from registry.db.engine import driver_of, open_engine, reading, retrying, writing
from registry.db.errors import Conflict
from tests.support.postgres import PostgresServer
from tests.support.store_fixtures import Place


@pytest.fixture
def engine(place: Place) -> Iterator[Engine]:
    made = open_engine(place.database or place.folder / "x.sqlite")
    with writing(made) as connection:
        connection.exec_driver_sql("CREATE TABLE t (a INTEGER PRIMARY KEY)")
    yield made
    made.dispose()


def add(engine: Engine, value: int) -> None:
    with writing(engine) as connection:
        connection.exec_driver_sql(f"INSERT INTO t VALUES ({value})")


def values(engine: Engine) -> list[int]:
    with reading(engine) as connection:
        return [row[0] for row in connection.exec_driver_sql("SELECT a FROM t ORDER BY a")]


def test_a_block_is_one_transaction(engine: Engine) -> None:
    add(engine, 1)
    with pytest.raises(ZeroDivisionError), writing(engine) as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (2)")
        raise ZeroDivisionError
    assert values(engine) == [1]


def test_a_value_that_is_taken_is_a_conflict(engine: Engine) -> None:
    add(engine, 1)
    with pytest.raises(Conflict):
        add(engine, 1)
    with pytest.raises(Conflict), writing(engine) as connection:
        driver_of(connection).execute("INSERT INTO t VALUES (1)")


def test_bugs_stay_bugs(engine: Engine) -> None:
    with pytest.raises(KeyError), reading(engine):
        raise KeyError


def test_a_reader_never_waits_for_a_writer(engine: Engine) -> None:
    add(engine, 1)
    with writing(engine) as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (2)")
        assert values(engine) == [1]
    assert values(engine) == [1, 2]


def test_two_writers_take_turns(engine: Engine) -> None:
    def count_up() -> None:
        for _ in range(20):
            with writing(engine) as connection:
                if engine.dialect.name == "postgresql":
                    connection.exec_driver_sql("LOCK TABLE t")
                last = connection.exec_driver_sql("SELECT coalesce(max(a), 0) FROM t").scalar_one()
                connection.exec_driver_sql(f"INSERT INTO t VALUES ({last + 1})")

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert values(engine) == list(range(1, 81))


class TestSqlite:
    def test_commits_are_synced_and_files_are_private(self, tmp_path: Path) -> None:
        old = os.umask(0)
        try:
            engine = open_engine(tmp_path / "x.sqlite")
            with writing(engine) as connection:
                connection.exec_driver_sql("CREATE TABLE t (a INTEGER PRIMARY KEY)")
                settings = [
                    connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                    for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
                ]
            assert settings == ["wal", 2, 1, 30_000]
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
            assert modes == dict.fromkeys(("x.sqlite", "x.sqlite-wal", "x.sqlite-shm"), 0o600)
        finally:
            os.umask(old)

    def check(self, path: Path, words: str) -> None:
        engine = open_engine(path)
        with pytest.raises(DatabaseUnavailable, match=words) as raised:
            add(engine, 5)
        assert str(path) in str(raised.value)
        assert raised.value.advice.endswith(".")
        assert isinstance(raised.value, CouldNotCheck)
        assert "sqlalchemy" not in "".join(traceback.format_exception(raised.value)).lower().replace(
            "site-packages", ""
        )

    def made(self, path: Path) -> None:
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE t (a INTEGER PRIMARY KEY)")
            db.executemany("INSERT INTO t VALUES (?)", [(each,) for each in range(10, 5_000)])
        db.close()

    def test_another_file(self, tmp_path: Path) -> None:
        (tmp_path / "x.sqlite").write_bytes(b"not a database" * 1_000)
        self.check(tmp_path / "x.sqlite", "not a database")

    def test_a_damaged_file(self, tmp_path: Path) -> None:
        path = tmp_path / "x.sqlite"
        self.made(path)
        raw = bytearray(path.read_bytes())
        raw[4096:] = b"\xff" * (len(raw) - 4096)
        path.write_bytes(raw)
        self.check(path, "is damaged")

    def test_a_read_only_file(self, tmp_path: Path) -> None:
        path = tmp_path / "x.sqlite"
        self.made(path)
        open_engine(path).connect().close()
        raw = bytearray(path.read_bytes())
        raw[18] = 3  # a later format that may be read, and not be written: as root, no mode keeps us from writing
        path.write_bytes(raw)
        self.check(path, "is read-only")

    def test_a_locked_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("registry.db.engine.BUSY_SECONDS", 0.1)
        path = tmp_path / "x.sqlite"
        self.made(path)
        open_engine(path).connect().close()
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        self.check(path, "another process keeps it locked")
        other.close()

    def test_a_full_disk(self, tmp_path: Path) -> None:
        engine = open_engine(tmp_path / "x.sqlite")
        with pytest.raises(DatabaseUnavailable, match="disk is full"), writing(engine) as connection:
            connection.exec_driver_sql("CREATE TABLE t (a BLOB)")
            connection.exec_driver_sql("PRAGMA max_page_count = 3").all()
            connection.exec_driver_sql("INSERT INTO t VALUES (zeroblob(1000000))")

    def test_a_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(DatabaseUnavailable, match="No such file or directory"):
            open_engine(tmp_path / "none" / "x.sqlite")
        assert list(tmp_path.iterdir()) == []


class TestPostgres:
    @pytest.mark.parametrize("url", ["mysql://h/x", "sqlite:///x", "nonsense", "", "postgresql://h:port/x"])
    def test_other_urls_are_refused(self, url: str) -> None:
        with pytest.raises(InvalidInput, match="URL"):
            open_engine(url)

    def test_no_secret_is_shown(self, caplog: pytest.LogCaptureFixture) -> None:
        engine = open_engine("postgresql://me:hunter2@127.0.0.1:1/name?options=-csearch_path%3Dhunter3")
        with pytest.raises(DatabaseUnavailable, match="the PostgreSQL database name cannot be used") as raised:
            add(engine, 1)
        shown = "".join(traceback.format_exception(raised.value)) + repr(engine.url.database) + caplog.text
        assert "hunter" not in shown
        assert "sqlalchemy.exc" not in shown

    def test_values_are_not_shown(self, postgres_url: str) -> None:
        engine = open_engine(postgres_url)
        with pytest.raises(Exception, match="no_table") as raised, reading(engine) as connection:
            connection.exec_driver_sql("SELECT * FROM no_table WHERE a = %s", ("hunter2",))
        assert "hunter2" not in str(raised.value)

    def test_idempotent_work_survives_a_restart(
        self, postgres: PostgresServer, postgres_url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.WARNING)
        engine = open_engine(postgres_url)
        with writing(engine) as connection:
            connection.exec_driver_sql("CREATE TABLE t (a INTEGER PRIMARY KEY)")
        add(engine, 1)
        postgres.kill()
        with pytest.raises(DatabaseUnavailable):
            retrying(engine, lambda: values(engine), seconds=0.2)
        starter = threading.Timer(0.3, postgres.start)
        starter.start()
        assert retrying(engine, lambda: values(engine), seconds=20) == [1]
        starter.join(60)
        add(engine, 2)
        assert values(engine) == [1, 2]

    def test_a_session_that_is_cut_is_unavailable(self, postgres_url: str, caplog: pytest.LogCaptureFixture) -> None:
        engine = open_engine(postgres_url)
        cut = "SELECT pg_terminate_backend(pg_backend_pid())"
        for use in (reading, writing):
            with pytest.raises(DatabaseUnavailable), use(engine) as connection:
                connection.exec_driver_sql(cut)
            with pytest.raises(DatabaseUnavailable), use(engine) as connection:
                driver_of(connection).execute(cut)
            with use(engine) as connection:
                assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1
        assert "Traceback" not in caplog.text


def test_a_second_engine_takes_no_lock_from_the_first(tmp_path: Path) -> None:
    """It did: another process then removed the log that was in use, and what was committed later was lost."""
    file = tmp_path / "x.sqlite"
    first = open_engine(file)
    with writing(first) as connection:
        connection.exec_driver_sql("CREATE TABLE numbers (number INTEGER)")
    open_engine(file)
    looks = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); "
    looks += "print(*db.execute('SELECT count(*) FROM numbers').fetchone()); db.close()"
    asks = [sys.executable, "-c", looks, str(file)]
    assert subprocess.run(asks, capture_output=True, text=True, timeout=60, check=True).stdout.strip() == "0"
    with writing(first) as connection:
        connection.exec_driver_sql("INSERT INTO numbers VALUES (7)")
    assert subprocess.run(asks, capture_output=True, text=True, timeout=60, check=True).stdout.strip() == "1"
