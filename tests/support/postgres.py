"""A PostgreSQL server of the tests' own, from Debian's package, on a Unix socket only."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

import pytest

_ROOT = Path("/usr/lib/postgresql")
_SECONDS = 30
_ENVIRONMENT = {"PATH": "/usr/bin:/bin"}
_numbers = count(1)


class PostgresServer:
    """A server in a folder of its own. It can be killed, stopped and started again."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._bin = max(_ROOT.glob("*/bin"))
        # PostgreSQL refuses to run as root.
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._user = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(home, "postgres", "postgres")
        flags = ("-U", "consent", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        command: list[str | Path] = [self._bin / "initdb", "-D", home / "d", *flags]
        subprocess.run(command, check=True, stdout=DEVNULL, env=_ENVIRONMENT, cwd="/", timeout=60, **self._user)
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers. A start right after a kill may fail once."""
        deadline = time.monotonic() + _SECONDS
        self._process = self._spawn()
        while True:
            try:
                self._connect("postgres").close()
                return
            except OSError:
                assert time.monotonic() < deadline, (self._home / "log").read_text()
                if self._process.poll() is not None:
                    self._process = self._spawn()
                time.sleep(0.02)

    def kill(self) -> None:
        """End it as a power cut does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Shut it down fast, and roll back what is open."""
        self._end(signal.SIGINT)

    def said(self) -> str:
        """Return its log."""
        return (self._home / "log").read_text()

    def new_database(self) -> str:
        """Make an empty database, and return its URL."""
        name = f"t{next(_numbers)}"
        with self._connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql://consent@/{name}?host={self._home}"

    def drop_database(self, url: str) -> None:
        """Drop a database, also where somebody is still connected."""
        name = url.split("@/")[1].split("?")[0]
        with self._connect("postgres") as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _spawn(self) -> subprocess.Popen[Any]:
        command: list[str | Path] = [
            self._bin / "postgres",
            "-D",
            self._home / "d",
            "-k",
            self._home,
            "-c",
            "listen_addresses=",
        ]
        with (self._home / "log").open("ab") as log:
            return subprocess.Popen(
                command, stdout=log, stderr=log, env=_ENVIRONMENT, cwd="/", start_new_session=True, **self._user
            )

    def _connect(self, name: str) -> Any:
        import psycopg  # imported here: most tests need no database

        try:
            return psycopg.connect(host=str(self._home), user="consent", dbname=name, autocommit=True)
        except psycopg.OperationalError as error:
            raise OSError(str(error)) from None

    def _end(self, sign: signal.Signals) -> None:
        self._process.send_signal(sign)
        self._process.wait(_SECONDS)


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Run a server until the end of the block. The test is skipped where PostgreSQL is not installed."""
    if not list(_ROOT.glob("*/bin/initdb")):
        reason = "PostgreSQL is not installed; on Debian: apt-get install postgresql"
        if os.environ.get("CONSENT_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    # A socket's path has at most 107 bytes, so pytest's own folders are too long.
    home = Path(tempfile.mkdtemp(prefix="pg."))
    try:
        server = PostgresServer(home)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)
