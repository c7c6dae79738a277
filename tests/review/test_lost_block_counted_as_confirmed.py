"""A block that a reorganisation had taken out counted as confirmed: nodes still show such blocks by their hash.

The receipt and the head are two answers, and the chain may change between them, or they may come from two machines
behind one address. What counts is that the chain has the receipt's block at its number.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from registry.core.errors import LedgerUnavailable
from registry.wallets.keywallet import KeyWallet
from tests.support.fake_node import HEAD, REGISTRY, ROOT, FakeNode, block, but, ledger_at
from tests.support.levers import ANVIL_KEY

PAYER = KeyWallet(ANVIL_KEY)
LOST = {**block(HEAD - 2), "hash": "0x" + "1c" * 32}


def _receipt(of: dict[str, str]) -> dict[str, Any]:
    place = {"blockHash": of["hash"], "blockNumber": of["number"]}
    logs = [{"address": REGISTRY.lower()}]
    return {**place, "gasUsed": "0xafff", "status": "0x1", "from": PAYER.address.lower(), "logs": logs}


@contextmanager
def _node(*receipts: dict[str, Any]) -> Iterator[str]:
    """It shows one receipt after the other; the last one stays."""
    left = list(receipts)
    node = FakeNode(
        but(
            eth_estimateGas="0xb000",
            eth_getTransactionCount="0x1",
            eth_gasPrice="0x3",
            eth_getBalance=hex(10**18),
            eth_getTransactionByHash={},
            eth_sendRawTransaction=ROOT,
            eth_getBlockByHash=LOST,
            eth_getTransactionReceipt=lambda _: left.pop(0) if len(left) > 1 else left[0],
        )
    )
    try:
        yield node.url
    finally:
        node.close()


def test_it_is_none() -> None:
    with _node(_receipt(LOST)) as url:
        ledger = ledger_at(url, relay=PAYER, confirmations=2, receipt_seconds=0.3)
        with pytest.raises(LedgerUnavailable, match="was sent, but was in block 98, which has left the chain"):
            ledger.transact("anchor", ROOT, ROOT)


def test_the_block_that_took_its_place_is_one() -> None:
    with _node(_receipt(LOST), _receipt(LOST), _receipt(block(HEAD - 3))) as url:
        ledger = ledger_at(url, relay=PAYER, confirmations=2, receipt_seconds=10)
        assert ledger.transact("anchor", ROOT, ROOT).block == HEAD - 3
