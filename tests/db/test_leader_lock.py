"""One leader among processes; the next one leads as soon as it is dead."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from registry.core.errors import DatabaseUnavailable
from registry.db.engine import open_engine, reading
from registry.db.locks import LeaderLock, leader_lock
from tests.support.store_fixtures import Place

ROOT = Path(__file__).resolve().parents[2]
_HOLDER = """
import sys, time
from pathlib import Path
from registry.db.engine import open_engine
from registry.db.locks import leader_lock
where = sys.argv[1] or Path(sys.argv[2])
lock = leader_lock(open_engine(where), "account")
print(lock.hold(), flush=True)
time.sleep(60)
"""


def lock_of(place: Place, key: str = "account") -> LeaderLock:
    return leader_lock(open_engine(place.database or place.folder / "x.sqlite"), key)


def test_one_holds_it(place: Place) -> None:
    one, other = lock_of(place), lock_of(place)
    assert one.hold() and one.hold()
    assert not other.hold()
    assert lock_of(place, "another account").hold()
    other.release()
    one.release()
    one.release()
    assert other.hold() and not one.hold()
    other.release()


def test_another_thread_may_release_it(place: Place) -> None:
    one, other = lock_of(place), lock_of(place)
    thread = threading.Thread(target=one.hold)
    thread.start()
    thread.join(30)
    assert not other.hold()
    one.release()
    assert other.hold()
    other.release()


def test_a_killed_leader_is_followed_at_once(place: Place) -> None:
    command = [sys.executable, "-c", _HOLDER, place.database, str(place.folder / "x.sqlite")]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert holder.stdout is not None
    with holder.stdout:
        assert holder.stdout.readline() == b"True\n"
        next_one = lock_of(place)
        assert not next_one.hold()
        holder.kill()
        holder.wait(30)
    deadline = time.monotonic() + 10
    while not next_one.hold():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    next_one.release()


def test_a_lost_session_has_lost_the_lock(postgres_url: str, tmp_path: Path) -> None:
    place = Place(tmp_path, postgres_url)
    one, other = lock_of(place), lock_of(place)
    assert one.hold()
    with reading(open_engine(postgres_url)) as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        )
    deadline = time.monotonic() + 10
    while not other.hold():
        assert time.monotonic() < deadline
    with pytest.raises(DatabaseUnavailable):
        one.hold()
    assert not one.hold()
    other.release()
    assert one.hold()
    one.release()


def test_a_lock_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    lock = leader_lock(open_engine(folder / "x.sqlite"), "account")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    with pytest.raises(DatabaseUnavailable, match="cannot be taken"):
        lock.hold()
