"""Clocks that are set back and forward: each promise can be kept, and a repeat gets the first one for ever."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from registry.core.anchor import Anchor
from registry.core.eip712 import domain_of
from registry.core.promises import PromiseState, judge_promise, parse_signed_promise, promise_query
from registry.core.scalars import to_hex
from registry.notary.api import Api, build_app
from registry.notary.condition import WORKER_NOTE, Condition, Trouble, note_of
from registry.notary.gate import WorkerNote, read_note, refusal
from registry.notary.ingest import Ingest
from registry.notary.token_keys import TokenKeys, new_token_key
from tests.support.notary_api import NOW, Clock, Desk, notary_api
from tests.support.notary_stage import NotaryStage

SPAN = 800
HOUR = 3_600


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with notary_api(tmp_path / "notary", promise_seconds=SPAN) as made:
        yield made


def send(desk: Desk, number: int) -> Any:
    return desk.client.post("/v1/commitments", json={"commitments": [to_hex(number.to_bytes(32, "big"))]})


def times_of(answer: Any) -> tuple[int, int]:
    assert answer.status_code == 202, answer.text
    message = answer.json()["statement"]["message"]
    return message["receivedAt"], message["anchorBy"]


def note(desk: Desk, head_time: int) -> None:
    """A worker that runs on the same clock writes its note, and tells the newest block's time."""
    found = {"state": "ok", "since": 0, "at": int(desk.clock.now), "head_time": head_time}
    desk.api.book.put_note(WORKER_NOTE, found)


def test_a_clock_that_is_set_back_promises_by_the_chains_time(desk: Desk) -> None:
    note(desk, NOW - 5)
    first = send(desk, 1)
    desk.clock.now -= HOUR
    note(desk, NOW + 7)
    assert times_of(send(desk, 2)) == (NOW + 7, NOW + 7 + SPAN)  # no earlier than the first, and not late on the chain
    assert send(desk, 1).content == first.content


def test_a_clock_that_is_set_forward_and_back_again(desk: Desk) -> None:
    note(desk, NOW)
    first = send(desk, 1)
    desk.clock.now += HOUR
    assert send(desk, 2).json()["title"] == "WorkerSilent"  # until the worker has written a note by that clock
    desk.clock.now += 2
    note(desk, NOW + 12)
    ahead = send(desk, 2)
    assert times_of(ahead) == (NOW + HOUR + 2, NOW + HOUR + 2 + SPAN)
    desk.clock.now -= HOUR
    note(desk, NOW + 24)
    assert times_of(send(desk, 3)) == (NOW + 24, NOW + 24 + SPAN)
    assert (send(desk, 1).content, send(desk, 2).content) == (first.content, ahead.content)


def test_a_worker_that_died_before_the_clock_was_set_back_is_silent(desk: Desk) -> None:
    """Its note is from the future, and would look fresh for an hour."""
    note(desk, NOW)
    desk.clock.now -= HOUR
    assert (send(desk, 1).status_code, send(desk, 1).json()["title"]) == (503, "WorkerSilent")
    assert desk.api.intake.waiting().commitments == 0
    figures = desk.app.state.metrics.registry
    assert figures.get_sample_value("notary_worker_silent_seconds") == HOUR
    note(desk, NOW)
    desk.clock.now += 2
    assert send(desk, 1).status_code == 202


@pytest.mark.parametrize("state", [Condition.CHAIN, Condition.STORE, Condition.FEES])
def test_a_trouble_is_no_shorter_because_the_clock_was_set_back(state: Condition) -> None:
    before = note_of(Trouble(state, "", ""), {}, NOW)
    after = note_of(Trouble(state, "", ""), before, NOW - HOUR)
    assert after["since"] == NOW - HOUR
    found = read_note({WORKER_NOTE: {**after, "at": NOW - HOUR + SPAN}})
    assert found is not None and refusal(found, NOW - HOUR + SPAN, SPAN) is not None


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(-2 * HOUR, 2 * HOUR), min_size=1, max_size=20), st.integers(0, 30))
def test_no_jump_makes_a_promise_that_begins_before_the_chain(jumps: list[int], age: int) -> None:
    """Whatever the clock does: who gets a promise has its whole span, counted from the chain's newest block on."""
    from registry.notary.gate import Gate
    from registry.notary.settings import NotarySettings

    clock, notes = Clock(NOW), dict[str, Any]()

    class Book:
        def notes(self) -> dict[str, Any]:
            return {WORKER_NOTE: notes}

    gate = Gate(Book(), NotarySettings(promise_seconds=SPAN), clock)  # type: ignore[arg-type]  # only notes are read
    for number, jump in enumerate(jumps):
        clock.now += jump
        chain = NOW + 12 * number  # goes on by itself
        notes.update(state="ok", since=0, at=int(clock.now) - age, head_time=chain)
        gate._read()
        found = read_note({WORKER_NOTE: notes})
        assert isinstance(found, WorkerNote) and refusal(found, clock.now, SPAN) is None
        assert gate.now >= chain and gate.now >= int(clock.now)


@pytest.mark.slow
@pytest.mark.parametrize("offset", [-HOUR, -200, -10, 10, 200, HOUR])
def test_promises_of_a_wrong_clock_are_kept_or_not_given(stage: NotaryStage, offset: int) -> None:
    """Beside a real worker and chain, whose clocks are right."""
    new_token_key(stage.folder, time.gmtime().tm_year)
    ingest, stores, worker = Ingest(stage.stores.intake), stage.stores, stage.worker()
    domain = domain_of(stage.deployment.chain_id, stage.deployment.registry)
    keys = TokenKeys(stage.folder, time.time)
    api = Api(
        stores.intake, stores.book, ingest, stage.signer, domain, stage.settings, keys, lambda: time.time() + offset
    )
    client, item = TestClient(build_app(api)), to_hex(bytes([0xC7]) * 32)
    try:
        stage.levers.mine(1)
        worker.step()
        answer = client.post("/v1/commitments", json={"commitments": [item]})
        if abs(offset) == HOUR:
            assert (answer.status_code, answer.json()["title"]) == (503, "WorkerSilent")
            return
        assert answer.status_code == 202, answer.text
        time.sleep(stage.settings.batch_seconds + 1)
        stage.settle(worker)
        told = client.get(f"/v1/commitments/{item}").json()["anchor"]
    finally:
        ingest.close()
    anchor, signed = Anchor(**{**told, "proof": tuple(told["proof"])}), parse_signed_promise(answer.content)
    facts = stage.levers.ledger.facts([promise_query(signed.message, item, anchor)])
    assert judge_promise(signed.message, item, facts, anchor) is PromiseState.KEPT
