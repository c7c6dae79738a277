"""A store with gateways: they are read, with checks, for what the store lacks, and for nothing else."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.core.errors import BlockMismatch, StorageDown, StorageUnavailable
from registry.core.ipld.cid import Block, cid_of_block
from registry.core.ipld.unixfs import file_blocks, read_file
from registry.storage.gateway import GatewayBlocks, LayeredBlocks
from registry.storage.kubo import KuboBlocks
from registry.storage.sqlite_store import SqliteBlocks
from tests.support.fake_storage import MemoryBlocks
from tests.support.http_answers import Answer, Served, answering
from tests.support.kubo_node import Node

pytestmark = pytest.mark.slow

HERE, THERE = (Block(cid_of_block(data), data) for data in (b"held here", b"held by the gateway"))
NOBODY = GatewayBlocks("http://127.0.0.1:9", seconds=2)


@pytest.fixture
def liar() -> Iterator[Served]:
    with answering(lambda _: Answer(body=b"something else")) as served:
        yield served


def test_what_the_store_lacks_comes_from_a_gateway(kubo: Node, tmp_path: Path) -> None:
    with KuboBlocks(kubo.address) as node:
        node.put([THERE])
    gateway = GatewayBlocks(f"http://127.0.0.1:{kubo.gateway}")
    with SqliteBlocks(tmp_path / "blocks.sqlite") as own:
        store = LayeredBlocks(lambda: own, [NOBODY, gateway])
        store.put([HERE])
        assert store.get(HERE.cid) == HERE.data and store.get(THERE.cid) == THERE.data
        assert store.has(HERE.cid) and not store.has(THERE.cid)  # reading keeps nothing
        store.delete([HERE.cid])
        assert store.stat() == (0, 0)
    with KuboBlocks(kubo.address) as node:
        assert not node.has(HERE.cid)  # nothing was written to it


def test_a_file_of_many_blocks_is_read_from_both(kubo: Node, tmp_path: Path) -> None:
    data = random.Random(3).randbytes(700_000)
    blocks = list(file_blocks(io.BytesIO(data)))
    with KuboBlocks(kubo.address) as node, SqliteBlocks(tmp_path / "blocks.sqlite") as own:
        node.put(blocks)
        own.put([blocks[0], blocks[-1]])
        gateway = GatewayBlocks(f"http://127.0.0.1:{kubo.gateway}")
        store = LayeredBlocks(lambda: own, [gateway])
        assert b"".join(read_file(blocks[-1].cid, store.reader(blocks[-1].cid))) == data
        node.delete(block.cid for block in blocks)
        own.put(blocks)
        halved = LayeredBlocks(lambda: node, [])
        with pytest.raises(StorageUnavailable):
            b"".join(read_file(blocks[-1].cid, halved.reader(blocks[-1].cid)))


def test_a_gateway_that_lies_is_passed_over_and_never_believed(kubo: Node, liar: Served) -> None:
    with KuboBlocks(kubo.address) as node:
        node.put([THERE])
    honest = GatewayBlocks(f"http://127.0.0.1:{kubo.gateway}")
    assert LayeredBlocks(MemoryBlocks, [GatewayBlocks(liar.url), honest]).get(THERE.cid) == THERE.data
    with pytest.raises(BlockMismatch) as caught:
        LayeredBlocks(MemoryBlocks, [GatewayBlocks(liar.url)]).get(THERE.cid)
    assert THERE.cid in str(caught.value) and caught.value.advice


def test_only_what_is_lacking_is_asked_of_a_gateway(liar: Served) -> None:
    gateways = [GatewayBlocks(liar.url)]
    own = MemoryBlocks()
    own.put([HERE])
    store = LayeredBlocks(lambda: own, gateways)
    own.lies = True
    with pytest.raises(BlockMismatch):
        store.get(HERE.cid)
    own.down = True
    with pytest.raises(StorageDown):
        store.get(THERE.cid)
    assert liar.asked == []


def test_it_is_opened_once_when_it_is_needed() -> None:
    opened = []

    def opener() -> MemoryBlocks:
        opened.append(MemoryBlocks())
        return opened[-1]

    store = LayeredBlocks(opener)
    assert opened == []
    store.put([HERE])
    assert store.get(HERE.cid) == HERE.data and len(opened) == 1


def test_a_gateway_is_checked_without_asking_for_anything(kubo: Node, liar: Served) -> None:
    GatewayBlocks(f"http://127.0.0.1:{kubo.gateway}").check()
    for gateway in (NOBODY, GatewayBlocks(liar.url)):
        with pytest.raises(StorageUnavailable):
            gateway.check()
