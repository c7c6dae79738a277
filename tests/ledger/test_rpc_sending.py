"""Transactions: funded, bounded, and never sent to the wrong chain."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from registry.core.errors import InvalidInput, LedgerUnavailable
from registry.core.facts import FactQuery
from registry.ledger.abi import MAX_OPENINGS
from registry.ledger.base import Deployment
from registry.ledger.rpc import RpcLedger
from registry.wallets.keywallet import KeyWallet
from tests.support.fake_node import (
    HEAD,
    NOBODY,
    RECEIPT,
    ROOT,
    ZERO,
    FakeNode,
    Refused,
    block,
    but,
    ledger_at,
    sending,
)
from tests.support.levers import ANVIL_KEY, AnvilLevers, GethLevers, running_geth

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("changes", [{"eth_chainId": "0x1"}, {"eth_getCode": "0x"}])
def test_nothing_is_sent_to_the_wrong_chain(serve: Callable[..., FakeNode], changes: dict[str, Any]) -> None:
    node = serve(but(**changes))
    with pytest.raises(LedgerUnavailable):
        ledger_at(node.url, relay=KeyWallet(ANVIL_KEY)).transact("anchor", ROOT, ROOT)
    methods = {call["method"] for request in node.requests for call in request}
    assert methods == {"eth_chainId", "eth_getBlockByNumber", "eth_getCode", "eth_call"}


@pytest.mark.parametrize("method", ["eth_estimateGas", "eth_getTransactionCount"])
@pytest.mark.parametrize("answer", [None, "x", {}, [], "0x", Refused(-32000, "busy")])
def test_garbage_while_sending_is_no_answer(serve: Callable[..., FakeNode], method: str, answer: Any) -> None:
    good = {
        "eth_estimateGas": "0xb000",
        "eth_getTransactionCount": "0x1",
        "eth_maxPriorityFeePerGas": "0x1",
        "eth_getBlockByNumber": {**block(HEAD), "baseFeePerGas": "0x7"},
    }
    node = serve(but(**{**good, method: answer, "eth_feeHistory": Refused(-32601, "not here")}))
    with pytest.raises(LedgerUnavailable):
        ledger_at(node.url, relay=KeyWallet(ANVIL_KEY)).transact("anchor", ROOT, ROOT)
    assert "eth_sendRawTransaction" not in json.dumps(node.requests)


@pytest.mark.parametrize("digits", [16, 64, 300, 20_000])
@pytest.mark.parametrize(
    "method",
    ["eth_estimateGas", "eth_getTransactionCount", "eth_maxPriorityFeePerGas", "eth_gasPrice", "baseFeePerGas"],
)
def test_numbers_that_cannot_be_are_no_answer(serve: Callable[..., FakeNode], method: str, digits: int) -> None:
    huge = "0x" + "f" * digits
    newest = block(HEAD) if method == "eth_gasPrice" else {**block(HEAD), "baseFeePerGas": "0x7"}
    changes = {"eth_getBlockByNumber": {**newest, method: huge}} if method == "baseFeePerGas" else {method: huge}
    node = serve(sending(**{"eth_getBlockByNumber": newest, **changes}))
    with pytest.raises(LedgerUnavailable, match=r"makes no sense|cannot be|else than a number"):
        ledger_at(node.url, relay=KeyWallet(ANVIL_KEY)).transact("anchor", ROOT, ROOT)
    assert "eth_sendRawTransaction" not in json.dumps(node.requests)


_UNKNOWN = {"eth_getTransactionByHash": None}


def test_a_receipt_is_read_from_a_plain_node(serve: Callable[..., FakeNode]) -> None:
    for changes in (
        {},
        {"eth_sendRawTransaction": Refused(-32000, "already known")},
        {"eth_getBlockByNumber": block(HEAD)},
        {"eth_getBlockByNumber": {**block(HEAD), "baseFeePerGas": None}},
    ):
        node = serve(sending(**changes))
        receipt = ledger_at(node.url, relay=KeyWallet(ANVIL_KEY)).transact("anchor", ROOT, ROOT)
        assert receipt[1:] == (HEAD, 2_000, 0xAFFF, KeyWallet(ANVIL_KEY).address, "")
        # Chain and code; gas, nonce and balance; the tip; the transaction; its receipt.
        assert len(node.requests) == 5 + ("eth_sendRawTransaction" in changes)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"eth_getTransactionReceipt": {**RECEIPT, "status": "0x0"}}, InvalidInput, "refused transaction 0x"),
        ({"eth_getTransactionReceipt": {}}, LedgerUnavailable, "was sent, but is in no block"),
        ({"eth_getTransactionReceipt": {**RECEIPT, "status": "x"}}, LedgerUnavailable, "else than a number"),
        ({"eth_getTransactionReceipt": {**RECEIPT, "logs": None}}, LedgerUnavailable, "did not take it"),
        ({"eth_getTransactionReceipt": {**RECEIPT, "logs": [5]}}, LedgerUnavailable, "makes no sense"),
        ({"eth_getTransactionReceipt": {**RECEIPT, "logs": 5}}, LedgerUnavailable, "makes no sense"),
        ({"eth_getTransactionReceipt": {**RECEIPT, "transactionHash": ROOT}}, LedgerUnavailable, "another transaction"),
        ({"eth_getTransactionReceipt": {**RECEIPT, "logs": []}}, LedgerUnavailable, "did not take it"),
        (
            {"eth_getTransactionReceipt": {**RECEIPT, "logs": [{"address": NOBODY}]}},
            LedgerUnavailable,
            "did not take it",
        ),
        ({"eth_getTransactionReceipt": [5]}, LedgerUnavailable, "was sent, but .* no receipt"),
        (
            {"eth_getTransactionReceipt": {**RECEIPT, "blockHash": ZERO}},
            LedgerUnavailable,
            "was sent, but was in block 100, which has left the chain",
        ),
        ({**_UNKNOWN, "eth_sendRawTransaction": Refused(-32000, "nonce too low")}, LedgerUnavailable, "nonce too low"),
        ({**_UNKNOWN, "eth_sendRawTransaction": Refused(-32000, "pool is full")}, LedgerUnavailable, "pool is full"),
        (
            {**_UNKNOWN, "eth_sendRawTransaction": Refused(-32000, "insufficient funds for gas * price + value")},
            InvalidInput,
            "beside what it has already sent",
        ),
        ({"eth_getBalance": "0x1"}, InvalidInput, "cannot pay"),
        ({"eth_estimateGas": Refused(3, "execution reverted", {"data": "0xb263ae73"})}, InvalidInput, "root of zero"),
    ],
)
def test_what_goes_wrong_after_sending(
    serve: Callable[..., FakeNode], changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    ledger = ledger_at(serve(sending(**changes)).url, relay=KeyWallet(ANVIL_KEY), receipt_seconds=0.2)
    with pytest.raises(error, match=words) as caught:
        ledger.transact("anchor", ROOT, ROOT)
    # Whatever is odd after sending, the person learns the transaction's hash (item 21).
    if error is LedgerUnavailable:
        assert re.search("transaction 0x[0-9a-f]{64}", str(caught.value))


def test_without_a_relay_somebody_must_pay(anvil: tuple[str, Deployment]) -> None:
    with pytest.raises(InvalidInput, match="no account") as caught:
        RpcLedger(*anvil).transact("anchor", ROOT, ROOT)
    assert "--sender" in caught.value.advice  # the one way to name one (section E)


def test_an_account_without_money_is_told_so(anvil: tuple[str, Deployment]) -> None:
    with pytest.raises(InvalidInput, match="cannot pay"):
        RpcLedger(*anvil).transact("anchor", ROOT, ROOT, sender=KeyWallet(b"\x66" * 32))


def test_fees_over_the_limit_are_not_paid(anvil: tuple[str, Deployment]) -> None:
    ledger = RpcLedger(*anvil, relay=KeyWallet(ANVIL_KEY), max_fee=5)
    with pytest.raises(InvalidInput, match=r"gwei now, and the limit is 0\.000000005$"):
        ledger.transact("anchor", ROOT, ROOT)  # to the last digit: chains have fees far under a gwei (item 23)


def test_who_interrupts_the_wait_is_told_what_was_sent(anvil: tuple[str, Deployment]) -> None:
    heard: list[str] = []

    def interrupted(transaction: str, _: float) -> None:
        heard.append(transaction)
        raise KeyboardInterrupt

    levers = AnvilLevers(*anvil)
    levers._ask("evm_setAutomine", False)
    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            RpcLedger(*anvil, relay=KeyWallet(ANVIL_KEY), progress=interrupted).transact(
                "anchor", "0x" + "cd" * 32, ROOT
            )
        assert caught.value.__notes__ == [f"Transaction {heard[0]} was sent; it may still be taken up."]
    finally:
        levers._ask("evm_setAutomine", True)
        levers.mine(1)


def test_the_wait_for_a_block_is_bounded_and_told(anvil: tuple[str, Deployment]) -> None:
    heard: list[tuple[str, float]] = []
    ledger = RpcLedger(
        *anvil,
        relay=KeyWallet(ANVIL_KEY),
        receipt_seconds=0.5,
        progress=lambda transaction, seconds: heard.append((transaction, seconds)),
    )
    levers = AnvilLevers(*anvil)
    levers._ask("evm_setAutomine", False)
    try:
        with pytest.raises(LedgerUnavailable, match="was sent, but is in no block after") as caught:
            ledger.transact("anchor", "0x" + "ce" * 32, ROOT)
        assert heard and heard[0][0] in str(caught.value)
        assert [seconds for _, seconds in heard] == sorted(seconds for _, seconds in heard)
    finally:
        levers._ask("evm_setAutomine", True)
        levers.mine(1)
    assert levers.ledger.facts([FactQuery("0x" + "ce" * 32, NOBODY)]).anchors.popitem()[1].anchored_at  # type: ignore[attr-defined]


def test_a_wallet_that_returns_no_transaction(anvil: tuple[str, Deployment]) -> None:
    class Broken:
        address = KeyWallet(ANVIL_KEY).address

        def sign_transaction(self, tx: dict[str, Any]) -> bytes:
            return b"\x02nonsense"

    with pytest.raises(InvalidInput, match="no transaction"):
        RpcLedger(*anvil).transact("anchor", ROOT, ROOT, sender=Broken())


def test_gas_is_estimated_and_fees_are_of_the_new_kind(anvil: tuple[str, Deployment]) -> None:
    levers = AnvilLevers(*anvil)
    receipt = levers.ledger.transact("anchor", "0x" + "cf" * 32, ROOT)
    sent = levers._ask("eth_getTransactionByHash", receipt.transaction)
    assert int(sent["type"], 16) == 2
    assert receipt.gas_used <= int(sent["gas"], 16) <= 1.3 * receipt.gas_used


@pytest.fixture(scope="module")
def roomy_geth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Deployment]]:
    """A geth with blocks as large as those of public chains."""
    with running_geth(tmp_path_factory.mktemp("r"), "--dev.gaslimit", "60000000") as node:
        yield node


@pytest.mark.parametrize("kind", ["anvil", "roomy_geth"])
def test_the_largest_batch_keeps_below_the_cap_of_one_transaction(request: pytest.FixtureRequest, kind: str) -> None:
    """This holds with Prague's prices, and with those of the fork after Osaka, which geth's own chain has."""
    levers = (AnvilLevers if kind == "anvil" else GethLevers)(*request.getfixturevalue(kind))
    openings = [(os.urandom(32), ROOT) for _ in range(MAX_OPENINGS)]
    receipt = levers.ledger.transact("revokeBatch", openings)
    sent = levers._ask("eth_getTransactionByHash", receipt.transaction)
    assert receipt.gas_used < int(sent["gas"], 16) < 16_777_216  # EIP-7825
