"""A brand that lies, stalls or refuses: the person's answer stays theirs, and they read what happened."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from msgspec import structs

from registry.client import brand_client
from registry.client.accept import accept
from registry.client.archives import send_archives
from registry.client.brand_client import BrandClient
from registry.client.deliveries import Reached, Trouble
from registry.client.grant import grant
from registry.client.web import Web
from registry.core.evidence.file import Evidence, write_evidence
from registry.core.ipld.cid import Block, cid_of_block
from registry.core.scalars import to_hex
from registry.http.serving import Server
from tests.http.test_serving import certificate_for_localhost
from tests.support.http_answers import Answer, Asked, answering
from tests.support.http_service import sample_app
from tests.support.sending import HOST, INBOX, NAME, Opened, Sending, taken
from tests.support.stage import Stage


def test_another_file_is_not_taken_for_ours(stage: Stage, sending: Opened) -> None:
    other = grant(stage.alice, stage.request(), again=True).evidence
    with sending(lambda _: taken(write_evidence(other))) as one:
        assert "another file" in one.why()
        assert one.go_on().stage is Reached.WAITING
    with sending(lambda _: taken(b"<html>")) as one:
        assert "cannot be read" in one.why()


def test_a_counter_signature_that_does_not_hold_is_not_kept(stage: Stage, sending: Opened) -> None:
    kept = next(stage.alice.evidence.all())
    whole = accept(stage.brand, kept).evidence
    part = whole.acceptance
    assert part
    forged = replace_acceptance(whole, signature="0x" + "11" * 64 + "1b")
    with sending(lambda _: taken(write_evidence(forged))) as one:
        assert "counter-signature does not hold" in one.why()
    assert not next(stage.alice.evidence.all()).acceptance
    with sending(lambda _: taken(write_evidence(whole))) as one:
        assert one.go_on().stage is Reached.TAKEN
    assert next(stage.alice.evidence.all()) == whole


def replace_acceptance(whole: Evidence, **changes: object) -> Evidence:
    assert whole.acceptance
    return structs.replace(whole, acceptance=structs.replace(whole.acceptance, **changes))


@pytest.mark.parametrize(
    "place",
    [
        f"https://evil.example/v1/grants/{NAME}",
        f"//evil.example/v1/grants/{NAME}",
        f"http://{HOST}/v1/grants/{NAME}",
        f"https://{HOST}:444/v1/grants/{NAME}",
        f"https://{HOST}/v1/grants/{NAME[:-1]}",
        f"/v1/grants/{NAME}/../../evil",
        "",
        "https://[",
    ],
)
def test_a_place_on_another_server_is_refused(sending: Opened, place: str) -> None:
    with sending(lambda _: taken(status=202, place=place)) as one:
        assert "place of its own" in one.why()
        assert one.deliveries.capability_url(one.digest) is None


def test_a_body_without_an_end(sending: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brand_client, "SECONDS", 1.0)
    endless = Answer(201, b"a" * 65_536, (("Location", f"/v1/grants/{NAME}"),), length=10**12, repeat=10**6)
    began = time.monotonic()
    with sending(lambda _: endless) as one:
        assert "did not answer" in one.why()
    assert time.monotonic() - began < 10


def test_a_slow_brand(sending: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(brand_client.BrandClient._ask.__kwdefaults__, "seconds", 0.3)

    def slow(_: Asked) -> Answer:
        time.sleep(1)
        return taken()

    with sending(slow) as one:
        assert "in time" in one.why()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 408, 415, 500, 502])
def test_what_judges_nothing_is_no_refusal(sending: Opened, status: int) -> None:
    """A proxy that is set up wrongly answers so, for a day perhaps."""
    with sending(lambda _: Answer(status, b"<html>")) as one:
        assert one.go_on().stage is Reached.WAITING and str(status) in one.why()


def test_a_redirect_is_not_followed(sending: Opened) -> None:
    with sending(lambda _: Answer(307, headers=(("Location", INBOX),))) as one:
        assert "answered 307" in one.why() and one.go_on().waits


@pytest.mark.parametrize("status", [429, 503])
def test_it_waits_as_long_as_the_brand_asks_for(stage: Stage, sending: Opened, status: int) -> None:
    asked = list[Asked]()

    def busy(one: Asked) -> Answer:
        asked.append(one)
        return Answer(status, b'{"title":"Busy","detail":"too many"}', (("Retry-After", "600"),))

    with sending(busy) as one:
        found = one.go_on()
        assert found.waits and found.next_try == stage.clock() + 600
        one.courier.go_on_all()
        assert len(asked) == 1
        stage.pass_time(601)
        one.courier.go_on_all()
        assert len(asked) == 2


def test_a_refusal_is_final_and_names_the_step(sending: Opened) -> None:
    no = b'{"title":"BadSignature","detail":"somebody else signed it","advice":"Look.","step":2}'
    asked = list[Asked]()
    with sending(lambda one: asked.append(one) or Answer(422, no)) as one:  # type: ignore[func-returns-value]
        found = one.go_on()
        assert found.stage is Reached.REFUSED and not found.waits
        assert isinstance(found.trouble, Trouble) and (found.trouble.name, found.trouble.step) == ("BadSignature", 2)
        one.courier.go_on_all()
        assert len(asked) == 1


def test_not_anchored_yet_is_no_refusal(sending: Opened) -> None:
    with sending(lambda _: Answer(422, b'{"title":"NotAnchored","detail":"wait"}')) as one:
        assert one.go_on().stage is Reached.WAITING


def test_one_that_is_not_anchored_yet_keeps_no_other_from_the_brand(stage: Stage, sending: Opened) -> None:
    asked = list[Asked]()

    def respond(one: Asked) -> Answer:
        asked.append(one)
        return Answer(422, b'{"title":"NotAnchored"}') if len(asked) == 1 else taken(status=202)

    with sending(respond) as one:
        other = grant(stage.alice, stage.request(), again=True).evidence
        first = one.deliveries.find(one.digest)
        assert first is not None
        one.deliveries.keep(structs.replace(first, digest=to_hex(other.digest), since=first.since + 1))
        assert [each.stage for each in one.courier.go_on_all()] == [Reached.WAITING, Reached.TAKEN]


def test_a_brand_that_is_away_is_asked_once(stage: Stage, sending: Opened) -> None:
    asked = list[Asked]()
    with sending(lambda one: asked.append(one) or Answer(503)) as one:  # type: ignore[func-returns-value]
        other = grant(stage.alice, stage.request(), again=True).evidence
        first = one.deliveries.find(one.digest)
        assert first is not None
        one.deliveries.keep(structs.replace(first, digest=to_hex(other.digest)))
        assert len(one.courier.go_on_all()) == 2 and len(asked) == 1


def test_a_line_that_is_slow_gets_smaller_archives(stage: Stage, sending: Opened) -> None:
    blocks = [Block(cid_of_block(data), data) for data in (bytes([n]) * 900_000 for n in range(12))]
    stage.store.put(blocks)
    sizes = list[int]()

    def narrow(one: Asked) -> Answer:
        sizes.append(int(one.headers["Content-Length"]))
        return Answer(201) if sizes[-1] < 1_000_000 else Answer(408, b'{"title":"TooSlow"}')

    with answering(narrow) as served:
        client = BrandClient(Web({HOST: served.url}), INBOX)
        cids = [block.cid for block in blocks]
        sent = list(send_archives(client, stage.store, cids[0], cids))
    assert [cid for part in sent for cid in part] == cids and max(sizes) > 7_000_000 and len(sizes) == 14


def test_a_certificate_that_nobody_trusts(stage: Stage, tmp_path: Path) -> None:
    evidence = grant(stage.alice, stage.request()).evidence
    with Server(sample_app(), "localhost", tls=certificate_for_localhost(tmp_path)) as server:
        one = Sending(stage, evidence, f"https://localhost:{server.url.rsplit(':', 1)[1]}")
        assert "not reachable" in one.why()
        found = one.go_on()
        assert found.waits and "certificate" in str(found.trouble).lower()
