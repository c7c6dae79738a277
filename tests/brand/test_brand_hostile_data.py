"""What must hold of people's data and of the brand's memory when others are slow, late or greedy."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from registry.brand import reading
from registry.brand.checking import Checker
from registry.brand.consent_client import ConsentClient
from registry.brand.quarantine import Quarantine
from registry.brand.reading import Reader, Wanted
from registry.brand.records import State
from registry.brand.routes import acknowledgements, endings, intake
from registry.brand.verdicts import NotTaken
from registry.client.revoke import revoke
from registry.core.errors import CouldNotCheck
from registry.core.evidence.file import write_evidence
from registry.core.ipld.cid import cid_from_digest, digest_of_cid
from registry.core.scalars import to_hex, unhex
from registry.http.serving import Server
from tests.support.brand_data import DataApi, archive, data_api
from tests.support.brand_stores import an_answer, take
from tests.support.fake_storage import MemoryBlocks

PURPOSE = "dpv:Personalisation"


@pytest.fixture
def data(tmp_path: Path) -> Iterator[DataApi]:
    with data_api(tmp_path) as made:
        yield made


class TestAnEndWhileDataIsHandedOut:
    def test_nothing_more_is_handed_out(self, data: DataApi, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reading, "_CHUNK", 1)
        monkeypatch.setattr(reading, "AGAIN_SECONDS", 0.0)
        evidence = data.granted("mushrooms", "grapes")
        data.send(evidence)
        pieces = Reader(data.desk).records(Wanted(PURPOSE, evidence.digest))
        assert next(pieces)
        revoke(data.stage.alice, evidence)
        data.follow()
        with pytest.raises(ConnectionAbortedError):
            next(pieces)

    def test_its_reader_learns_that_it_is_no_whole_answer(self, data: DataApi, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reading, "_CHUNK", 1)
        monkeypatch.setattr(reading, "AGAIN_SECONDS", 0.0)
        evidence, still, looks = data.granted("mushrooms", "grapes"), Reader._still, list[int]()
        data.send(evidence)

        def ends(reader: Reader, *asked: Any) -> None:
            looks.append(1)
            if len(looks) == 3:
                revoke(data.stage.alice, evidence)
                data.follow()
            still(reader, *asked)

        monkeypatch.setattr(Reader, "_still", ends)
        with Server(data.internal_app) as server, pytest.raises(CouldNotCheck):
            list(ConsentClient(server.url).data(PURPOSE, grant=to_hex(evidence.digest)))
        assert len(looks) == 3


def test_blocks_that_the_store_has_lost_are_taken_again(data: DataApi) -> None:
    evidence = data.granted()
    assert data.send(evidence).status_code == 201
    assert isinstance(data.own, MemoryBlocks)
    for block in data.blocks(evidence)[1:]:
        del data.own.kept[digest_of_cid(block.cid)]
    assert data.read(evidence).status_code == 503
    assert data.send(evidence).status_code == 201
    assert data.names(evidence) == ["grapes", "mushrooms"]


def test_a_strangers_ended_grant_makes_no_no_of_what_is_unsure(data: DataApi) -> None:
    """Anybody can make a grant that names the content of another's."""
    message: Any = data.granted().statement.message
    store, content = data.brand.store, unhex(message.content)
    view = store.view()
    other = an_answer(content=content, state=State.ENDED, ended_at=1, why="Revoked")
    take(store, other, turns=view.turns, block=view.number)
    store.take_back(view._replace(blocks=view.blocks[:1]), 0)
    quarantine = Quarantine(data.desk)
    with pytest.raises(NotTaken) as refused:
        quarantine.bring_blocks(archive(cid_from_digest(content), []))
    assert (refused.value.verdict.status, refused.value.verdict.name) == (503, "LedgerUnavailable")
    id, verdict, ends = quarantine.look(content), None, time.monotonic() + 30
    while verdict is None and time.monotonic() < ends:
        verdict = quarantine.verdict(id)
    assert verdict is not None and (verdict.status, verdict.name) == (503, "LedgerUnavailable")


