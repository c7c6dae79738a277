"""Every call of the Kubo store with its data, and a way to stop a node in the middle of a call."""

from __future__ import annotations

import io
import os
import random
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from registry.core.errors import StorageUnavailable
from registry.core.ipld.cid import Block, cid_of_block
from registry.core.ipld.unixfs import file_blocks, read_file
from registry.storage.kubo import KuboBlocks
from tests.support.kubo_node import Node


def block(data: bytes) -> Block:
    return Block(cid_of_block(data), data)


def noise(size: int, seed: int = 0) -> Block:
    return block(random.Random(seed).randbytes(size))


ONE = block(b"the one block of these tests")
FILE = list(file_blocks(io.BytesIO(noise(2_000_000).data)))
MANY = [noise(1000, 10_000 + n) for n in range(300)]
CALLS: dict[str, Callable[[KuboBlocks], object]] = {
    "put": lambda store: store.put([ONE]),
    "get": lambda store: store.get(ONE.cid),
    "has": lambda store: store.has(ONE.cid),
    "delete": lambda store: store.delete([ONE.cid]),
    "stat": lambda store: store.stat(),
    "unpin": lambda store: store.unpin([ONE.cid]),
    "collect": lambda store: store.collect(),
    "put of a file": lambda store: store.put(FILE),
    "put of many blocks": lambda store: store.put(MANY),
    "get of a file": lambda store: list(read_file(FILE[-1].cid, store.reader(FILE[-1].cid))),
    "announces": lambda store: store.announces(),
}


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def refused(call: Callable[[], object], kind: type[StorageUnavailable] = StorageUnavailable) -> StorageUnavailable:
    """Return the error that the call raises, which must be of exactly this class."""
    with pytest.raises(StorageUnavailable) as caught:
        call()
    assert type(caught.value) is kind
    assert caught.value.advice.endswith(".")
    return caught.value


def freeze(node: Node) -> None:
    """Stop the node and wait until all its threads have stopped: on a busy machine one could still answer."""
    node.send(signal.SIGSTOP)
    os.waitpid(node.pid, os.WUNTRACED)


@contextmanager
def stopped(node: Node) -> Iterator[None]:
    """Stop the node while the block runs: it keeps its connections and accepts new ones, but answers nothing."""
    freeze(node)
    try:
        yield
    finally:
        node.send(signal.SIGCONT)


@contextmanager
def hurried(address: str, seconds: float) -> Iterator[KuboBlocks]:
    """A store with a short limit. It skips the version check, which could exceed the limit on a busy machine."""
    with KuboBlocks(address, seconds=seconds) as store:
        store._node._version_checked = True
        yield store
