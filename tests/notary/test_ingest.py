"""The thread that keeps requests: many in each commit, each answered when it is durable."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from registry.core.errors import DatabaseUnavailable, InvalidInput
from registry.core.merkle import MAX_BATCH
from registry.notary import ingest
from registry.notary.ingest import MAX_GROUP, Ingest
from registry.notary.records import Arrival, Payment, Times, Unpaid
from registry.notary.settings import NotarySettings
from registry.notary.stores import open_stores
from tests.support.store_fixtures import Place

NOW = 1_800_000_000


def arrival(number: int, payment: Payment | None = None) -> Arrival:
    item = sha256(number.to_bytes(8)).digest()
    return Arrival(item, item, Times(NOW + number, NOW + number + 900), payment or Payment())


class Recorder:
    """An intake that waits for a signal, counts its groups, and fails where it is told to."""

    def __init__(self) -> None:
        self.groups: list[int] = []
        self.go = threading.Event()
        self.trouble: Exception | None = None

    def take(self, arrivals: Sequence[Arrival]) -> list[Times | Unpaid]:
        assert self.go.wait(30)
        self.groups.append(len(arrivals))
        if self.trouble:
            raise self.trouble
        return [each.times for each in arrivals]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def keeping(recorder: Any) -> Iterator[Ingest]:
    made = Ingest(recorder)
    yield made
    recorder.go.set()
    made.close()


def test_many_threads_get_their_own_answers(place: Place) -> None:
    stores = place.open()
    kept = Ingest(stores.intake)
    answers: dict[int, Times | Unpaid] = {}

    def submit(start: int) -> None:
        for number in range(start, start + 50):
            answers[number] = kept.submit(arrival(number)).result(30)

    threads = [threading.Thread(target=submit, args=(start,)) for start in range(0, 400, 50)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    kept.close()
    assert answers == {number: arrival(number).times for number in range(400)}
    assert place.open().intake.waiting().commitments == 400


def test_unpaid_requests_are_answered_as_such(tmp_path: Path) -> None:
    kept = Ingest(open_stores(tmp_path, NotarySettings()).intake)
    token = Payment(token=bytes(32))
    answers = [kept.submit(arrival(number, token)) for number in range(2)]
    kept.close()
    assert {str(each.result(30)) for each in answers} >= {"TokenSpent"}


def test_requests_that_come_meanwhile_share_a_commit(recorder: Recorder, keeping: Ingest) -> None:
    answers = [keeping.submit(arrival(number)) for number in range(2 * MAX_GROUP)]
    assert not any(each.done() for each in answers), "nothing is promised before it is kept"
    recorder.go.set()
    assert [each.result(30) for each in answers] == [arrival(number).times for number in range(2 * MAX_GROUP)]
    assert max(recorder.groups) <= MAX_GROUP and len(recorder.groups) <= 4


def test_a_failure_reaches_each_caller_and_the_next_group_is_kept(recorder: Recorder, keeping: Ingest) -> None:
    recorder.trouble = DatabaseUnavailable("away")
    recorder.go.set()
    for number in range(3):
        with pytest.raises(DatabaseUnavailable):
            keeping.submit(arrival(number)).result(30)
    recorder.trouble = None
    assert keeping.submit(arrival(4)).result(30) == arrival(4).times


def test_it_refuses_more_than_fits_into_memory(recorder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "MAX_WAITING", 1_000)
    keeping = Ingest(recorder)
    answers = [keeping.submit(arrival(number)) for number in range(5)]
    with pytest.raises(DatabaseUnavailable, match="too many"):
        keeping.submit(arrival(9))
    recorder.go.set()
    assert all(each.result(30) for each in answers)
    assert keeping.submit(arrival(10)).result(30), "what is kept waits no more"
    keeping.close()


def test_a_group_is_bounded_in_bytes(recorder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "MAX_GROUP_BYTES", 500)
    keeping = Ingest(recorder)
    answers = [keeping.submit(arrival(number)) for number in range(10)]
    recorder.go.set()
    assert all(each.result(30) for each in answers)
    keeping.close()
    assert sum(recorder.groups) == 10 and max(recorder.groups) == 3


@pytest.mark.parametrize("size", [0, 31, 33, 32 * MAX_BATCH + 32])
def test_it_refuses_what_fits_into_no_batch(keeping: Ingest, size: int) -> None:
    with pytest.raises(InvalidInput, match="a request holds"):
        keeping.submit(Arrival(bytes(32), bytes(size), Times(NOW, NOW + 900)))


def test_closing_keeps_what_was_submitted(tmp_path: Path) -> None:
    stores = open_stores(tmp_path, NotarySettings())
    kept = Ingest(stores.intake)
    answers = [kept.submit(arrival(number)) for number in range(500)]
    kept.close()
    kept.close()
    assert all(each.done() for each in answers)
    assert stores.intake.waiting().commitments == 500
    with pytest.raises(DatabaseUnavailable, match="stopping"):
        kept.submit(arrival(501))


def test_a_cancelled_request_stops_nobody_else(recorder: Recorder, keeping: Ingest) -> None:
    answers = [keeping.submit(arrival(number)) for number in range(10)]
    assert answers[9].cancel()
    recorder.go.set()
    assert [each.result(30) for each in answers[:9]] == [arrival(number).times for number in range(9)]
