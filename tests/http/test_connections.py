"""The limit of connections: one network cannot take the places of all others; a proxy's connections do not count."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from registry.http.limits import Places
from registry.http.serving import Server
from tests.support.http_service import sample_app

MOST = 5
ASK = b"GET /v1/prefix HTTP/1.1\r\nHost: x\r\n\r\n"


@contextmanager
def served(**more: Any) -> Iterator[tuple[FastAPI, int]]:
    app = sample_app(connections=MOST, **more)
    with Server(app) as server:
        yield app, int(server.url.rpartition(":")[2])


def connected(stack: ExitStack, port: int, source: str = "127.0.0.1") -> socket.socket:
    found = socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(source, 0))
    return stack.enter_context(found)


def answer(connection: socket.socket, sent: bytes = ASK) -> bytes:
    """Send a request, and read what comes; nothing where the connection is reset."""
    try:
        connection.sendall(sent)
        found = b""
        while not found.endswith(b"}") and (piece := connection.recv(65_536)):
            found += piece
        return found
    except OSError:
        return b""


def comes(is_true: Callable[[], bool]) -> bool:
    return any(is_true() or time.sleep(0.02) for _ in range(250))


def test_a_connection_above_the_limit_is_refused_and_other_networks_find_a_place() -> None:
    with served() as (_, port), ExitStack() as stack:
        idle = [connected(stack, port) for _ in range(MOST)]
        assert comes(lambda: answer(idle[-1]).startswith(b"HTTP/1.1 200 "))
        refused = connected(stack, port, "127.0.0.99")  # another address of the same network
        said = refused.recv(65_536)  # before anything is asked
        assert said.startswith(b"HTTP/1.1 429 ") and b'"TooManyConnections"' in said and b"retry-after:" in said
        assert refused.recv(1) == b""
        assert answer(connected(stack, port, "127.0.1.1")).startswith(b"HTTP/1.1 200 ")
        assert all(answer(one).startswith(b"HTTP/1.1 200 ") for one in idle)
        idle.pop().close()
        assert comes(lambda: answer(connected(stack, port)).startswith(b"HTTP/1.1 200 "))


def test_a_client_reads_the_refusal_as_a_problem() -> None:
    with served() as (_, port), ExitStack() as stack:
        for _ in range(MOST):
            connected(stack, port)
        time.sleep(0.2)
        found = httpx.get(f"http://127.0.0.1:{port}/v1/prefix", timeout=10)
        assert (found.status_code, found.json()["title"]) == (429, "TooManyConnections")
        assert found.headers["retry-after"] == "5"


def test_who_is_still_sending_reads_the_refusal_too() -> None:
    with served() as (app, port), ExitStack() as stack:
        for _ in range(MOST):
            connected(stack, port)
        time.sleep(0.2)
        for _ in range(20):
            one = connected(stack, port)
            one.sendall(ASK + b"x" * 100_000)
            assert answer(one, b"y" * 1000).startswith(b"HTTP/1.1 429 ")
        assert comes(lambda: not app.state.door.lingering)


def test_a_flood_of_refused_connections_holds_few_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.http.connections.MOST_LINGERING", 2)
    with served() as (app, port), ExitStack() as stack:
        for _ in range(MOST + 10):
            connected(stack, port)
        time.sleep(0.2)
        assert app.state.door.lingering <= 2
        assert comes(lambda: not app.state.door.lingering)


def test_places_are_given_back_however_a_connection_ends() -> None:
    with served() as (app, port):
        for sent in (b"", ASK, ASK[:20], b"rubbish\r\n\r\n"):
            for _ in range(3 * MOST):
                with ExitStack() as stack:
                    one = connected(stack, port)
                    one.sendall(sent)
        assert comes(lambda: not app.state.door.connections._taken)
        assert comes(lambda: not app.state.door.requests._taken)


def test_a_proxys_connections_do_not_count() -> None:
    with served(proxies=("127.0.0.1",)) as (_, port), ExitStack() as stack:
        for _ in range(3 * MOST):
            assert answer(connected(stack, port)).startswith(b"HTTP/1.1 200 ")
        others = [connected(stack, port, "127.0.0.2") for _ in range(MOST + 1)]  # no proxy of ours
        assert comes(lambda: any(answer(one).startswith(b"HTTP/1.1 429 ") for one in others))


def test_behind_a_proxy_the_requests_of_a_network_at_once_are_bounded() -> None:
    app, gate, inside = sample_app(connections=1, proxies=("127.0.0.1",)), threading.Event(), threading.Event()

    @app.get("/v1/slow")
    def slow() -> None:
        inside.set()
        gate.wait(10)

    with Server(app) as server, ExitStack() as stack:
        port = int(server.url.rpartition(":")[2])
        mine, other = ({"X-Forwarded-For": address} for address in ("203.0.113.7", "198.51.100.7"))
        asked = f"GET /v1/slow HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {mine['X-Forwarded-For']}\r\n\r\n"
        first = connected(stack, port)
        first.sendall(asked.encode())
        assert inside.wait(10)
        found = httpx.get(server.url + "/v1/prefix", headers=mine)
        assert (found.status_code, found.json()["title"]) == (429, "TooManyConnections")
        assert httpx.get(server.url + "/v1/prefix", headers=other).status_code == 200
        gate.set()
        assert first.recv(65_536).startswith(b"HTTP/1.1 200 ")
        assert httpx.get(server.url + "/v1/prefix", headers=mine).status_code == 200


def test_places_are_counted_for_each_prefix() -> None:
    places = Places(2)
    assert [places.enter("a"), places.enter("a"), places.enter("a"), places.enter("b")] == [True, True, False, True]
    places.leave("a")
    assert places.enter("a") and not places.enter("a")
    for prefix in ("a", "a", "b"):
        places.leave(prefix)
    assert not places._taken  # a prefix that has left takes no memory


@pytest.mark.parametrize("path", ["/v1/prefix", "/v1/fails/bug", "/v1/fails/ledger", "/no"])
def test_a_request_gives_its_place_back_however_it_ends(path: str) -> None:
    client = TestClient(sample_app(connections=1), client=("203.0.113.7", 1))
    assert 429 not in {client.get(path).status_code for _ in range(3)}
