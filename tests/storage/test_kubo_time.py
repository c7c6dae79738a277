"""Time limits of the Kubo store: a node that is stopped, a slow connection, a person who interrupts."""

from __future__ import annotations

import io
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from registry.core.errors import StorageSlow, StorageUnavailable
from registry.core.ipld.cid import MAX_BLOCK_BYTES
from registry.core.ipld.unixfs import file_blocks, read_file
from registry.fs.streams import PieceReader
from registry.storage import kubo_rpc, kubo_transport
from registry.storage.kubo import KuboBlocks
from registry.storage.kubo_transport import CHUNK_BYTES
from registry.storage.prefetch import PART_BYTES
from tests.support.http_answers import Answer, answering
from tests.support.kubo_calls import CALLS, ONE, hurried, noise, refused, stopped
from tests.support.kubo_node import Node
from tests.support.tcp_proxy import Proxy

ROOT = Path(__file__).resolve().parents[2]
# More than the system buffers for a connection that nobody reads from.
LARGE = [noise(MAX_BLOCK_BYTES, 500 + n) for n in range(12)]
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("short_pauses")]


@pytest.mark.parametrize("name", CALLS)
def test_a_node_that_is_stopped(own: Node, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubo_rpc, "COLLECT_SECONDS", 0.2)
    with KuboBlocks(own.address) as patient, hurried(own.address, 0.2) as store:
        patient.put([ONE])
        with stopped(own):
            started = time.monotonic()
            assert "within 0.2 seconds" in str(refused(lambda: CALLS[name](store), StorageSlow))
            assert time.monotonic() - started < 8
        assert patient.get(ONE.cid) == ONE.data


def test_a_large_put_to_a_node_that_is_stopped(own: Node) -> None:
    with hurried(own.address, 0.4) as store, stopped(own):
        blocks = [noise(MAX_BLOCK_BYTES, n) for n in range(8)]
        assert "within 0.4 seconds" in str(refused(lambda: store.put(blocks), StorageSlow))


def test_a_narrow_line_takes_a_batch_of_small_blocks(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """The 2 s bound each piece of the upload, not the whole of it, which takes longer."""
    monkeypatch.setattr(kubo_transport, "CONNECT_SECONDS", 2.0)
    proxy.narrow = 0.02
    blocks = [noise(16_000, n) for n in range(700)]
    with KuboBlocks(proxy.address) as store:
        store.put(blocks)
        assert store.stat().blocks >= len(blocks)


def test_the_error_names_the_limit_of_a_stuck_upload(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubo_transport, "CONNECT_SECONDS", 0.2)
    proxy.narrow = 60
    with KuboBlocks(proxy.address) as store:
        message = str(refused(lambda: store.put(LARGE), StorageSlow))
        assert "took no more of the request within 0.2 seconds" in message


def test_the_error_names_the_limit_of_connecting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubo_transport, "CONNECT_SECONDS", 0.5)
    with ExitStack() as kept:
        server = kept.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):  # more than its queue holds
            waiting = kept.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        store = kept.enter_context(KuboBlocks(f"/ip4/127.0.0.1/tcp/{server.getsockname()[1]}"))
        assert "did not answer within 0.5 seconds" in str(refused(store.stat, StorageSlow))


def test_a_line_that_stops_once_is_not_noticed(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubo_transport, "CONNECT_SECONDS", 1.0)
    proxy.narrow = 60
    # The first connection stays stuck in its long pause.
    threading.Timer(0.3, setattr, (proxy, "narrow", 0)).start()
    with KuboBlocks(proxy.address) as store:
        store.put(LARGE)
        assert all(store.has(each.cid) for each in LARGE)


