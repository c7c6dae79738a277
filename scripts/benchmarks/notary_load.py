"""A load generator for services: raw HTTP/1.1 over a few connections, with bodies that are encoded before."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Sequence
from typing import NamedTuple

BEARER = "bench"
_STATUS = (b"HTTP/1.1 200", b"HTTP/1.1 201", b"HTTP/1.1 202")
_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Pace(NamedTuple):
    """Requests that are sent at a steady rate, whatever the answers take."""

    asks: Sequence[bytes]
    per_second: float
    connections: int


def post(
    path: str, body: bytes, media_type: str = "application/json", *, pays: bool = True, host: str = "bench"
) -> bytes:
    """Return the bytes of a request; a sponsor pays for it, or the free allowance."""
    paying = f"Authorization: Bearer {BEARER}\r\n" if pays else ""
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\n{paying}Content-Type: {media_type}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def get(path: str) -> bytes:
    """Return the bytes of a request."""
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()


def commit(items: Sequence[bytes], *, pays: bool = True) -> bytes:
    """Return a request that has these commitments anchored."""
    words = ["0x" + item.hex() for item in items]
    return post("/v1/commitments", json.dumps({"commitments": words}).encode(), pays=pays)


def send_all(url: str, asks: Sequence[bytes], connections: int) -> tuple[float, list[bytes]]:
    """Send each as soon as a connection is free; return the seconds that all took, and the bodies of the answers."""
    return asyncio.run(_send_all(url, asks, connections))


def send_steadily(url: str, pace: Pace, beside: Pace) -> list[float]:
    """Send both at their paces, and return the seconds of each of the first from when it was due."""

    async def both() -> list[float]:
        took, _ = await asyncio.gather(_send_steadily(url, pace), _send_steadily(url, beside))
        return took

    return asyncio.run(both())


async def _send_all(url: str, asks: Sequence[bytes], connections: int) -> tuple[float, list[bytes]]:
    left, answers = iter(enumerate(asks)), [b""] * len(asks)

    async def sender(connection: _Connection) -> None:
        for place, ask in left:
            answers[place] = await _exchange(connection, ask)
        connection[1].close()

    opened = [await _connect(url) for _ in range(connections)]
    began = time.perf_counter()
    await asyncio.gather(*map(sender, opened))
    return time.perf_counter() - began, answers


async def _send_steadily(url: str, pace: Pace) -> list[float]:
    free: asyncio.Queue[_Connection] = asyncio.Queue()
    for _ in range(pace.connections):
        free.put_nowait(await _connect(url))
    took: list[float] = []

    async def send(ask: bytes, due: float) -> None:
        connection = await free.get()
        await _exchange(connection, ask)
        free.put_nowait(connection)
        took.append(time.perf_counter() - due)

    began, tasks = time.perf_counter(), []
    for place, ask in enumerate(pace.asks):
        due = began + place / pace.per_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(send(ask, due)))
    await asyncio.gather(*tasks)
    return took


async def _connect(url: str) -> _Connection:
    host, _, port = url.removeprefix("http://").rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def _exchange(connection: _Connection, ask: bytes) -> bytes:
    reader, writer = connection
    writer.write(ask)
    answered = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", answered, re.IGNORECASE)
    body = await reader.readexactly(0 if length is None else int(length[1]))
    if not answered.startswith(_STATUS):
        raise RuntimeError(f"the service refused: {body[:200]!r}")
    return body
