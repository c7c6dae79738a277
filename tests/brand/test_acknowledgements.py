"""The brand acknowledges an end: after it has stopped, once, whatever dies, and truly when the chain changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.brand.counter import Counter
from registry.brand.records import Answer, State
from registry.brand.sql.acknowledgements import AcknowledgementTimes
from registry.client.revoke import revoke, revoke_all
from registry.client.verify import verify
from registry.core.errors import InvalidInput, LedgerUnavailable
from registry.core.evidence.file import Evidence, parse_evidence, write_evidence
from registry.core.scalars import to_hex, unhex
from registry.core.statements.messages import Acknowledgement
from tests.support.brand_api import BrandApi, brand_api


@pytest.fixture(params=["sqlite", "postgres"])
def api(request: Any, tmp_path: Path) -> Iterator[BrandApi]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    with brand_api(tmp_path, database=url) as made:
        made.follow()
        yield made


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[BrandApi]:
    with brand_api(tmp_path) as made:
        made.follow()
        yield made


def consented(api: BrandApi, name: str = "", **chosen: Any) -> tuple[Evidence, str]:
    """A grant that the brand took, and the path of its acknowledgement."""
    evidence: Evidence = api.brand.granted(name, **chosen)
    place = api.send(write_evidence(evidence)).headers["location"]
    api.follow()
    return evidence, f"{place}/acknowledgement"


def kept(api: BrandApi, evidence: Evidence) -> Answer:
    return api.brand.store.by_digest([evidence.digest])[evidence.digest]


def anchors(api: BrandApi) -> int:
    return [name for name, _ in api.stage.ledger.calls].count("anchor")


def times(api: BrandApi, within: int = 3_600) -> AcknowledgementTimes:
    return api.brand.store.acknowledgement_times(unhex(api.stage.brand.address), 0, within)


class TestAnEnd:
    def test_is_acknowledged_by_a_file_that_verifies(self, api: BrandApi) -> None:
        evidence, place = consented(api)
        before = api.public.get(place)
        assert (before.status_code, before.json()["title"]) == (404, "NotEnded")
        revoke(api.stage.alice, evidence)
        api.brand.worker().follow()
        waits = api.public.get(place)
        assert (waits.status_code, waits.json()["state"], waits.headers["retry-after"]) == (202, "ended", "5")
        api.follow()
        given = api.public.get(place)
        assert (given.status_code, given.headers["content-type"]) == (200, "application/vnd.consent-evidence+json")
        found = parse_evidence(given.content)
        message = found.statement.message
        assert isinstance(message, Acknowledgement) and message.grant == to_hex(evidence.digest)
        verify(api.stage.network, found, api.stage.network.policy(controllers=None), grant=evidence)
        assert message.issued_at >= kept(api, evidence).ended_at
        assert api.public.get(place).content == given.content and api.brand.store.signed(10) == []

    def test_of_everything_at_once_costs_one_transaction(self, api: BrandApi) -> None:
        places = [consented(api, again=bool(number))[1] for number in range(2)]
        before = anchors(api)
        revoke_all(api.stage.alice)
        api.follow()
        assert [api.public.get(place).status_code for place in places] == [200, 200]
        assert anchors(api) == before + 1

    def test_an_expiry_and_a_refusal_have_none(self, api: BrandApi) -> None:
        evidence, place = consented(api, days=1)
        refused = api.send(write_evidence(api.brand.refused())).headers["location"]
        api.stage.pass_time(86_400 + 60)
        api.stage.ledger.mine()
        api.follow()
        assert kept(api, evidence).state is State.EXPIRED
        for path in (place, f"{refused}/acknowledgement", "/v1/grants/" + "00" * 16 + "/acknowledgement"):
            assert api.public.get(path).status_code == 404
        assert times(api) == (0, 0, 0, 0, 0)

    def test_the_answer_opens_nothing_by_a_digest_and_any_origin_may_ask(self, quick: BrandApi) -> None:
        evidence, place = consented(quick)
        assert quick.public.get(f"/v1/grants/{to_hex(evidence.digest)}/acknowledgement").status_code == 422
        assert quick.public.get(place).headers["access-control-allow-origin"] == "*"
        assert quick.internal.get(place).status_code == 404


class TestOrder:
    def test_nothing_is_signed_while_may_i_could_be_yes(self, quick: BrandApi, monkeypatch: pytest.MonkeyPatch) -> None:
        evidence, _ = consented(quick)
        revoke(quick.stage.alice, evidence)
        worker, store = quick.brand.worker(), quick.brand.store
        signing = store.keep_signed

        def checked(signed: Any) -> None:
            message: Any = evidence.statement.message
            pair = unhex(message.subject), "dpv:Personalisation", ("pd:Purchase",), quick.stage.clock()
            assert [each.kind for each in signed] == ["Acknowledgement"] and store.standing(*pair) == {}
            signing(signed)

        monkeypatch.setattr(store, "keep_signed", checked)
        worker.sign()  # the log was not read yet
        assert store.signed(10) == [] and store.unacknowledged(unhex(quick.stage.brand.address), 10) == []
        settle(worker.follow)
        worker.sign()
        assert times(quick).made == 1

    def test_another_accounts_grants_are_not_acknowledged(self, quick: BrandApi) -> None:
        evidence, _ = consented(quick)
        revoke(quick.stage.alice, evidence)
        quick.brand.worker().follow()
        assert quick.brand.store.unacknowledged(bytes(20), 10) == []


class TestCrashes:
    def test_signed_and_not_sent(self, quick: BrandApi) -> None:
        evidence, place = consented(quick)
        revoke(quick.stage.alice, evidence)
        quick.stage.ledger.refuses_writing = InvalidInput("no funds")
        quick.follow()
        (signed,) = quick.brand.store.signed(10)
        assert signed.kind == "Acknowledgement" and quick.public.get(place).status_code == 202
        quick.stage.ledger.refuses_writing = None
        quick.follow()
        given = parse_evidence(quick.public.get(place).content)
        assert given.signature in signed.file.decode()  # the very one that was signed first

    def test_anchored_and_not_kept(self, quick: BrandApi, monkeypatch: pytest.MonkeyPatch) -> None:
        evidence, place = consented(quick)
        revoke(quick.stage.alice, evidence)
        keeping = quick.brand.store.keep_acknowledged

        def dies(_: Any) -> None:
            raise MemoryError

        monkeypatch.setattr(quick.brand.store, "keep_acknowledged", dies)
        with pytest.raises(MemoryError):
            quick.follow()
        monkeypatch.setattr(quick.brand.store, "keep_acknowledged", keeping)
        before = anchors(quick)
        quick.follow()
        assert quick.public.get(place).status_code == 200 and anchors(quick) == before

    def test_kept_and_not_dropped(self, quick: BrandApi, monkeypatch: pytest.MonkeyPatch) -> None:
        evidence, place = consented(quick)
        revoke(quick.stage.alice, evidence)
        with monkeypatch.context() as patched:
            patched.setattr(type(quick.brand.store), "drop_signed", lambda *_: None)
            quick.follow()
        first = quick.public.get(place).content
        quick.follow()
        assert quick.public.get(place).content == first and quick.brand.store.signed(10) == []
        assert times(quick).made == 1

    def test_the_chain_is_away(self, quick: BrandApi) -> None:
        evidence, place = consented(quick)
        revoke(quick.stage.alice, evidence)
        worker = quick.brand.worker()
        settle(worker.follow)
        quick.stage.ledger.down = True
        with pytest.raises(LedgerUnavailable):
            worker.sign()
        assert quick.public.get(place).status_code == 202
        quick.stage.ledger.down = False
        worker.sign()
        assert quick.public.get(place).status_code == 200


class TestReorganisations:
    def test_an_end_and_its_acknowledgement_that_both_moved(self, quick: BrandApi) -> None:
        evidence, place = consented(quick)
        revoke(quick.stage.alice, evidence)
        quick.follow()
        first = parse_evidence(quick.public.get(place).content)
        quick.stage.ledger.reorg(2)  # the end, and the acknowledgement's anchor
        revoke(quick.stage.alice, evidence)
        quick.follow()
        quick.follow()
        again = parse_evidence(quick.public.get(place).content)
        assert again.signature != first.signature and quick.brand.store.signed(10) == []
        verify(quick.stage.network, again, quick.stage.network.policy(controllers=None), grant=evidence)

    def test_a_lost_anchor_alone_is_made_anew(self, quick: BrandApi) -> None:
        evidence, place = consented(quick)
        revoke(quick.stage.alice, evidence)
        quick.follow()
        quick.stage.ledger.reorg(1)
        quick.follow()
        quick.follow()
        found = parse_evidence(quick.public.get(place).content)
        verify(quick.stage.network, found, quick.stage.network.policy(controllers=None), grant=evidence)
        assert kept(quick, evidence).state is State.ENDED

    def test_one_that_the_follower_never_saw_is_found_when_it_is_deep(self, quick: BrandApi) -> None:
        evidence, place = consented(quick)
        revoke(quick.stage.alice, evidence)
        quick.follow()
        (due,) = quick.brand.store.unsettled(2**40, 10)
        assert due.check_at == due.seen_block + 16
        # The node showed an anchor in a block that was replaced before the log was read.
        lost = parse_evidence(due.file)
        blocks = quick.stage.ledger.blocks
        assert blocks[-1].changes[0].key == lost.anchor.root  # type: ignore[union-attr]
        blocks[-1] = blocks[-1]._replace(changes=())
        for _ in range(17):
            quick.stage.ledger.mine()
        quick.follow()
        quick.follow()
        found = parse_evidence(quick.public.get(place).content)
        assert found.signature != lost.signature
        verify(quick.stage.network, found, quick.stage.network.policy(controllers=None), grant=evidence)

    def test_an_end_that_is_taken_back_takes_the_acknowledgement_along(self, quick: BrandApi) -> None:
        evidence, place = consented(quick)
        revoke(quick.stage.alice, evidence)
        quick.follow()
        first = parse_evidence(quick.public.get(place).content)
        quick.stage.ledger.reorg(2)
        quick.brand.worker().follow()  # it saw the reorganisation, and has not verified again
        assert quick.public.get(place).status_code == 202
        quick.follow()
        assert kept(quick, evidence).state is State.LIVE
        answer = quick.public.get(place)
        assert (answer.status_code, answer.json()["title"]) == (404, "NotEnded")
        assert times(quick) == (0, 0, 0, 0, 0)
        # The next end gets another.
        revoke(quick.stage.alice, evidence)
        quick.follow()
        again = parse_evidence(quick.public.get(place).content)
        assert again.signature != first.signature
        verify(quick.stage.network, again, quick.stage.network.policy(controllers=None), grant=evidence)

    def test_one_that_is_only_signed_is_dropped_too(self, quick: BrandApi) -> None:
        evidence, _ = consented(quick)
        revoke(quick.stage.alice, evidence)
        quick.stage.ledger.refuses_writing = InvalidInput("no funds")
        quick.follow()
        assert quick.brand.store.signed(10)
        quick.stage.ledger.reorg(1)
        quick.follow()
        assert kept(quick, evidence).state is State.LIVE and quick.brand.store.signed(10) == []


class TestFigures:
    def test_how_long_it_took(self, api: BrandApi) -> None:
        evidence, _ = consented(api)
        receipt = revoke(api.stage.alice, evidence)
        assert receipt is not None
        api.brand.worker().follow()
        assert times(api) == (0, 0, 0, 1, receipt.time)
        api.stage.pass_time(40)  # the chain's blocks are a second ahead
        api.stage.ledger.mine()
        api.follow()
        found = times(api)
        assert (found.made, found.late, found.waiting) == (1, 0, 0) and found.slowest == 39
        assert times(api, within=38).late == 1
        told = api.public.get("/v1/info").json()
        assert told == {
            "acknowledgeSeconds": 3_600,
            "acknowledged": {"count": 1, "slowest": found.slowest, "late": 0},
        }

    def test_one_that_waits_for_its_anchor_still_counts_as_waiting(self, quick: BrandApi) -> None:
        evidence, _ = consented(quick)
        revoke(quick.stage.alice, evidence)
        quick.stage.ledger.refuses_writing = InvalidInput("no funds")
        quick.follow()
        assert times(quick).waiting == 1


def settle(step: Callable[[], float | None]) -> None:
    for _ in range(20):
        if step() != 0.0:
            return
    raise AssertionError("it never rests")


def test_the_counter_signs_both_kinds_in_one_batch(quick: BrandApi) -> None:
    ended, _ = consented(quick)
    evidence = quick.brand.granted("bob")
    quick.send(write_evidence(evidence))
    revoke(quick.stage.alice, ended)
    settle(quick.brand.worker().follow)
    before = anchors(quick)
    assert Counter(quick.stage.brand, quick.brand.store).step()
    assert anchors(quick) == before + 1 and times(quick).made == 1
    assert kept(quick, evidence).accepted_at > 0
