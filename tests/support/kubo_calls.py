"""Every call of the Kubo store, what it is made with, and a node that is stopped in the middle of it."""

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
    """The error, which is of this kind and of no other."""
    with pytest.raises(StorageUnavailable) as caught:
        call()
    assert type(caught.value) is kind
    assert caught.value.advice.endswith(".")
    return caught.value


def freeze(node: Node) -> None:
    """Stops it, and waits until all of it has: on a busy machine one of its threads could still answer."""
    node.send(signal.SIGSTOP)
    os.waitpid(node.pid, os.WUNTRACED)


@contextmanager
def stopped(node: Node) -> Iterator[None]:
    """It keeps its connections and takes new ones, and does nothing."""
    freeze(node)
    try:
        yield
    finally:
        node.send(signal.SIGCONT)


@contextmanager
def hurried(address: str, seconds: float) -> Iterator[KuboBlocks]:
    """A store with little time, which knows the node's version: on a busy machine its first call could fail already."""
    with KuboBlocks(address, seconds=seconds) as store:
        store._node._version_checked = True
        yield store
