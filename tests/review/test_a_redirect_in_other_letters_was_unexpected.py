"""A gateway that redirects to a place in letters that no request can name ended in an error of Python's own: the
gateways after it were not asked, and the command said "unexpected". So did an address whose host has an empty label.
"""

from __future__ import annotations

import pytest

from registry.core.errors import InvalidInput, StorageUnavailable
from registry.core.ipld.cid import Block, cid_of_block
from registry.storage.gateway import GatewayBlocks
from registry.storage.layered import LayeredBlocks
from tests.support.fake_storage import MemoryBlocks
from tests.support.http_answers import Answer, answering

BLOCK = Block(cid_of_block(b"one"), b"one")


@pytest.mark.parametrize("to", ["/caf\xe9", "?\xe9", "http://\xe9/"])
def test_the_next_gateway_is_asked(to: str) -> None:
    elsewhere, good = Answer(302, headers=(("Location", to),)), Answer(body=BLOCK.data)
    with answering(lambda _: elsewhere) as hostile, answering(lambda _: good) as honest:
        with pytest.raises(StorageUnavailable, match="redirects to no address"):
            GatewayBlocks(hostile.url, seconds=5).get(BLOCK.cid)
        store = LayeredBlocks(MemoryBlocks, [GatewayBlocks(each.url, seconds=5) for each in (hostile, honest)])
        assert store.get(BLOCK.cid) == BLOCK.data


@pytest.mark.parametrize("address", ["http://a..b", f"http://{'x' * 64}.example", "/dns/a..b/tcp/80", "http://a/\xe9"])
def test_no_such_address(address: str) -> None:
    with pytest.raises(InvalidInput, match="neither a multiaddr nor"):
        GatewayBlocks(address)
