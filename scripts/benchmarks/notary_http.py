"""The API behind uvicorn, in a process of its own, on SQLite and PostgreSQL: ingestion, single requests, tokens."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from registry.core.crypto.privacy_pass import REQUEST_TYPE, draw_token, finish_token, read_token_key
from registry.net.http import fetch
from scripts.benchmarks.figures import Figure
from tests.support.postgres import running_postgres

ROOT = Path(__file__).resolve().parents[2]
REQUESTS, PER_REQUEST, CONNECTIONS = 1_000, 1_000, 8
SINGLES, SINGLES_A_SECOND, SINGLE_CONNECTIONS = 4_000, 200, 40
TOKENS = 2_000
_START_SECONDS, _CLOSE_SECONDS = 30, 0.5

# Batches close in another process, as a worker's do.
_CLOSE = """
import sys, time
from pathlib import Path
from registry.notary.settings import NotarySettings
from registry.notary.stores import open_stores
book = open_stores(Path(sys.argv[1]), NotarySettings(database=sys.argv[2])).book
while True:
    book.close_batch(int(time.time()), items=32_768, seconds=2)
    time.sleep(float(sys.argv[3]))
"""


class Ask(NamedTuple):
    """One request: its path, its body, and the body's type."""

    path: str
    body: bytes
    media_type: str = "application/json"


def measure() -> Iterator[Figure]:
    """Measure what one process of the API does on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _measure_on("SQLite", "", Path(folder), ">= 400000")
    with running_postgres() as server, tempfile.TemporaryDirectory() as folder:
        yield from _measure_on("PostgreSQL", server.new_database(), Path(folder), ">= 200000")


def _measure_on(name: str, database: str, folder: Path, goal: str) -> Iterator[Figure]:
    with _running([sys.executable, "-m", "tests.support.notary_served", str(folder), database]) as served:
        assert served.stdout is not None
        url = served.stdout.readline().strip()
        many = [_commitments(PER_REQUEST) for _ in range(REQUESTS)]
        seconds = asyncio.run(_send_all(url, many, CONNECTIONS))
        yield Figure(
            f"{name}: over HTTP, requests of {PER_REQUEST:,}", REQUESTS * PER_REQUEST / seconds, "commitments/s", goal
        )
        with _running([sys.executable, "-c", _CLOSE, str(folder), database, str(_CLOSE_SECONDS)]):
            took = sorted(asyncio.run(_send_steadily(url, [_commitments(1) for _ in range(SINGLES)])))
        what = f"{name}: over HTTP, single requests at {SINGLES_A_SECOND}/s while batches close"
        yield Figure(f"{what}, median", took[SINGLES // 2] * 1_000, "ms")
        yield Figure(f"{what}, p99", took[SINGLES * 99 // 100] * 1_000, "ms", "<= 25")
        yield Figure(f"{name}: tokens drawn by a sponsor", TOKENS / _draw(url), "/s", ">= 500")
        yield Figure(f"{name}: peak of the API's process", _peak(served.pid), "MB", "<= 200")


@contextmanager
def _running(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=_START_SECONDS)


def _commitments(count: int) -> Ask:
    words = ["0x" + os.urandom(32).hex() for _ in range(count)]
    return Ask("/v1/commitments", json.dumps({"commitments": words}).encode())


def _draw(url: str) -> float:
    info = json.loads(fetch("GET", f"{url}/v1/info", seconds=_START_SECONDS, max_bytes=65_536).body)
    key = read_token_key(urlsafe_b64decode(info["tokenKeys"][0]["key"]))
    draws = [draw_token(key) for _ in range(TOKENS)]
    seconds = asyncio.run(_send_all(url, [Ask("/v1/tokens", one.request, REQUEST_TYPE) for one in draws], CONNECTIONS))
    answer = asyncio.run(_send_one(url, Ask("/v1/tokens", draws[0].request, REQUEST_TYPE)))
    finish_token(draws[0], answer)
    return seconds


def _peak(process: int) -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return 0.0 if found is None else int(found[1]) * 1_024 / 1e6


async def _send_one(url: str, ask: Ask) -> bytes:
    return await _exchange(*await _connect(url), ask)


async def _send_all(url: str, asks: Sequence[Ask], connections: int) -> float:
    """Send each as soon as a connection is free; return the seconds that all took."""
    left = iter(asks)

    async def sender() -> None:
        reader, writer = await _connect(url)
        for ask in left:
            await _exchange(reader, writer, ask)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(sender() for _ in range(connections)))
    return time.perf_counter() - began


async def _send_steadily(url: str, asks: Sequence[Ask]) -> list[float]:
    """Send at a steady pace, and return the seconds of each from when it was due."""
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(SINGLE_CONNECTIONS):
        free.put_nowait(await _connect(url))
    took: list[float] = []

    async def send(ask: Ask, due: float) -> None:
        connection = await free.get()
        await _exchange(*connection, ask)
        free.put_nowait(connection)
        took.append(time.perf_counter() - due)

    began, tasks = time.perf_counter(), []
    for place, ask in enumerate(asks):
        due = began + place / SINGLES_A_SECOND
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(send(ask, due)))
    await asyncio.gather(*tasks)
    return took


async def _connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = url.removeprefix("http://").rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ask: Ask) -> bytes:
    head = (
        f"POST {ask.path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer bench\r\nContent-Type: {ask.media_type}\r\n"
    )
    writer.write(f"{head}Content-Length: {len(ask.body)}\r\n\r\n".encode() + ask.body)
    await writer.drain()
    answered = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", answered, re.IGNORECASE)
    body = await reader.readexactly(0 if length is None else int(length[1]))
    if not answered.startswith((b"HTTP/1.1 200", b"HTTP/1.1 202")):
        raise RuntimeError(f"the notary refused: {body[:200]!r}")
    return body
