"""A PostgreSQL server that restarts, and two workers on it, of which one is killed."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from registry.brand.store import Store, open_store
from registry.core.errors import DatabaseUnavailable
from registry.db.engine import reading
from tests.support.brand_api import brand_api
from tests.support.brand_stores import ALICE, NOW, an_answer, take, told
from tests.support.postgres import PostgresServer

PURPOSE, BOTH = "dpv:Personalisation", ("pd:EmailAddress", "pd:Purchase")


def test_work_goes_on_over_a_restart(postgres: PostgresServer, postgres_url: str, tmp_path: Path) -> None:
    store = open_store(tmp_path, postgres_url)
    take(store, an_answer("a"))
    postgres.kill()
    again = threading.Timer(0.5, postgres.start)
    again.start()
    try:
        (kept,) = take(store, an_answer("b"))
    finally:
        again.join()
    assert len(store.standing(ALICE, PURPOSE, BOTH, NOW)) == 2 and len(told(store)) == 2
    assert store.by_digest([kept.digest]) == {kept.digest: kept}


def test_a_server_that_is_away_is_no_answer(
    postgres: PostgresServer, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.db.engine.RETRY_SECONDS", 0.0)
    monkeypatch.setattr("registry.db.engine.retrying.__defaults__", (0.0,))
    with brand_api(tmp_path, database=postgres_url) as api:
        api.follow()
        assert api.ask(api.stage.alice.address).status_code == 200
        postgres.kill()
        try:
            answer = api.ask(api.stage.alice.address)
            assert (answer.status_code, answer.json()["title"]) == (503, "DatabaseUnavailable")
            with pytest.raises(DatabaseUnavailable):
                take(api.brand.store, an_answer())
        finally:
            postgres.start()
        # Each lost connection is found by its use, and the worker's loops try again.
        for _ in range(20):
            with suppress(DatabaseUnavailable):
                api.follow()
                break
        assert api.ask(api.stage.alice.address).status_code == 200


def test_another_worker_leads_when_one_is_gone(postgres_url: str, tmp_path: Path) -> None:
    first, second = (open_store(tmp_path, postgres_url) for _ in range(2))
    assert first.lead() and not second.lead()
    _lose(first, second)
    ends = time.monotonic() + 10
    while not second.lead():
        assert time.monotonic() < ends
        time.sleep(0.05)
    second.step_down()


def _lose(store: Store, other: Store) -> None:
    """End the session that holds the lock, as the end of its process does."""
    number = store._leader._session.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()  # type: ignore[attr-defined]
    with reading(other._engine) as connection:
        connection.exec_driver_sql(f"SELECT pg_terminate_backend({number})")
