"""What `status` says needs the operator: late and nearly due promises, a silent worker, money; and what is unknown."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from registry.ledger.base import Deployment, Head
from registry.notary.condition import WORKER_NOTE, Condition
from registry.notary.records import (
    Arrival,
    BatchState,
    EndingKind,
    NewEnding,
    NewTransaction,
    Times,
    TxKind,
    Version,
)
from registry.notary.settings import NotarySettings
from registry.notary.site import Site, State, survey
from registry.notary.status import Chain, Status, read_status
from registry.notary.stores import Stores, open_stores
from tests.support.fake_storage import MemoryBlocks

NOW, ACCOUNT = 1_790_000_000, "0x" + "11" * 20
NOWHERE = "http://127.0.0.1:9"


class Desk:
    """A notary's database, and a node that is away."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.settings = NotarySettings(**settings)
        deployment = Deployment(1, "0x" + "00" * 20, "0x" + "00" * 20, 0)
        self.site = Site(folder, self.settings, NOWHERE, deployment, MemoryBlocks())
        self.stores: Stores = open_stores(folder, self.settings)
        self.note(state=Condition.OK, why="")

    def note(self, **values: Any) -> None:
        self.stores.book.put_note(WORKER_NOTE, {"at": NOW, **values})

    def take(self, received: int, due: int) -> None:
        item = os.urandom(32)
        self.stores.intake.take([Arrival(item, item, Times(received, due))])

    def status(self) -> Status:
        return read_status(self.site, self.stores.intake, self.stores.book, ACCOUNT, lambda: NOW)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_quiet_notary_is_well_and_its_chain_unknown(desk: Desk) -> None:
    found = desk.status()
    assert found.troubles == () and found.chain is None and "not reachable" in found.unknown
    assert found.gas_a_grant is None and found.batches == dict.fromkeys(list(BatchState)[:4], 0)


def test_waiting_commitments_are_near_and_then_late(tmp_path: Path) -> None:
    desk = Desk(tmp_path, promise_seconds=400)
    desk.take(NOW - 200, NOW + 200)
    assert desk.status().troubles == ()
    desk.take(NOW - 301, NOW + 99)
    (near,) = desk.status().troubles
    assert "the first of 2 waiting commitments" in near and "are due at" in near
    desk.take(NOW - 401, NOW - 1)
    (late,) = desk.status().late
    assert "were due at" in late and desk.status().near == ()


@pytest.mark.parametrize("state", [BatchState.CLOSED, BatchState.PINNED, BatchState.SENT])
def test_a_batch_is_late_until_it_is_in_a_block(desk: Desk, state: BatchState) -> None:
    desk.take(NOW - 1_000, NOW - 10)
    batch = desk.stores.book.close_batch(NOW - 900, items=1, seconds=1)
    assert batch is not None
    desk.stores.book.set_batch(batch.id, state)
    (late,) = desk.status().late
    assert f"the 1 commitments of the {state} batch 0x{batch.root.hex()}" in late
    desk.stores.book.set_batch(batch.id, BatchState.ANCHORED, transaction="0x" + "22" * 32, block=5, time=NOW)
    assert desk.status().late == () and desk.status().batches[BatchState.ANCHORED] == 1


def test_endings_are_late_by_the_first_that_waits(desk: Desk) -> None:
    times = (Times(NOW - 300, NOW - 1), Times(NOW, 0), Times(NOW, NOW + 300))
    bodies = [NewEnding(os.urandom(32), EndingKind.OPENING, os.urandom(8), each) for each in times]
    desk.stores.intake.add_endings(bodies)
    (late,) = desk.status().late
    assert "the first of 2 waiting endings were due" in late  # one was promised nothing


def test_what_the_worker_says(desk: Desk) -> None:
    desk.note(state=Condition.FUNDS, why="it has 0")
    assert desk.status().troubles == ("the worker says: it has 0",)
    desk.stores.book.put_note(WORKER_NOTE, {"state": "ok", "at": NOW - 100})
    assert desk.status().troubles == ("the worker has been silent for 100 s",)
    desk.stores.book.put_note(WORKER_NOTE, {})
    assert desk.status().troubles == ("no worker has run yet",)


def test_a_chain_that_is_ahead_makes_no_worker_silent(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = Chain(Head(1, "0x" + "11" * 32, NOW + 360), 10**18)
    monkeypatch.setattr("registry.notary.status._chain", lambda *_: (ahead, ""))
    assert desk.status().troubles == ()
    desk.take(NOW - 600, NOW + 300)
    assert desk.status().late != (), "the chain judges promises"


def test_the_ceiling_is_one_of_the_last_24_hours(tmp_path: Path) -> None:
    desk = Desk(tmp_path, spend_per_day=0.001)
    tx = {"gas": 100_000, "maxFeePerGas": 10**10}
    for number, signed in enumerate((NOW - 86_401, NOW - 100)):
        version = Version("0x" + f"{number:064x}", b"raw", tx, signed)
        desk.stores.book.add_transaction(NewTransaction(ACCOUNT, number, TxKind.ANCHOR, b"", version))
    found = desk.status()
    assert found.spent == found.ceiling == 10**15
    assert found.troubles == ("the last 24 hours cost 0.001, and the ceiling is reached",)


def test_a_survey_without_a_node_waits_for_it(desk: Desk) -> None:
    chain, store = survey(desk.site, ACCOUNT)
    assert (chain.name, chain.state) == ("chain", State.WAITS) and "not reachable" in chain.detail
    assert (store.name, store.state) == ("store", State.OK)
    assert NOWHERE not in repr(desk.site)  # it may hold a key