def test_only_some_look_at_the_chain_at_once(data: DataApi, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, begun = threading.Event(), threading.Semaphore(0)

    def slowly(_checker: Any, _answer: Any) -> None:
        begun.release()
        assert goes_on.wait(30)

    monkeypatch.setattr(Checker, "look_for_end", slowly)
    path = data.api.send(write_evidence(data.brand.granted("bob"))).headers["Location"] + "/ended"
    with ThreadPoolExecutor(endings.MOST_AT_ONCE) as threads:
        looks = [threads.submit(data.api.public.post, path) for _ in range(endings.MOST_AT_ONCE)]
        for _ in looks:
            assert begun.acquire(timeout=30)
        refused = data.api.public.post(path)
        goes_on.set()
    assert (refused.status_code, refused.json()["title"]) == (503, "Busy")
    assert [each.result().status_code for each in looks] == [200] * endings.MOST_AT_ONCE
    assert data.api.public.post(path).status_code == 200


def test_a_page_that_calls_this_machine_by_another_name_reads_no_figures(data: DataApi) -> None:
    near = TestClient(data.internal_app, "http://127.0.0.1", client=("127.0.0.1", 4711))
    answers = [near.get("/metrics", headers={"Host": host}) for host in ("evil.example", "localhost:8701")]
    assert [each.status_code for each in answers] == [401, 200]
    assert near.get("/healthz", headers={"Host": "evil.example"}).status_code == 200


def test_asking_often_how_soon_ends_are_acknowledged_counts_once(
    data: DataApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted, times = list[int](), data.brand.store.acknowledgement_times

    def counting(*asked: Any) -> Any:
        counted.append(1)
        return times(*asked)

    monkeypatch.setattr(data.brand.store, "acknowledgement_times", counting)
    answers = [data.public.get("/v1/info").json()["acknowledged"]["count"] for _ in range(5)]
    assert (answers, len(counted)) == ([0] * 5, 1)
    monkeypatch.setattr(acknowledgements, "COUNT_SECONDS", 0.0)
    assert data.public.get("/v1/info").status_code == 200 and len(counted) == 2


class TestMemory:
    def test_an_archive_is_let_go_while_it_is_judged(self, data: DataApi, monkeypatch: pytest.MonkeyPatch) -> None:
        evidence, bodies, owners = data.granted(), list[bytes](), list[int]()
        bring, verdict = Quarantine.bring_blocks, Quarantine.verdict

        def brought(quarantine: Quarantine, raw: bytes) -> Any:
            bodies.append(raw)
            return bring(quarantine, raw)

        def judged(quarantine: Quarantine, id: int) -> Any:
            owners.append(sys.getrefcount(bodies[0]))
            return verdict(quarantine, id)

        monkeypatch.setattr(Quarantine, "bring_blocks", brought)
        monkeypatch.setattr(Quarantine, "verdict", judged)
        assert data.send(evidence).status_code == 201
        alone = [bytearray(1)]
        least = sys.getrefcount(alone[0])  # not in the assertion, which pytest rewrites
        assert owners[0] == least, "somebody beside this test holds the body"

    def test_only_some_batches_are_verified_at_once(self, data: DataApi, monkeypatch: pytest.MonkeyPatch) -> None:
        goes_on, begun = threading.Event(), threading.Semaphore(0)

        def slowly(_inbox: Any, bodies: Sequence[bytes]) -> list[Any]:
            begun.release()
            assert goes_on.wait(30)
            return [CouldNotCheck("later")] * len(bodies)

        monkeypatch.setattr(type(data.desk.inbox), "take", slowly)
        body = b'{"files":[%s]}' % write_evidence(data.brand.granted("bob"))
        answers = list[int]()

        def send() -> None:
            answers.append(data.api.send(body, "/v1/evidence:batch").status_code)

        threads = [threading.Thread(target=send) for _ in range(intake.MOST_BATCHES)]
        for thread in threads:
            thread.start()
        for _ in threads:
            assert begun.acquire(timeout=30)
        refused = data.api.send(body, "/v1/evidence:batch")
        assert (refused.status_code, refused.json()["title"]) == (503, "Busy")
        goes_on.set()
        for thread in threads:
            thread.join(30)
        assert answers == [200] * intake.MOST_BATCHES
        assert data.api.send(body, "/v1/evidence:batch").status_code == 200
