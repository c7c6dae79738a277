"""Workers in processes of their own that are killed at any moment: nothing is lost, and nothing is sent twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.ledger.base import write_deployment
from registry.notary.records import BatchState, EndingState
from registry.storage.sqlite_store import SqliteBlocks
from tests.support.levers import AnvilLevers
from tests.support.notary_stage import NotaryStage, opening, signed_retire
from tests.support.postgres import PostgresServer
from tests.support.soak import SOAK
from tests.support.store_fixtures import Place
from tests.support.worker_process import MOMENTS, start

pytestmark = pytest.mark.slow

SECONDS = 60.0


class Fleet:
    """Worker processes on one notary's stores."""

    def __init__(self, stage: NotaryStage, key: bytes) -> None:
        self.stage, self._key = stage, key
        self._deployment = stage.folder / "deployment.json"
        write_deployment(self._deployment, stage.deployment)
        self.running: list[subprocess.Popen[str]] = []

    def start(self, moment: str = "", count: int = 1) -> subprocess.Popen[str]:
        stage, database = self.stage, self.stage.settings.database
        blocks = stage.folder / "blocks.sqlite"
        process = start(stage.folder, database, stage.levers.url, self._deployment, blocks, self._key, moment, count)
        self.running.append(process)
        return process

    def end(self) -> None:
        for process in self.running:
            process.kill()
            process.wait(10)

    def settle(self) -> None:
        """Wait until everything is final; a block is made every 0.2 seconds."""
        intake, book, ends = self.stage.stores.intake, self.stage.stores.book, time.monotonic() + SECONDS
        open_states = [BatchState.CLOSED, BatchState.PINNED, BatchState.SENT, BatchState.ANCHORED]
        while True:
            endings = intake.count_endings()
            waiting = [endings.get(state, 0) for state in (EndingState.WAITING, EndingState.SENT)]
            if not (intake.waiting().commitments or any(waiting) or any(map(book.batches, open_states))):
                return
            assert time.monotonic() < ends, (endings, book.notes())
            time.sleep(0.2)
            self.stage.levers.mine(1)


@pytest.fixture
def fleet(place: Place, own_levers: AnvilLevers) -> Iterator[Fleet]:
    key = os.urandom(32)
    stage = NotaryStage.on(place.folder, own_levers, key, database=place.database)
    stage.blocks = SqliteBlocks(place.folder / "blocks.sqlite")
    made = Fleet(stage, key)
    yield made
    made.end()


@pytest.mark.parametrize("moment", MOMENTS if SOAK else ("stored", "marked", "sent"))
def test_a_worker_that_is_killed_at_a_moment(fleet: Fleet, moment: str) -> None:
    stage = fleet.stage
    process = fleet.start(moment)
    stage.commit(3)
    stage.end(opening(), opening())
    ends = time.monotonic() + SECONDS
    while process.poll() is None:
        assert time.monotonic() < ends, "it was not killed"
        time.sleep(0.1)
        stage.levers.mine(1)
    assert process.returncode == -signal.SIGKILL
    fleet.start()
    stage.commit(2)
    fleet.settle()
    stage.check()


def test_two_workers_that_are_killed_in_turn(fleet: Fleet) -> None:
    stage, rng = fleet.stage, random.Random(5)
    pair = [fleet.start(), fleet.start()]
    for round_ in range(20 if SOAK else 5):
        stage.commit(rng.randint(1, 5))
        stage.end(*(opening() for _ in range(rng.randint(1, 3))))
        time.sleep(rng.random())
        stage.levers.mine(1)
        victim = pair[round_ % 2]
        victim.kill()
        victim.wait(10)
        pair[round_ % 2] = fleet.start()
    fleet.settle()
    stage.check()


def test_a_worker_that_is_told_to_end_does(fleet: Fleet) -> None:
    process = fleet.start()
    fleet.stage.end(signed_retire(fleet.stage.signer, fleet.stage.deployment))
    fleet.settle()
    process.terminate()
    # It waits for nothing; that a process ends takes seconds where much else runs.
    assert process.wait(10) == 0


def test_a_worker_outlasts_a_database_that_is_restarted(
    postgres: PostgresServer, postgres_url: str, own_levers: AnvilLevers, tmp_path: Path
) -> None:
    """The server is killed as by a power cut, and begun again; the worker goes on by itself."""
    key = os.urandom(32)
    stage = NotaryStage.on(tmp_path, own_levers, key, database=postgres_url)
    stage.blocks = SqliteBlocks(tmp_path / "blocks.sqlite")
    fleet = Fleet(stage, key)
    try:
        process = fleet.start()
        for _ in range(6 if SOAK else 3):
            stage.commit(3)
            stage.end()
            time.sleep(0.4)
            postgres.kill()
            postgres.start()
        fleet.settle()
        assert process.poll() is None
        stage.check()
    finally:
        fleet.end()
