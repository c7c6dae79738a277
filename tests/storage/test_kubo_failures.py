"""The errors of the Kubo store when the node or the connection to it fails."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from registry.core.errors import (
    BlockMismatch,
    StorageCut,
    StorageDown,
    StorageFull,
    StorageTooOld,
    StorageUnavailable,
)
from registry.core.ipld.cid import MAX_BLOCK_BYTES, Block
from registry.core.ipld.unixfs import LEAF_BYTES, file_blocks, read_file
from registry.storage import errors
from registry.storage.kubo import MAX_BATCH_BYTES, KuboBlocks
from tests.support.kubo_calls import CALLS, FILE, MANY, ONE, freeze, noise, refused, unused_port
from tests.support.kubo_node import Node, running
from tests.support.tcp_proxy import Proxy

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("short_pauses")]


def wait_until(holds: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("name", CALLS)
def test_a_node_that_is_away(name: str) -> None:
    with KuboBlocks(f"/ip4/127.0.0.1/tcp/{unused_port()}") as store:
        assert "cannot be reached" in str(refused(lambda: CALLS[name](store), StorageDown))


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("at", [0, 9, 40, 100, 200, 320])
def test_an_answer_that_is_cut(proxy: Proxy, name: str, at: int) -> None:
    with KuboBlocks(proxy.address, seconds=5) as store:
        right = CALLS[name](store)
        store.put([ONE])
        proxy.drop()
        proxy.cut = at
        try:
            answer = CALLS[name](store)
        except StorageUnavailable as error:
            assert type(error) is StorageCut
            assert "broke off" in str(error)
        else:
            # Some answers are whole within 320 bytes: those must be right.
            assert at == 320
            assert answer == right


def test_a_request_that_is_cut(proxy: Proxy, kubo: Node) -> None:
    made = [noise(MAX_BLOCK_BYTES, n) for n in range(4)]
    with KuboBlocks(proxy.address, seconds=10) as store, KuboBlocks(kubo.address) as direct:
        before = direct.stat().blocks
        proxy.cut_requests = 2 * MAX_BLOCK_BYTES
        assert "broke off" in str(refused(lambda: store.put(made), StorageCut))
        assert direct.stat().blocks == before
        proxy.cut_requests = None
        store.put(made)
        assert direct.stat().blocks == before + 4
        assert [store.get(each.cid) for each in made] == [each.data for each in made]


@pytest.mark.parametrize("name", CALLS)
def test_a_connection_that_went_stale_is_not_noticed(proxy: Proxy, name: str) -> None:
    with KuboBlocks(proxy.address) as store:
        assert store.has(ONE.cid)
        proxy.drop()
        CALLS[name](store)
        assert proxy.connections >= 2


def test_a_node_that_comes_back_in_time_is_not_noticed(
    kubo: Node, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errors, "PAUSES", (0.1, 0.8))
    with KuboBlocks(proxy.address) as store:
        assert store.has(ONE.cid)
        proxy.target = unused_port()
        proxy.drop()
        threading.Timer(0.3, setattr, (proxy, "target", kubo.api)).start()
        store.put([ONE])
        assert store.get(ONE.cid) == ONE.data


def garbled(piece: bytes) -> bytes:
    """Change letters and signs in a body; headers and the lengths of chunks stay as they are."""
    head, end, body = piece.partition(b"\r\n\r\n") if piece.startswith(b"HTTP/") else (b"", b"", piece)
    return head + end + body.translate(bytes.maketrans(b'o"', b"O'"))


@pytest.mark.parametrize("name", CALLS)
def test_an_answer_that_is_altered(proxy: Proxy, kubo: Node, name: str) -> None:
    kubo.run("block", "put", stdin=b"something that a collection finds")
    with KuboBlocks(proxy.address, seconds=5) as store:
        assert store.has(ONE.cid)
        proxy.alter = garbled
        error = refused(lambda: CALLS[name](store), BlockMismatch if name.startswith("get") else StorageUnavailable)
        assert name.startswith("get") or "like an IPFS node" in str(error)
        proxy.alter = bytes
        CALLS[name](store)
        store.put([ONE])
        assert store.get(ONE.cid) == ONE.data


MARK = noise(100, 77).data


@pytest.mark.parametrize("times", [1, 1 << 30])
def test_a_read_of_several_parts_that_are_altered(proxy: Proxy, kubo: Node, times: int) -> None:
    """If altered once, the leaf is asked for again alone. If altered every time, no altered byte is returned."""
    data = bytearray(b"".join(noise(8 << 20, n).data for n in range(3)))
    # In the second part of three, and many times, because an answer's pieces may end anywhere.
    middle = (8 << 20) + 5 * LEAF_BYTES
    data[middle : middle + 5000] = MARK * 50
    blocks, altered = list(file_blocks(io.BytesIO(data))), list[int]()

    def alter(piece: bytes) -> bytes:
        if MARK not in piece or len(altered) == times:
            return piece
        altered.append(1)
        return piece.replace(MARK, MARK[::-1])

    with KuboBlocks(proxy.address) as store:
        store.put(blocks)
        proxy.alter = alter
        read = read_file(blocks[-1].cid, store.reader(blocks[-1].cid))
        if times == 1:
            assert b"".join(read) == data
        else:
            with pytest.raises(BlockMismatch):
                b"".join(read)
        assert altered


def test_altered_bytes(proxy: Proxy) -> None:
    with KuboBlocks(proxy.address) as store:
        assert store.get(ONE.cid) == ONE.data
        proxy.alter = lambda piece: piece.replace(b"the one block", b"the two block")
        with pytest.raises(BlockMismatch):
            store.get(ONE.cid)
        proxy.alter = bytes
        store.put([ONE])
        assert store.get(ONE.cid) == ONE.data


def test_an_altered_list_of_blocks(proxy: Proxy) -> None:
    with KuboBlocks(proxy.address) as store:
        proxy.alter = lambda piece: piece.replace(b"\x65sizesD", b"\x65sizesE").replace(b"blocks\x81", b"blocks\x82")
        with pytest.raises(BlockMismatch):
            store.stat()


def test_a_node_that_is_too_old(proxy: Proxy) -> None:
    proxy.alter = lambda piece: piece.replace(b'"Version":"0.42.0"', b'"Version":"0.12.0"')
    with KuboBlocks(proxy.address) as store:
        error = refused(lambda: store.put([ONE]), StorageTooOld)
    assert "too old: Kubo 0.12.0" in str(error)
    assert "0.39" in error.advice


@pytest.mark.slow
def test_killed_in_the_middle_of_a_put(own: Node) -> None:
    batch = range(MAX_BATCH_BYTES // MAX_BLOCK_BYTES)
    first, second = [[noise(MAX_BLOCK_BYTES, 100 * part + n) for n in batch] for part in (1, 2)]

    def blocks() -> Iterator[Block]:
        yield from first
        # The first blocks fill a batch, which is on its way while more are asked for.
        wait_until(lambda: store.stat().blocks >= before + len(first))
        yield from second[:4]
        own.kill()
        yield from second[4:]

    with Proxy(own.api) as proxy, KuboBlocks(proxy.address, seconds=10) as store:
        store.put([ONE])
        before = store.stat().blocks
        refused(lambda: store.put(blocks()), StorageCut)
        own.start()
        proxy.target = own.api
        assert [store.get(each.cid) for each in (ONE, *first)] == [each.data for each in (ONE, *first)]
        assert not store.has(second[-1].cid)
        store.put([*first, *second])
        assert [store.get(each.cid) for each in second] == [each.data for each in second]


@pytest.mark.slow
def test_killed_in_the_middle_of_each_call_and_started_again(own: Node) -> None:
    with (
        Proxy(own.api) as proxy,
        KuboBlocks(proxy.address, seconds=10) as store,
        ThreadPoolExecutor(len(CALLS)) as pool,
    ):
        store.put([ONE, *FILE])
        proxy.drop()
        before = proxy.connections
        # Stopped, the node receives all requests and answers none.
        freeze(own)
        calls = {name: pool.submit(call, store) for name, call in CALLS.items()}
        wait_until(lambda: proxy.connections >= before + len(CALLS))
        own.kill()
        for name, call in calls.items():
            assert isinstance(call.exception(30), StorageUnavailable), name
        own.start()
        proxy.target = own.api
        assert store.get(ONE.cid) == ONE.data
        for call in CALLS.values():
            store.put([ONE, *FILE])
            call(store)
        store.collect()
        assert [store.get(each.cid) for each in (*FILE, *MANY)] == [each.data for each in (*FILE, *MANY)]


@pytest.mark.slow
def test_a_full_node_that_collects_by_itself() -> None:
    limits = {"StorageMax": "4MB", "StorageGCWatermark": 50, "GCPeriod": "500ms"}
    with running("--enable-gc", settings={"Datastore": limits}) as node, KuboBlocks(node.address) as store:
        kept, more = [noise(500_000, n) for n in range(3)], [noise(500_000, 10 + n) for n in range(3)]
        store.put(kept)
        for n in range(4):
            node.run("block", "put", stdin=noise(500_000, 20 + n).data)
        wait_until(lambda: len(node.block_files()) <= 5)
        store.put(more)
        with pytest.raises(StorageFull, match="full") as caught:
            store.put(noise(500_000, 30 + n) for n in range(6))
        assert "StorageMax" in caught.value.advice
        junk = noise(1000, 40)
        node.run("block", "put", stdin=junk.data)
        wait_until(lambda: not store.has(junk.cid))  # so the node has collected since
        assert [store.get(each.cid) for each in kept + more] == [each.data for each in kept + more]


def test_a_full_node_takes_what_it_has_already() -> None:
    here = [noise(50_000, 40 + n) for n in range(4)]
    with running(settings={"Datastore": {"StorageMax": "200KB"}}) as node, KuboBlocks(node.address) as store:
        store.put(here[:3])
        store.unpin([here[2].cid])
        refused(lambda: store.put(here), StorageFull)
        store.put(here[:3])
        store.collect()
        assert [store.get(each.cid) for each in here[:3]] == [each.data for each in here[:3]]
        assert store.stat() == (3, 150_000)
