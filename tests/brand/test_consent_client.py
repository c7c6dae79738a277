"""A brand's own code asks its service: yes, no, and everything that must never become a yes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.brand.consent_client import AsyncConsentClient, ConsentClient
from registry.brand.event_stream import AsyncEventStream, ConsentEvent, EventStream
from registry.client.revoke import revoke
from registry.core.errors import CouldNotCheck, InvalidInput
from registry.core.evidence.file import Evidence, write_evidence
from registry.core.scalars import to_hex
from registry.http.serving import Server
from tests.support.brand_api import BrandApi, brand_api
from tests.support.http_answers import Answer, answering
from tests.support.loops import in_a_loop

KEY = "k" * 64
WHAT = ("dpv:Personalisation", ["pd:Purchase"])


@pytest.fixture
def api(tmp_path: Path) -> Iterator[BrandApi]:
    with brand_api(tmp_path) as made:
        made.follow()
        yield made


@pytest.fixture
def url(api: BrandApi) -> Iterator[str]:
    with Server(api.internal_app) as server:
        yield server.url


def subject_of(evidence: Evidence) -> str:
    message: Any = evidence.statement.message
    return str(message.subject)


def consented(api: BrandApi, name: str = "") -> Evidence:
    evidence = api.brand.granted(name)
    api.send(write_evidence(evidence))
    api.follow()
    return evidence


class TestMayI:
    def test_yes_then_no(self, api: BrandApi, url: str) -> None:
        client, evidence = ConsentClient(url), consented(api)
        yes = client.allowed(subject_of(evidence), *WHAT)
        assert yes and yes.grants == {"pd:Purchase": to_hex(evidence.digest)} and yes.missing == ()
        assert yes.view.block == api.stage.ledger.head().number and yes.view.age == 0
        more = client.allowed(subject_of(evidence), "dpv:Personalisation", {"pd:Purchase", "pd:Name"})
        assert not more and more.missing == ("pd:Name",) and "pd:Purchase" in more.grants
        revoke(api.stage.alice, evidence)
        assert not client.allowed(subject_of(evidence), "dpv:Personalisation", "pd:Purchase", fresh=True)
        api.follow()
        assert client.allowed(subject_of(evidence), *WHAT).missing == ("pd:Purchase",)

    def test_the_asynchronous_one_says_the_same(self, api: BrandApi, url: str) -> None:
        evidence = consented(api)

        async def ask() -> list[bool]:
            client = AsyncConsentClient(url)
            every = [client.allowed(subject_of(evidence), *WHAT) for _ in range(50)]
            return [bool(each) for each in await asyncio.gather(*every)]

        assert in_a_loop(ask()) == [True] * 50

    def test_an_old_view_is_no_answer(self, api: BrandApi, url: str) -> None:
        evidence = consented(api)
        api.stage.clock.now += api.desk.settings.view_seconds + 1
        api.look()
        with pytest.raises(CouldNotCheck):
            ConsentClient(url).allowed(subject_of(evidence), *WHAT)

    def test_a_question_of_no_sense(self, url: str) -> None:
        client = ConsentClient(url)
        for subject, purpose, data in (("0x00", *WHAT), ("", *WHAT), ("0x" + "00" * 20, "x y", ["pd:Name"])):
            with pytest.raises(InvalidInput):
                client.allowed(subject, purpose, data)
        with pytest.raises(InvalidInput):
            client.allowed("0x" + "00" * 20, "dpv:Personalisation", [])

    def test_the_key(self, tmp_path: Path) -> None:
        with brand_api(tmp_path, key=KEY) as api, Server(api.internal_app) as server:
            evidence = consented(api)
            assert ConsentClient(server.url, KEY).allowed(subject_of(evidence), *WHAT)
            for key in (None, KEY[:-1] + "x"):
                with pytest.raises(CouldNotCheck, match="internal"):
                    ConsentClient(server.url, key).allowed(subject_of(evidence), *WHAT)
            with pytest.raises(InvalidInput):
                next(ConsentClient(server.url).events())
        assert KEY not in repr(ConsentClient("http://a", KEY)) + repr(AsyncConsentClient("http://a", KEY))

    @pytest.mark.parametrize("bad", ["127.0.0.1:8701", "ftp://x", "http://", "http://u:p@x", "http://x/?y=1"])
    def test_a_url_that_is_none(self, bad: str) -> None:
        with pytest.raises(InvalidInput) as why:
            ConsentClient(bad)
        assert bad not in str(why.value)


YES = b'{"allowed":true,"grants":{"pd:Purchase":"0x00"},"view":{"block":1,"time":1,"age":0}}'


class TestWhatIsNeverAYes:
    @pytest.mark.parametrize(
        "answer",
        [
            Answer(200, YES.replace(b"0x00", b"").replace(b'"pd:Purchase":""', b"")),
            Answer(200, YES.replace(b"Purchase", b"Name")),
            Answer(200, YES.replace(b"true", b"false")),
            Answer(200, YES.replace(b"true", b"1")),
            Answer(200, YES[:-1]),
            Answer(200, b"true"),
            Answer(200, b""),
            Answer(201, YES),
            Answer(204, b""),
            Answer(302, YES, (("Location", "/elsewhere"),)),
            Answer(401, YES),
            Answer(404, YES),
            Answer(422, YES),
            Answer(429, YES),
            Answer(500, YES),
            Answer(503, YES),
        ],
        ids=str,
    )
    def test_an_answer_of_another_kind(self, answer: Answer) -> None:
        with answering(lambda _: answer) as served, pytest.raises(CouldNotCheck):
            ConsentClient(served.url).allowed("0x" + "00" * 20, *WHAT)

    def test_nobody_answers(self) -> None:
        with pytest.raises(CouldNotCheck):
            ConsentClient("http://127.0.0.1:9").allowed("0x" + "00" * 20, *WHAT)

    def test_one_that_is_slow(self) -> None:
        def slow(_: object) -> Answer:
            time.sleep(2)
            return Answer(200, YES)

        with answering(slow) as served, pytest.raises(CouldNotCheck, match=r"0\.2 seconds"):
            ConsentClient(served.url, seconds=0.2).allowed("0x" + "00" * 20, *WHAT)


def test_files(api: BrandApi, url: str) -> None:
    good, ended = api.brand.granted(), api.brand.granted("bob")
    revoke(api.stage.person("bob"), ended)
    client = ConsentClient(url)
    yes, no, bad = client.verify([write_evidence(good), write_evidence(ended), b"{}"])
    assert yes and (yes.digest, yes.kind) == (to_hex(good.digest), "Grant") and yes.anchored_at
    assert not no and (no.answer, no.error, no.step) == ("no", "Revoked", 5)
    assert not bad and bad.error == "Malformed"
    (asked,) = client.verify([write_evidence(good)], purposes=["dpv:Marketing"])
    assert asked.error == "PurposeNotGranted"
    for files in ([], [b"{}"] * 1_001):
        with pytest.raises(InvalidInput):
            client.verify(files)
    api.stage.ledger.down = True
    # The log was not read up to its anchor, and the node is away.
    assert client.verify([write_evidence(good)])[0].answer == "unknown"
    api.stage.pass_time(61)
    api.look()
    with pytest.raises(CouldNotCheck):
        client.verify([write_evidence(good)])


def test_fresh_verdicts_come_from_the_node(api: BrandApi, url: str) -> None:
    file = [write_evidence(consented(api))]
    client, slow = ConsentClient(url), AsyncConsentClient(url)
    assert client.verify(file, fresh=True)[0] and in_a_loop(slow.verify(file, fresh=True))[0]
    api.stage.ledger.down = True
    assert client.verify(file)[0] and in_a_loop(slow.verify(file))[0]  # by the log that was followed
    for ask in (lambda: client.verify(file, fresh=True), lambda: in_a_loop(slow.verify(file, fresh=True))):
        with pytest.raises(CouldNotCheck):
            ask()


def test_a_hostile_file_changes_no_other_verdict(api: BrandApi, url: str) -> None:
    good, ended = write_evidence(consented(api)), consented(api, "bob")
    revoke(api.stage.person("bob"), ended)
    api.follow()
    before, behind = good + b"," + good + b',{"a":[1', b'1]},{"b":1}'
    files = [before, write_evidence(ended), behind, b"no file", b"{}\n" + good, b"[" * 1_000, b"{" * 1_000, good]
    verdicts = ConsentClient(url).verify(files)
    assert [bool(each) for each in verdicts] == [False] * 7 + [True]
    assert [each.error for each in verdicts[:7]] == ["Malformed", "Revoked", *["Malformed"] * 5]


class TestEvents:
    def test_they_go_on_after_the_last_one(self, api: BrandApi, url: str) -> None:
        first, second = consented(api), consented(api, "bob")
        stream = ConsentClient(url).events()
        one: ConsentEvent = next(stream)
        assert (one.id, one.kind, one.digest) == (1, "granted", to_hex(first.digest))
        stream.close()
        assert next(stream, None) is None
        two = next(ConsentClient(url).events(stream.last))
        assert (two.id, two.digest, two.subject) == (2, to_hex(second.digest), subject_of(second))

    def test_a_service_that_comes_back_is_heard_again(self, api: BrandApi) -> None:
        consented(api)
        server = Server(api.internal_app)
        port = int(server.url.rsplit(":", 1)[1])
        with server:
            stream = ConsentClient(server.url).events(patience=20)
            assert next(stream).id == 1
        from registry.brand.api import build_internal

        consented(api, "bob")
        with Server(build_internal(api.desk), port=port):
            assert next(stream).id == 2
        stream.close()

    def test_one_that_stays_away_is_told_and_asked_again(self) -> None:
        stream = ConsentClient("http://127.0.0.1:9").events(7, patience=0.3)
        for _ in range(2):
            began = time.monotonic()
            with pytest.raises(CouldNotCheck):
                next(stream)
            assert 0.3 < time.monotonic() - began < 5 and stream.last == 7

    def test_closing_ends_a_read_that_waits(self, url: str) -> None:
        stream = ConsentClient(url).events()
        threading.Timer(0.3, stream.close).start()
        began = time.monotonic()
        assert next(stream, None) is None and time.monotonic() - began < 5

    def test_the_asynchronous_ones(self, api: BrandApi, url: str) -> None:
        evidence = consented(api)

        async def listen() -> tuple[str, int]:
            stream = AsyncConsentClient(url).events()
            async for event in stream:
                revoke(api.stage.alice, evidence)
                api.follow()
                if event.kind == "ended":
                    break
            waiting = asyncio.create_task(stream.__anext__())
            await asyncio.sleep(0.2)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            with pytest.raises(StopAsyncIteration):
                await stream.__anext__()
            return event.digest, stream.last

        assert in_a_loop(asyncio.wait_for(listen(), 20)) == (to_hex(evidence.digest), 2)

    def test_an_event_that_came_with_the_cancelling_is_not_passed_over(self) -> None:
        class Slow(EventStream):
            def __next__(self) -> ConsentEvent:
                time.sleep(0.3)
                self.last = 8
                return ConsentEvent(8, "ended", 1, 1, "0x00", "0x00")

        async def listen() -> int:
            stream = AsyncEventStream(Slow("http://127.0.0.1:9", {}, 7, 1.0))
            waiting = asyncio.create_task(stream.__anext__())
            await asyncio.sleep(0.1)
            waiting.cancel()
            await asyncio.sleep(0.5)
            return stream.last

        assert in_a_loop(listen()) == 7

    @pytest.mark.parametrize("line", [b"data: {}", b'id: x\ndata: {"at":1,"block":1,"digest":"","subject":""}'])
    def test_what_is_no_event(self, line: bytes) -> None:
        body = b": alive\n\n" + line + b"\n\n"
        with answering(lambda _: Answer(200, body)) as served, pytest.raises(CouldNotCheck):
            next(ConsentClient(served.url).events(patience=0.5))


def test_importing_it_is_cheap() -> None:
    code = "import sys, registry.brand.consent_client, registry.brand.require_consent; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    roots = {name.split(".")[0] for name in done.stdout.split()}
    assert not roots & {"sqlalchemy", "alembic", "web3", "eth", "eth_account", "eth_tester", "uvicorn", "psycopg"}