def test_a_batch_is_sent_in_pieces_and_knows_its_length() -> None:
    for size in (1, 1000, 65_535, CHUNK_BYTES - 1, CHUNK_BYTES):
        parts = [bytes([n % 251]) * size for n in range(max(3, 600_000 // size))]
        body = kubo_transport.Body(parts)
        pieces = list(body)
        assert b"".join(pieces) == b"".join(parts) and len(body) == size * len(parts)
        assert max(map(len, pieces)) <= CHUNK_BYTES and list(body) == pieces
        assert len(pieces) <= 2 * len(body) // CHUNK_BYTES + 2


def test_a_batch_is_sent_with_its_length() -> None:
    with answering(lambda asked: Answer(body=b'{"Version":"0.42.0"}')) as server, hurried(server.url, 5) as store:
        with suppress(StorageUnavailable):
            store.put([ONE], public=True)
        (sent,) = [each for each in server.asked if "/dag/import" in each.path][:1]
        assert "Transfer-Encoding" not in sent.headers and int(sent.headers["Content-Length"]) > len(ONE.data)


@pytest.mark.parametrize("name", CALLS)
def test_a_slow_line(proxy: Proxy, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubo_rpc, "COLLECT_SECONDS", 0.1)
    proxy.delay = 0.2
    with hurried(proxy.address, 0.1) as store:
        assert "within 0.1 seconds" in str(refused(lambda: CALLS[name](store), StorageSlow))
    monkeypatch.undo()
    proxy.delay = 0.02
    with KuboBlocks(proxy.address, seconds=10) as patient:
        CALLS[name](patient)


@pytest.mark.parametrize("name", CALLS)
def test_headers_that_drip(proxy: Proxy, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubo_rpc, "COLLECT_SECONDS", 0.2)
    # Each byte arrives well within the limit; the headers alone would take some nine seconds.
    proxy.drip = 0.03
    with hurried(proxy.address, 0.2) as store:
        started = time.monotonic()
        assert "did not answer within" in str(refused(lambda: CALLS[name](store), StorageSlow))
        assert time.monotonic() - started < 6


def test_a_body_that_drips(proxy: Proxy, kubo: Node) -> None:
    made = noise(20_000)
    with KuboBlocks(kubo.address) as patient, hurried(proxy.address, 1) as store:
        patient.put([made])
        # Headers of a few hundred bytes are through in time.
        proxy.drip = 0.0005
        started = time.monotonic()
        assert "within 1 seconds" in str(refused(lambda: store.get(made.cid), StorageSlow))
        assert time.monotonic() - started < 8


PUT = "store.put([*file_blocks(io.BytesIO(bytes(range(256)) * 80_000))])"
READ = "leaves = read_file(sys.argv[2], store.reader(sys.argv[2])); next(leaves)"
SCRIPT = """
import io, sys
from registry.core.ipld.unixfs import file_blocks, read_file
from registry.storage.kubo import KuboBlocks

store = KuboBlocks(sys.argv[1], seconds=30)
store.about()
{before}
print("ready", flush=True)
sys.stdin.readline()
{hangs}
"""


@pytest.mark.parametrize(
    ("before", "hangs"),
    [("", PUT), (READ, "for leaf in leaves: pass"), ("", "store.get(sys.argv[2])")],
    ids=["put", "read", "get"],
)
def test_an_interruption_waits_for_no_node(own: Node, before: str, hangs: str) -> None:
    file = list(file_blocks(PieceReader(noise(PART_BYTES, n).data for n in range(4))))
    with KuboBlocks(own.address) as store:
        store.put(file)
    command = [sys.executable, "-c", SCRIPT.format(before=before, hangs=hangs), own.address, file[-1].cid]
    with subprocess.Popen(command, cwd=ROOT, stdin=-1, stdout=-1, stderr=-1, text=True) as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "ready\n"
        with stopped(own):
            process.stdin.write("go\n")
            process.stdin.flush()
            time.sleep(0.5)
            assert process.poll() is None
            process.send_signal(signal.SIGINT)
            started = time.monotonic()
            assert process.wait(40) == -signal.SIGINT
            assert time.monotonic() - started < 15  # not the 30 s that the node has
        assert "KeyboardInterrupt" in process.stderr.read()


def test_a_slow_line_reads_a_large_file(proxy: Proxy, kubo: Node) -> None:
    """A part of 8 MiB once had only the time of a single leaf, so a line of 2 Mbit/s read no large file.

    The bytes that came in time are used, and the rest is asked for leaf by leaf.
    """
    data = random.Random(8).randbytes(PART_BYTES)
    blocks = list(file_blocks(io.BytesIO(data)))
    root = blocks[-1].cid
    with KuboBlocks(kubo.address) as quick:
        quick.put(blocks)
    # Pieces have 64 KiB at most: a part is 128 of them, a leaf 4.
    proxy.delay = 0.01
    with KuboBlocks(proxy.address, seconds=1) as store:
        assert b"".join(read_file(root, store.reader(root))) == data
