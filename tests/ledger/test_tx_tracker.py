"""How a sent transaction is followed: reorganised blocks, and a computer that slept."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from registry.core.errors import LedgerUnavailable
from registry.ledger import tx_tracker
from registry.ledger.rpc import RECEIPT_SECONDS
from tests.support.fake_node import HEAD, PAYER, RECEIPT, ROOT, FakeNode, Refused, block, ledger_at, sending

pytestmark = pytest.mark.slow

# A block that has left the chain; nodes still show it by its hash.
LOST = {**block(HEAD - 2), "hash": "0x" + "1c" * 32}


class Clock:
    """Time passes only while the tracker sleeps, or when a test moves it."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(tx_tracker, "time", made)
    return made


@pytest.mark.parametrize("place", ["before the look", "in the look"])
@pytest.mark.parametrize("answer", [None, Refused(-32000, "busy")], ids=["no block", "no answer"])
def test_a_computer_that_slept_looks_once_more(
    serve: Callable[..., FakeNode], clock: Clock, place: str, answer: Any
) -> None:
    looks: list[Any] = []

    def sleeping(where: str) -> None:
        if where == place and len(looks) == 1:
            clock.now += 2 * RECEIPT_SECONDS

    def look(_: list[Any]) -> Any:
        sleeping("in the look")
        looks.append([None, answer, RECEIPT][len(looks)])
        if isinstance(looks[-1], Refused):
            raise looks[-1]
        return looks[-1]

    node = serve(sending(eth_getTransactionReceipt=look))
    ledger = ledger_at(node.url, relay=PAYER, timeout=20, progress=lambda *_: sleeping("before the look"))
    assert ledger.transact("anchor", ROOT, ROOT).block == HEAD and len(looks) == 3


def test_nobody_looks_more_than_once_more(serve: Callable[..., FakeNode], clock: Clock) -> None:
    def late(_: list[Any]) -> None:
        clock.now += 2 * RECEIPT_SECONDS

    node = serve(sending(eth_getTransactionReceipt=late))
    with pytest.raises(LedgerUnavailable, match="is in no block after"):
        ledger_at(node.url, relay=PAYER, timeout=20).transact("anchor", ROOT, ROOT)
    assert json.dumps(node.requests).count("eth_getTransactionReceipt") == 2


def _receipt(place: dict[str, str]) -> dict[str, Any]:
    return {**RECEIPT, "blockHash": place["hash"], "blockNumber": place["number"]}


def _reorganised(*receipts: dict[str, Any]) -> Any:
    """A node that shows one receipt after the other; the last one stays."""
    left = list(receipts)
    return sending(
        eth_getBlockByNumber=lambda params: block(HEAD if params[0] == "latest" else int(params[0], 16)),
        eth_getBlockByHash=LOST,
        eth_getTransactionReceipt=lambda _: left.pop(0) if len(left) > 1 else left[0],
    )


@pytest.mark.usefixtures("clock")
def test_a_block_that_left_the_chain_confirms_nothing(serve: Callable[..., FakeNode]) -> None:
    """A reorganised block once counted as confirmed, because the receipt still named it.

    Receipt and head are two answers, perhaps of two machines. Only the block at the receipt's number counts.
    """
    ledger = ledger_at(serve(_reorganised(_receipt(LOST))).url, relay=PAYER, confirmations=2)
    with pytest.raises(LedgerUnavailable, match="was sent, but was in block 98, which has left the chain"):
        ledger.transact("anchor", ROOT, ROOT)


@pytest.mark.usefixtures("clock")
def test_the_block_in_its_place_is_waited_for(serve: Callable[..., FakeNode]) -> None:
    node = serve(_reorganised(_receipt(LOST), _receipt(LOST), _receipt(block(HEAD - 3))))
    assert ledger_at(node.url, relay=PAYER, confirmations=2).transact("anchor", ROOT, ROOT).block == HEAD - 3
