"""A brand's link: what stands behind it is the request that it names, or nothing is answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry.client import links
from registry.client.links import digest_in, fetch_request, foreign_host, is_link
from registry.client.web import Web
from registry.core.errors import BrandUnavailable, InvalidInput, Malformed
from registry.core.evidence.file import MAX_EVIDENCE, write_evidence
from registry.core.scalars import to_hex
from tests.core.test_profiles import HOST, request
from tests.support.builders import evidence_of, request_message
from tests.support.http_answers import Answer, Asked, answering
from tests.support.served_brand import ServedBrand, served_brand

DIGEST = to_hex(request().digest)
LINK = f"https://{HOST}/r/{DIGEST}"
FILE = Answer(body=write_evidence(request()))


def fetched(answer: Answer | Callable[[Asked], Answer], link: str = LINK) -> str:
    with answering(answer if callable(answer) else lambda _: answer) as served:  # type: ignore[arg-type]
        return to_hex(fetch_request(Web({HOST: served.url}), link).digest)


def test_the_request_behind_a_link() -> None:
    assert fetched(FILE) == DIGEST


def test_the_brand_learns_nothing_of_who_asks() -> None:
    with answering(lambda _: FILE) as served:
        fetch_request(Web({HOST: served.url}), LINK)
        (sent,) = served.asked
    assert {name.lower() for name in sent.headers} == {"host", "accept-encoding", "accept", "user-agent"}


@pytest.mark.parametrize(
    ("answer", "error", "why"),
    [
        (Answer(302, headers=(("Location", LINK),)), BrandUnavailable, "answered 302"),
        (Answer(503), BrandUnavailable, "answered 503"),
        (
            Answer(410, b'{"title":"Withdrawn","detail":"the brand has withdrawn this request"}'),
            InvalidInput,
            "withdrawn",
        ),
        (Answer(404, b"<html>"), InvalidInput, "http status 404"),
        (Answer(body=b"<html>"), Malformed, ""),
        (Answer(body=b" " * (MAX_EVIDENCE + 1)), BrandUnavailable, "more than"),
        (Answer(body=b"a" * 1000, repeat=10_000, length=10_000_000), BrandUnavailable, "more than"),
        (Answer(body=b"{}", length=10), BrandUnavailable, "not reachable"),
        (Answer(body=write_evidence(evidence_of(request_message(salt="0x" + "9" * 64)))), Malformed, "another file"),
    ],
)
def test_everything_else_is_no_request(answer: Answer, error: type[Exception], why: str) -> None:
    with pytest.raises(error) as refused:
        fetched(answer)
    assert why in str(refused.value).lower() and type(refused.value) is error


def test_a_slow_one_and_one_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "SECONDS", 0.3)

    def slow(_: Asked) -> Answer:
        time.sleep(2)
        return FILE

    began = time.monotonic()
    with pytest.raises(BrandUnavailable, match="in time"):
        fetched(slow)
    assert time.monotonic() - began < 2.5


HIDDEN = ["::ffff:10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b:1::10.0.0.1", "2002:7f00:1::1", "2001::f5ff:fffe"]


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", *HIDDEN])
def test_a_private_address_is_never_asked(address: str) -> None:
    web = Web(resolve=lambda host, port: ["203.0.114.7", address])
    with pytest.raises(BrandUnavailable, match="no public address"):
        fetch_request(web, LINK)


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "[::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"])
def test_a_private_address_in_the_link_itself_is_never_asked(host: str) -> None:
    with pytest.raises(BrandUnavailable, match="no public address"):
        fetch_request(Web(), f"https://{host}/r/{DIGEST}")


def test_a_resolver_that_hangs_takes_no_longer_than_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "SECONDS", 0.3)
    end, began = threading.Event(), time.monotonic()

    def hang(host: str, port: int) -> list[str]:
        end.wait(20)
        return ["203.0.114.7"]

    with pytest.raises(BrandUnavailable, match="in time"):
        fetch_request(Web(resolve=hang), LINK)
    end.set()
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("host", ["a..b.org", f"{'a' * 70}.org", "xn--a.invalid"])
def test_a_name_that_cannot_be_looked_up(host: str) -> None:
    with pytest.raises(BrandUnavailable):
        fetch_request(Web(), f"https://{host}/r/{DIGEST}")


def test_an_address_on_this_machine_is_asked_only_if_the_network_names_it() -> None:
    with answering(lambda _: FILE) as served:
        link = f"{served.url}/r/{DIGEST}"
        with pytest.raises(InvalidInput, match="without TLS"):
            fetch_request(Web(), link)
        assert served.asked == []
        assert fetch_request(Web({HOST: served.url}), link).kind == "Request"


@pytest.mark.parametrize(
    "link",
    [
        "https://aurelle.example/",
        f"https://aurelle.example/r/{DIGEST[:-1]}",
        f"https://aurelle.example/r/{DIGEST.upper()}",
        f"https://someone:secret@aurelle.example/r/{DIGEST}",
        f"https://aurelle.example/r/{DIGEST}?who=alice",
        f"https://aurelle.example/r/{DIGEST}#alice",
        f"https://aurelle.example:0/r/{DIGEST}",
        f"https://aurelle.example /r/{DIGEST}",
        "https://[::1",
    ],
)
def test_what_is_no_link(link: str) -> None:
    assert is_link(link)
    with pytest.raises(InvalidInput) as refused:
        digest_in(link)
    assert "secret" not in str(refused.value)


def test_a_scheme_may_be_in_capitals() -> None:
    link = LINK.replace("https", "HTTPS")
    assert is_link(link) and digest_in(link) == DIGEST and fetched(FILE, link) == DIGEST


def test_a_link_on_another_host_is_told() -> None:
    assert foreign_host(LINK, request()) == ""
    assert foreign_host(f"https://consent.{HOST}/r/{DIGEST}", request()) == ""
    assert foreign_host(f"https://not{HOST}/r/{DIGEST}", request()) == f"not{HOST}"


class TestAtTheBrand:
    @pytest.fixture
    def served(self, tmp_path: Path) -> Iterator[ServedBrand]:
        with served_brand(tmp_path) as made:
            yield made

    def test_the_link_that_the_brand_gave(self, served: ServedBrand) -> None:
        asked, link = served.ask()
        assert fetch_request(served.deliveries.web, link) == asked
        served.api.brand.store.withdraw(asked.digest, served.api.stage.clock())
        with pytest.raises(InvalidInput, match="has withdrawn this request"):
            fetch_request(served.deliveries.web, link)
