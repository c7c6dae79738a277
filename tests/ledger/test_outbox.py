"""The steps of a sender that survives crashes: nothing waits, and every look says what the chain shows now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from registry.core.errors import LedgerUnavailable
from registry.ledger import abi
from registry.ledger.base import CallRefused, Deployment, FeeTooHigh, OutOfFunds
from registry.ledger.observation import SignedTx
from registry.ledger.outbox import Outbox
from registry.wallets.keywallet import KeyWallet
from tests.support.fake_node import DEPLOYMENT, HEAD, PAYER, RECEIPT, FakeNode, block, sending
from tests.support.levers import AnvilLevers, until

pytestmark = pytest.mark.slow

GWEI = 10**9
ANCHOR = abi.encode("anchor", [b"r" * 32, b"m" * 32])


def outbox(levers: AnvilLevers, wallet: KeyWallet | None = None, **options: Any) -> Outbox:
    return Outbox(levers.url, levers.ledger.deployment, wallet or levers.wallet(), **options)


def test_the_way_of_a_transaction(by_hand: AnvilLevers) -> None:
    box = outbox(by_hand)
    assert box.funds() == (100 * 10**18, 0)
    signed = box.sign(ANCHOR, 0)
    (before,) = box.sight([[signed]])
    assert (before.mined, before.known, before.taken, before.too_cheap) == (None, False, False, False)
    assert box.send(signed) is None and box.send(signed) is None
    (sent,) = box.sight([[signed]])
    assert sent.mined is None and sent.known and box.funds().nonce == 1
    by_hand.mine(3)
    (seen,) = box.sight([[signed]])
    assert seen.mined is not None and seen.mined.worked and seen.mined.heard and not seen.taken
    receipt = by_hand._ask("eth_getTransactionReceipt", signed.hash)
    gas, price = int(receipt["gasUsed"], 16), int(receipt["effectiveGasPrice"], 16)
    assert (seen.mined.gas_used, seen.mined.cost) == (gas, gas * price)
    assert seen.mined.block.hash == receipt["blockHash"]
    assert box.send(signed) is None  # the node has it


def test_the_caller_chooses_the_nonce(by_hand: AnvilLevers) -> None:
    box = outbox(by_hand)
    calls = [abi.encode("anchor", [bytes([n]) * 32, b"m" * 32]) for n in (1, 2, 3)]
    signed = [box.sign(call, nonce) for nonce, call in enumerate(calls)]
    assert [one.tx["nonce"] for one in signed] == [0, 1, 2]
    for one in reversed(signed):
        box.send(one)
    by_hand.mine(1)
    assert [seen.mined is not None for seen in box.sight([[one] for one in signed])] == [True] * 3


def test_a_replacement_takes_the_same_nonce_and_one_of_them_is_mined(by_hand: AnvilLevers) -> None:
    box = outbox(by_hand)
    first = box.sign(ANCHOR, 0)
    box.send(first)
    second = box.replace(first)
    for name in ("maxFeePerGas", "maxPriorityFeePerGas"):
        assert second.tx[name] * 8 >= first.tx[name] * 9
    assert {name: first.tx[name] for name in ("nonce", "data", "to", "gas")} == {
        name: second.tx[name] for name in ("nonce", "data", "to", "gas")
    }
    box.send(second)
    by_hand.mine(1)
    (seen,) = box.sight([[first, second]])
    assert seen.mined is not None and seen.mined.hash == second.hash


def test_another_program_takes_the_nonce(by_hand: AnvilLevers) -> None:
    wallet = by_hand.wallet()
    mine, other = outbox(by_hand, wallet), outbox(by_hand, wallet)
    signed = mine.sign(ANCHOR, 0)
    theirs = other.sign(abi.encode("anchor", [b"t" * 32, b"m" * 32]), 0)
    other.send(theirs)
    by_hand.mine(1)
    assert "nonce" in str(mine.send(signed))
    assert mine.sight([[signed]])[0].taken and not other.sight([[theirs]])[0].taken


def test_what_the_base_fee_left_behind_is_too_cheap(by_hand: AnvilLevers) -> None:
    box = outbox(by_hand)
    signed = box.sign(ANCHOR, 0)
    by_hand._ask("anvil_setNextBlockBaseFeePerGas", hex(100 * GWEI))
    by_hand.mine(1)
    assert box.sight([[signed]])[0].too_cheap
    assert not box.sight([[box.replace(signed)]])[0].too_cheap
    with pytest.raises(FeeTooHigh):
        outbox(by_hand, max_fee=20 * GWEI).price()


def test_a_reorganisation_hides_it(own: tuple[str, Deployment]) -> None:
    levers = AnvilLevers(*own)
    box = outbox(levers)
    signed = box.sign(abi.encode("anchor", [b"o" * 32, b"m" * 32]), 0)
    box.send(signed)
    until(lambda: box.sight([[signed]])[0].mined)
    levers._ask("anvil_reorg", 1, [])
    assert box.sight([[signed]])[0].mined is None and not box.sight([[signed]])[0].taken


def test_refusals_cost_nothing_and_have_names(own: tuple[str, Deployment]) -> None:
    levers = AnvilLevers(*own)
    forged = abi.encode("retireFor", [levers.wallet().address, b"x" * 65])
    with pytest.raises(CallRefused, match="signature"):
        outbox(levers).sign(forged, 0)
    with pytest.raises(OutOfFunds):
        outbox(levers, KeyWallet(b"\x77" * 32)).sign(ANCHOR, 0)


def test_nothing_to_look_for_asks_nothing() -> None:
    assert Outbox("http://127.0.0.1:9", DEPLOYMENT, PAYER).sight([]) == []


SIGNED = SignedTx("0x" + "5a" * 32, b"", {"nonce": 1, "maxFeePerGas": 10**9})


def sighted(serve: Callable[..., FakeNode], **changes: Any) -> Any:
    (seen,) = Outbox(serve(sending(**changes)).url, DEPLOYMENT, PAYER).sight([[SIGNED]])
    return seen


def test_a_rollup_charges_its_data_too(serve: Callable[..., FakeNode]) -> None:
    shown = {**RECEIPT, "gasUsed": "0x64", "effectiveGasPrice": "0x2", "l1Fee": "0x5"}
    assert sighted(serve, eth_getTransactionReceipt=shown).mined.cost == 205


def test_a_call_that_nobody_heard(serve: Callable[..., FakeNode]) -> None:
    seen = sighted(serve, eth_getTransactionReceipt={**RECEIPT, "logs": []})
    assert seen.mined.worked and not seen.mined.heard


def test_a_call_that_was_undone(serve: Callable[..., FakeNode]) -> None:
    assert not sighted(serve, eth_getTransactionReceipt={**RECEIPT, "status": "0x0"}).mined.worked


def test_a_receipt_of_a_block_that_left_the_chain(serve: Callable[..., FakeNode]) -> None:
    """It is not taken for a used nonce: the node has not settled yet."""
    shown = {**RECEIPT, "blockHash": "0x" + "1c" * 32}
    seen = sighted(serve, eth_getTransactionReceipt=shown, eth_getTransactionCount="0x2")
    assert seen.mined is None and not seen.taken


def test_a_receipt_of_a_block_that_the_node_does_not_have(serve: Callable[..., FakeNode]) -> None:
    def blocks(params: list[Any]) -> Any:
        return {**block(HEAD), "baseFeePerGas": "0x7"} if params[0] == "latest" else None

    shown = {**RECEIPT, "blockNumber": hex(HEAD - 1)}
    assert sighted(serve, eth_getTransactionReceipt=shown, eth_getBlockByNumber=blocks).mined is None


@pytest.mark.parametrize(
    "changes",
    [
        {"eth_getTransactionReceipt": "yes"},
        {"eth_getTransactionReceipt": {**RECEIPT, "transactionHash": "0x" + "99" * 32}},
        {"eth_getTransactionReceipt": {**RECEIPT, "blockNumber": "soon"}},
        {"eth_getTransactionReceipt": {**RECEIPT, "gasUsed": "much"}},
        {"eth_getTransactionReceipt": {**RECEIPT, "gasUsed": hex(2**63)}},  # no database keeps it
        {"eth_getTransactionReceipt": {**RECEIPT, "logs": [1]}},
        {"eth_getTransactionReceipt": {**RECEIPT, "status": None, "logs": []}},
        {"eth_getTransactionCount": None},
        {"eth_getBlockByNumber": "high"},
    ],
    ids=str,
)
def test_answers_that_make_no_sense(serve: Callable[..., FakeNode], changes: dict[str, Any]) -> None:
    with pytest.raises(LedgerUnavailable):
        sighted(serve, **changes)
