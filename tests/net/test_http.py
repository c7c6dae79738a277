"""The HTTP client: its answers and errors, and that the environment does not change its target."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest

from registry.net.http import CutOff, Response, TooLarge, Unreachable, Untrusted, _connection, fetch
from tests.support.http_answers import Answer, answering
from tests.support.tcp_proxy import Proxy

BODY = b"0123456789"


def get(url: str, seconds: float = 10, max_bytes: int = 10, needs_length: bool = True) -> Response:
    return fetch("GET", url, seconds=seconds, max_bytes=max_bytes, needs_length=needs_length)


def test_an_answer_is_returned_with_its_headers() -> None:
    with answering(lambda _: Answer(body=BODY, headers=(("X-Kind", "test"),))) as served:
        response = fetch("POST", f"{served.url}/a?b=c", body=b"x", headers={"X-A": "1"}, seconds=10, max_bytes=10)
    assert (response.status, response.headers["x-kind"], response.body) == (200, "test", BODY)
    assert served.asked[0].path == "/a?b=c" and served.asked[0].headers["X-A"] == "1"


def test_a_redirect_is_returned_and_not_followed() -> None:
    with answering(lambda _: Answer(302, headers=(("Location", "/elsewhere"),))) as served:
        assert get(served.url).status == 302
    assert [asked.path for asked in served.asked] == ["/"]


def test_the_environment_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, nobody)
    monkeypatch.delenv("no_proxy", raising=False)
    with answering(lambda _: Answer(body=BODY)) as served:
        assert get(served.url).body == BODY
    assert "Authorization" not in served.asked[0].headers


def test_a_body_of_unknown_length_is_refused_unless_it_shows_its_own_end() -> None:
    with answering(lambda _: Answer(body=BODY, length=-1)) as served:
        with pytest.raises(CutOff):
            get(served.url)
        assert get(served.url, needs_length=False).body == BODY


@pytest.mark.parametrize("status", [200, 202])
@pytest.mark.parametrize("length", [11, 1_000])
def test_a_body_that_ends_early_is_cut_off(length: int, status: int) -> None:
    with answering(lambda _: Answer(status, BODY, length=length)) as served, pytest.raises(CutOff):
        get(served.url, max_bytes=2_000)


def test_a_body_beyond_the_limit_is_not_read_to_its_end() -> None:
    endless = Answer(body=bytes(1 << 16), repeat=10_000, length=10_000 << 16)
    with answering(lambda _: endless) as served, pytest.raises(TooLarge, match="more than 10 bytes"):
        get(served.url)


@pytest.mark.parametrize("answer", [Answer(404, BODY * 2), Answer(404, BODY, length=99), Answer(404, BODY, length=-1)])
def test_the_body_of_an_error_may_be_long_or_cut(answer: Answer) -> None:
    with answering(lambda _: answer) as served:
        assert get(served.url)[::2] == (404, BODY)


@pytest.mark.parametrize("needs_length", [True, False])
@pytest.mark.parametrize("length", [None, -1])
def test_bytes_that_drip_end_with_the_time(length: int | None, needs_length: bool) -> None:
    with answering(lambda _: Answer(body=BODY, length=length)) as served, Proxy(served.port) as proxy:
        proxy.drip = 0.02
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            get(proxy.url, 0.3, needs_length=needs_length)
    assert time.monotonic() - began < 5


def test_all_addresses_of_a_host_together_have_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as kept:
        server = kept.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):  # more than its queue takes
            waiting = kept.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        known, port = socket.getaddrinfo, server.getsockname()[1]

        def four_times(host: str, *more: Any, **options: Any) -> Any:
            return known("127.0.0.1", *more, **options) * 4 if host == "many.test" else known(host, *more, **options)

        monkeypatch.setattr(socket, "getaddrinfo", four_times)
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            get(f"http://many.test:{port}", 0.5)
    assert time.monotonic() - began < 1


def test_another_host_may_stand_for_the_one_of_the_url() -> None:
    with answering(lambda _: Answer(body=BODY)) as served:
        url = f"http://cid.ipfs.example:{served.port}/a"
        response = fetch("GET", url, seconds=10, max_bytes=10, resolve_to="127.0.0.1")
    assert response.body == BODY and served.asked[0].headers["Host"] == f"cid.ipfs.example:{served.port}"


@pytest.mark.parametrize(
    ("url", "port"), [("http://[::1]/", 80), ("https://[::1]/", 443), ("http://[::1]:8545/", 8545)]
)
def test_the_end_of_an_address_is_no_port(url: str, port: int) -> None:
    """http.client took the 1 of ::1 for a port where the URL named none."""
    connection = _connection(urlsplit(url))
    assert (connection.host, connection.port) == ("::1", port)


def test_nobody_there_is_told_without_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(Unreachable, match=r"^not reachable \(Connection refused\)$") as caught:
        get(f"http://127.0.0.1:{port}/key")
    assert type(caught.value) is Unreachable


def test_a_peer_that_speaks_no_tls_is_not_trusted() -> None:
    with answering(lambda _: Answer(body=BODY)) as served, pytest.raises(Untrusted):
        get(served.url.replace("http:", "https:"))
