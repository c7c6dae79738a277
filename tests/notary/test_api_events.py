"""``/v1/events`` behind a real uvicorn: all events to all alike, resumable, bounded, and ended in order."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from registry.core.scalars import to_hex
from registry.http import feed as route
from registry.http.feed import Feed
from registry.http.serving import Server
from registry.notary.records import Event, EventKind
from tests.support.loops import in_a_loop
from tests.support.notary_api import NOW, Desk, notary_api

SECONDS = 20.0


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Desk, str]]:
    with notary_api(tmp_path / "notary") as desk, Server(desk.app) as server:
        yield desk, server.url + "/v1/events"


def an_event(number: int, kind: EventKind = EventKind.REVOKED) -> Event:
    manifest = bytes([1]) * 32 if kind is EventKind.ANCHORED else b""
    return Event(0, kind, sha256(number.to_bytes(4, "big")).digest(), manifest, number, NOW + number)


def read(url: str, count: int, last: str | None = None) -> list[tuple[str, str, dict[str, Any]]]:
    """Read so many events: (id, kind, data)."""
    headers, found, fields = {} if last is None else {"Last-Event-ID": last}, [], dict[str, str]()
    with httpx.stream("GET", url, headers=headers, timeout=SECONDS) as answer:
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "data" in fields:
                found.append((fields["id"], fields["event"], json.loads(fields["data"])))
                fields = {}
                if len(found) == count:
                    return found
    raise AssertionError(f"the stream ended after {len(found)} events")


def test_events_come_in_order_and_a_listener_goes_on_where_it_was(served: tuple[Desk, str]) -> None:
    desk, url = served
    kinds = [EventKind.ANCHORED, EventKind.REVOKED, EventKind.REVOKED]
    desk.api.book.add_events([an_event(number, kind) for number, kind in enumerate(kinds)])
    found = read(url, 3)
    assert [kind for _, kind, _ in found] == ["anchored", "revoked", "revoked"]
    assert found[0][2] == {
        "word": to_hex(an_event(0).word), "manifest": to_hex(bytes([1]) * 32), "block": 0, "time": NOW
    }  # fmt: skip
    assert found[1][2] == {"word": to_hex(an_event(1).word), "block": 1, "time": NOW + 1}
    assert read(url, 2, last=found[0][0]) == found[1:]


def test_an_id_of_another_database_begins_anew(served: tuple[Desk, str]) -> None:
    desk, url = served
    desk.api.book.add_events([an_event(0), an_event(1)])
    assert read(url, 2, last="99") == read(url, 2)


def test_all_who_listen_hear_what_happens_meanwhile(served: tuple[Desk, str]) -> None:
    desk, url = served
    heard: list[list[Any]] = []
    listeners = [threading.Thread(target=lambda: heard.append(read(url, 1_203)), daemon=True) for _ in range(3)]
    for listener in listeners:
        listener.start()
    for start, end in ((0, 1_200), (1_200, 1_201), (1_201, 1_203)):
        time.sleep(0.7)
        desk.api.book.add_events([an_event(number) for number in range(start, end)])
    for listener in listeners:
        listener.join(SECONDS)
    wanted = [to_hex(an_event(number).word) for number in range(1_203)]
    assert [[data["word"] for _, _, data in one] for one in heard] == [wanted] * 3


def test_an_event_is_told_within_a_second(served: tuple[Desk, str]) -> None:
    desk, url = served
    desk.api.book.add_events([an_event(0)])
    times = []

    def listen() -> None:
        read(url, 2)
        times.append(time.monotonic())

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    time.sleep(1)
    began = time.monotonic()
    desk.api.book.add_events([an_event(1)])
    listener.join(SECONDS)
    assert times[0] - began < 1.5


@pytest.mark.parametrize("limit", ["MOST_LISTENERS", "MOST_OF_A_PREFIX"])
def test_only_so_many_may_listen(served: tuple[Desk, str], monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    desk, url = served
    monkeypatch.setattr(route, limit, 1)
    desk.api.book.add_events([an_event(0)])
    with httpx.stream("GET", url, timeout=SECONDS) as first:
        lines = first.iter_lines()  # kept, because httpx closes the stream with it
        next(lines)
        refused = httpx.get(url, timeout=SECONDS)
        assert (refused.status_code, refused.json()["title"]) == (503, "TooManyListeners")
        assert "retry-after" in refused.headers
    for _ in range(100):
        with httpx.stream("GET", url, timeout=SECONDS) as again:
            if again.status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError("a listener that left still counts")


@pytest.mark.parametrize("limit", ["MOST_LISTENERS", "MOST_OF_A_PREFIX"])
def test_a_burst_cannot_pass_the_limit(served: tuple[Desk, str], monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(route, limit, 3)
    port = int(served[1].split(":")[2].split("/")[0])
    with ExitStack() as stack:
        burst = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10)) for _ in range(20)]
        for one in burst:
            one.sendall(b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
        statuses = Counter(one.recv(65_536).split()[1] for one in burst)
    assert statuses == {b"200": 3, b"503": 17}


def test_a_listener_that_left_before_its_answer_began_counts_no_more() -> None:
    async def leaves() -> Counter[str]:
        feed = Feed[Event](cast(Any, None), cast(Any, None))
        stream = route._Stream(feed, "203.0.113.0/24", 0)
        assert feed.listeners == {"203.0.113.0/24": 1}

        async def send(_: object) -> None:
            raise OSError

        async def receive() -> dict[str, str]:
            return {"type": "http.disconnect"}

        with suppress(BaseException):
            await stream({"type": "http", "method": "GET", "headers": []}, receive, send)
        return feed.listeners

    assert in_a_loop(leaves()) == {}


@pytest.mark.parametrize("last", ["x", "-1", "1" * 16, "٣".encode().decode("latin-1")])
def test_another_last_id_is_malformed(served: tuple[Desk, str], last: str) -> None:
    answer = httpx.get(served[1], headers={b"Last-Event-ID": last.encode("latin-1")}, timeout=SECONDS)
    assert (answer.status_code, answer.json()["title"]) == (422, "Malformed")


def test_a_service_that_stops_ends_its_streams(tmp_path: Path) -> None:
    with notary_api(tmp_path / "notary") as desk:
        desk.api.book.add_events([an_event(0)])
        server = Server(desk.app)
        with server:
            stream = httpx.stream("GET", server.url + "/v1/events", timeout=SECONDS)
            lines = stream.__enter__().iter_lines()
            next(lines)
            began = time.monotonic()
        assert time.monotonic() - began < 3  # the grace for requests under way is 10 s
        list(lines)
        stream.__exit__(None, None, None)
