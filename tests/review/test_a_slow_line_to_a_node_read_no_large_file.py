"""A file's leaves came by the part of 8 MiB, all within the time that a single leaf had before: over a line of 2 Mbit/s
no file of that size could be read any more."""

from __future__ import annotations

import io
import random

from registry.core.ipld.unixfs import file_blocks, read_file
from registry.storage.kubo import KuboBlocks
from registry.storage.prefetch import PART_BYTES
from tests.support.kubo_node import running
from tests.support.tcp_proxy import Proxy

DATA = random.Random(8).randbytes(PART_BYTES)


def test_what_came_in_time_is_used_and_the_rest_asked_for_by_the_leaf() -> None:
    blocks = list(file_blocks(io.BytesIO(DATA)))
    root = blocks[-1].cid
    with running() as kubo, Proxy(kubo.api) as proxy:
        with KuboBlocks(kubo.address) as quick:
            quick.put(blocks)
        # Of 64 KiB at most each: a part is 128 of them, a leaf 4.
        proxy.delay = 0.02
        with KuboBlocks(proxy.address, seconds=2) as store:
            assert b"".join(read_file(root, store.reader(root))) == DATA
