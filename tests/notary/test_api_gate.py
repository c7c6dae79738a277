"""The notary promises nothing that its worker could not keep, and says why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.core.errors import DatabaseUnavailable
from registry.core.scalars import to_hex
from registry.notary.condition import WORKER_NOTE, Condition, Trouble, WorkerNote, note_of, read_note
from registry.notary.gate import refusal
from tests.support.notary_api import NOW, Desk, notary_api

COMMITMENT = {"commitments": [to_hex(bytes([5]) * 32)]}
OPENING = {"openings": [{"secret": to_hex(bytes([6]) * 32), "tag": to_hex(bytes(32))}]}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with notary_api(tmp_path / "notary", promise_seconds=800, relay_seconds=400) as made:
        yield made


@pytest.mark.parametrize(
    ("state", "since", "name"),
    [
        ("no-funds", 0, "OutOfFunds"),
        ("ceiling", 0, "CeilingReached"),
        ("chain", 201, "LedgerUnavailable"),
        ("fees", 201, "FeesTooHigh"),
    ],
)
def test_nothing_is_promised_or_kept(desk: Desk, state: str, since: int, name: str) -> None:
    desk.say(state, NOW - since)
    for path, body in (("/v1/commitments", COMMITMENT), ("/v1/revocations", OPENING)):
        answer = desk.client.post(path, json=body)
        assert (answer.status_code, answer.json()["title"], answer.headers["retry-after"]) == (503, name, "60")
    assert desk.api.intake.waiting().commitments == 0 and desk.api.intake.waiting_endings(9) == []
    assert desk.client.get("/readyz").status_code == 503
    assert desk.client.get("/v1/info").json()["worker"] == {"at": NOW, "state": state}
    desk.say("ok")
    desk.clock.now += 1
    assert desk.client.post("/v1/commitments", json=COMMITMENT).status_code == 202
    assert desk.client.get("/readyz").status_code == 200


def test_endings_need_no_content_store(desk: Desk) -> None:
    desk.say("store", NOW - 900)
    answer = desk.client.post("/v1/commitments", json=COMMITMENT)
    assert (answer.status_code, answer.json()["title"]) == (503, "StorageUnavailable")
    assert desk.client.post("/v1/revocations", json=OPENING).status_code == 202
    assert len(desk.api.intake.waiting_endings(9)) == 1 and desk.api.intake.waiting().commitments == 0


@pytest.mark.parametrize("state", ["chain", "fees"])
def test_what_may_come_back_is_waited_for_a_quarter_of_the_span(desk: Desk, state: str) -> None:
    desk.say(state, NOW - 150)
    assert desk.client.post("/v1/commitments", json=COMMITMENT).status_code == 202
    assert desk.client.post("/v1/revocations", json=OPENING).status_code == 503  # whose span is shorter


@pytest.mark.parametrize("state", [one for one in Condition if one is not Condition.OK])
def test_no_trouble_of_a_worker_is_overlooked(state: Condition) -> None:
    note = note_of(Trouble(state, "", ""), {}, NOW)
    found = read_note({WORKER_NOTE: note})
    assert found is not None and refusal(WorkerNote(found.state, NOW + 900, found.since), NOW + 900, 800) is not None


def test_a_clock_behind_the_chains_makes_no_promise_late(desk: Desk) -> None:
    note = {"state": "ok", "since": 0, "at": NOW, "head_time": NOW + 850}
    desk.api.book.put_note(WORKER_NOTE, note)
    times = [(NOW + 850, NOW + 1_650), (NOW + 850, NOW + 1_250)]
    promise = desk.client.post("/v1/commitments", json=COMMITMENT).json()["statement"]["message"]
    assert (promise["receivedAt"], promise["anchorBy"]) == times[0]
    relay = desk.client.post("/v1/revocations", json=OPENING).json()["promise"]["statement"]["message"]
    assert (relay["receivedAt"], relay["relayBy"]) == times[1]
    desk.clock.now += 2
    desk.api.book.put_note(WORKER_NOTE, {**note, "head_time": 2**63})  # a node that lies
    assert desk.client.post("/v1/commitments", json=COMMITMENT).status_code == 503


def test_a_silent_worker_is_refused(desk: Desk) -> None:
    desk.clock.now += 201
    answer = desk.client.post("/v1/commitments", json=COMMITMENT)
    assert (answer.status_code, answer.json()["title"]) == (503, "WorkerSilent")


def test_no_note_is_a_silent_worker() -> None:
    problem = refusal(None, NOW, 800)
    assert problem is not None and problem.name == "WorkerSilent"
    assert refusal(WorkerNote("ok", NOW), NOW + 200, 800) is None
    assert refusal(WorkerNote("ok", NOW), NOW + 19, 8) is None  # the note is not written more often
    assert refusal(WorkerNote("a state of a later version", NOW), NOW, 800) is None


def test_a_database_that_is_away_is_503_and_never_a_promise(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise DatabaseUnavailable("the database is away")

    for target, names in ((desk.api.intake, ("take", "add_endings", "ending")), (desk.api.book, ("proof", "totals"))):
        for name in names:
            monkeypatch.setattr(target, name, away)
    answers = [
        desk.client.post("/v1/commitments", json=COMMITMENT),
        desk.client.post("/v1/revocations", json=OPENING),
        desk.client.get(f"/v1/commitments/{COMMITMENT['commitments'][0]}"),
        desk.client.get("/v1/info"),
    ]
    assert {(one.status_code, one.json()["title"]) for one in answers} == {(503, "DatabaseUnavailable")}
    assert all("retry-after" in one.headers for one in answers)


def test_the_figures_tell_of_money_and_of_refusing(desk: Desk) -> None:
    note = {"state": "no-funds", "since": NOW, "at": NOW, "balance": str(25 * 10**17)}
    desk.api.book.put_note(WORKER_NOTE, note)
    figures = desk.app.state.metrics.registry
    assert figures.get_sample_value("notary_balance") == 2.5
    assert figures.get_sample_value("notary_spent_share") == 0
    assert figures.get_sample_value("notary_refuses") == 1
