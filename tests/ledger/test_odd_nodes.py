"""Answers that no specification foresees: they are read where they can only mean one thing, and never believed else."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from registry.core.crypto.keccak import keccak256
from registry.core.errors import LedgerUnavailable
from registry.net.json_rpc import Call, Node
from tests.support.fake_node import (
    HEAD,
    PAYER,
    QUESTION,
    RECEIPT,
    ROOT,
    SIGNED,
    ZERO,
    FakeNode,
    Refused,
    Status,
    block,
    but,
    healthy,
    ledger_at,
    sending,
)
from tests.support.node_families import batches, response

pytestmark = pytest.mark.slow

Serve = Callable[..., FakeNode]
THREE = [Call("eth_call", [number]) for number in range(3)]


def echo(_: str, params: list[Any]) -> Any:
    return params[0]


def asked_for(node: FakeNode, method: str) -> list[Any]:
    """Return the parameters of each call of this method."""
    calls = [call for asked in node.requests for call in (asked if isinstance(asked, list) else [asked])]
    return [call["params"] for call in calls if call["method"] == method]


class TestBatches:
    @pytest.mark.parametrize(
        "refusal",
        [
            batches("no batches", status="400 Bad Request"),
            batches("no batches", status="405 Method Not Allowed"),
            batches("oops", status="500 Internal Server Error"),
            batches("<html>no batches</html>"),
            batches({"error": "batches are not supported"}),
            batches({"error": {"code": "NO_BATCHES"}}),
            batches({"error": {"code": "-32600", "message": None}}),
            batches({"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": 7, "data": [1]}}),
            batches([]),
            batches({}),
            batches(None),
            batches([{"id": None, "error": {"code": -32600, "message": "no"}}] * 3),
            batches([{"id": i, "error": {"code": -32000, "message": "not in a batch call"}} for i in range(3)]),
        ],
    )
    def test_are_asked_one_by_one_where_they_are_refused(self, serve: Serve, refusal: Any) -> None:
        """(item 21)"""
        served = serve(echo, whole=lambda asked: refusal(asked, 0))
        node = Node(served.url, 5)
        for _ in range(2):
            assert node.ask_all(THREE) == [0, 1, 2]
        assert [len(asked) if isinstance(asked, list) else 1 for asked in served.requests] == [3] + [1] * 6

    @pytest.mark.parametrize("status", [401, 502, 503])
    def test_a_node_that_is_away_is_not_asked_for_less(self, serve: Serve, status: int) -> None:
        served = serve(but(eth_call=Status(status)))
        with pytest.raises(LedgerUnavailable, match=f"^http://127.0.0.1:.*HTTP status {status}"):
            Node(served.url, 5).ask_all(THREE)
        assert len(served.requests) == 1

    def test_numbers_of_answers_may_be_strings(self, serve: Serve) -> None:
        """(item 21)"""
        answers = [{"id": str(i), "result": i} for i in range(3)]
        assert Node(serve(whole=lambda _: response(answers)).url, 5).ask_all(THREE) == [0, 1, 2]

    @pytest.mark.parametrize("wrong", [{"id": 7, "result": 1}, {"id": "00", "result": 1}, {"id": None, "result": 1}, 5])
    def test_the_answer_to_another_call_is_not_taken(self, serve: Serve, wrong: Any) -> None:
        with pytest.raises(LedgerUnavailable):
            Node(serve(whole=lambda _: response(wrong)).url, 5).ask(THREE[0])


class TestTooOften:
    @pytest.mark.parametrize(
        "refusal",
        [
            response("slow down", "429 Too Many Requests", "Retry-After: 1"),
            response("", "503 Service Unavailable", "Retry-After: 1"),
            response({"error": {"code": 429, "message": "retry in 1s"}}),
            response({"error": {"code": -32005, "message": "limit exceeded", "data": {"backoff_seconds": 1}}}),
            response({"error": {"code": -32016, "message": "over rate limit, try again in 1000ms"}}),
            response(
                [
                    {"id": i, "error": {"code": -32007, "message": "50/second request limit, retry in 1s"}}
                    for i in range(3)
                ]
            ),
        ],
    )
    def test_the_pause_is_as_the_node_says(self, serve: Serve, refusal: bytes) -> None:
        """(item 21)"""
        left, began = [refusal], time.monotonic()
        served = serve(echo, whole=lambda _: left.pop() if left else None)
        assert Node(served.url, 5).ask_all(THREE) == [0, 1, 2]
        assert 1 <= time.monotonic() - began < 3 and len(served.requests) == 2

    @pytest.mark.parametrize(
        ("refusal", "words"),
        [
            (response("", "429 No", "Retry-After: 3600"), "HTTP status 429.*it asks to wait 3600 s"),
            (response("", "429 No", "Retry-After: Fri, 31 Dec 2100 23:59:59 GMT"), "asks to wait"),
            (response("", "429 No", "Retry-After: soon"), "HTTP status 429: it is asked too often$"),
            (response({"error": {"code": -32005, "message": "rate limit"}}), "for now: rate limit$"),
        ],
    )
    def test_the_wait_ends_with_the_time_limit(self, serve: Serve, refusal: bytes, words: str) -> None:
        """(item 21)"""
        began = time.monotonic()
        with pytest.raises(LedgerUnavailable, match=f"takes no more requests for now.*{words}|{words}") as caught:
            Node(serve(whole=lambda _: refusal).url, 1).ask_all(THREE)
        assert time.monotonic() - began < 2 and "Wait" in caught.value.advice
        assert "takes no more requests for now" in str(caught.value)

    def test_a_contract_that_speaks_of_quotas_is_not_a_node_that_does(self, serve: Serve) -> None:
        served = serve(but(eth_call=Refused(3, "execution reverted: quota exceeded", "0x")))
        assert Node(served.url, 5).ask(THREE[0]).reverted and len(served.requests) == 1


class TestBlocksByNumber:
    @staticmethod
    def _no_hashes(params: list[Any]) -> Any:
        if isinstance(params[1], dict):
            raise Refused(-32602, "invalid argument 1: hex string without 0x prefix")
        return healthy("eth_call", params)

    def test_what_was_found_out_is_remembered(self, serve: Serve) -> None:
        """(item 21)"""
        served = serve(but(eth_call=self._no_hashes))
        ledger = ledger_at(served.url)
        for _ in range(3):
            facts = ledger.facts([QUESTION], [SIGNED])
            assert facts.anchors[QUESTION] == (1_500, 0, 1_600) and facts.signatures == {SIGNED: True}
        hashes = [params for params in asked_for(served, "eth_call") if isinstance(params[1], dict)]
        assert len(hashes) == 2  # the two questions of the first reading

    def test_a_signature_alone_is_read_where_hashes_are_answered_with_nothing(self, serve: Serve) -> None:
        """Before a contract account ends something, its signature is all that is asked for (item 21)."""

        def nothing(params: list[Any]) -> Any:
            return "0x" if isinstance(params[1], dict) else healthy("eth_call", params)

        ledger = ledger_at(serve(but(eth_call=nothing)).url)
        assert ledger.facts([], [SIGNED]).signatures == {SIGNED: True}
        with pytest.raises(LedgerUnavailable, match="did not run the code"):
            ledger_at(serve(but(eth_call="0x")).url).facts([], [SIGNED])

    def test_a_block_that_leaves_the_chain_meanwhile_is_not_believed(self, serve: Serve) -> None:
        """(item 21)"""
        moved = {**block(HEAD), "hash": ROOT}
        changes = {
            "eth_call": self._no_hashes,
            "eth_getBlockByNumber": lambda params: block(HEAD) if params[0] == "latest" else moved,
        }
        with pytest.raises(LedgerUnavailable, match="it left the chain meanwhile"):
            ledger_at(serve(but(**changes)).url).facts([QUESTION])

    def test_a_registry_that_is_not_shown_at_the_head_is_no_answer(self, serve: Serve) -> None:
        with pytest.raises(LedgerUnavailable, match="shows no registry"):
            ledger_at(serve(but(eth_call="0x")).url).facts([QUESTION])


class TestFees:
    METHODS = ("eth_maxPriorityFeePerGas", "eth_feeHistory", "eth_gasPrice")

    @pytest.mark.parametrize(
        ("answers", "tip"),
        [
            (("0x5", None, None), 5),
            ((Refused(-32601, "no"), {"reward": [["0x9"], ["0x0"], ["0x3"], ["0x4"]]}, None), 4),
            ((None, {"reward": [[], None, 7, ["x"], ["0x" + "f" * 64], ["0x2"]]}, None), 2),
            (("0x", {"reward": [["0x0"]] * 5}, "0x10"), 9),
            ((Refused(-32000, "busy"), Refused(-32601, "no"), "0x10"), 9),
            (("", {"reward": None}, "0x7"), 10**9),
            (({}, None, Refused(-32601, "no")), 10**9),
        ],
    )
    def test_the_tip_comes_from_what_the_node_has(self, serve: Serve, answers: Any, tip: int) -> None:
        """(item 21)"""
        served = serve(sending(**dict(zip(self.METHODS, answers, strict=True))))
        signed: list[dict[str, Any]] = []

        class Payer:
            address = PAYER.address

            def sign_transaction(self, tx: dict[str, Any]) -> bytes:
                signed.append(tx)
                return PAYER.sign_transaction(tx)

        ledger = ledger_at(served.url, relay=Payer())
        for _ in range(2):
            ledger.transact("anchor", ROOT, ROOT)
        assert [tx["maxPriorityFeePerGas"] for tx in signed] == [tip, tip]
        if isinstance(answers[0], Refused) and answers[0].error["code"] == -32601:
            assert len(asked_for(served, self.METHODS[0])) == 1  # remembered

    def test_a_tip_that_is_no_number_is_no_answer(self, serve: Serve) -> None:
        served = serve(sending(eth_maxPriorityFeePerGas="x"))
        with pytest.raises(LedgerUnavailable):
            ledger_at(served.url, relay=PAYER).transact("anchor", ROOT, ROOT)
        assert not asked_for(served, "eth_sendRawTransaction")


_GONE: dict[str, Any] = {"eth_getTransactionReceipt": None, "eth_getTransactionByHash": None}
_NEVER = Status(502)
_ODD: list[Any] = [None, "0x", {}, [], 5, ROOT, _NEVER]


@pytest.mark.parametrize(
    "changes",
    [
        *({**_GONE, "eth_sendRawTransaction": odd} for odd in _ODD),
        *(
            {**_GONE, "eth_sendRawTransaction": Refused(-32000, words)}
            for words in (
                "already known",
                "AlreadyKnown",
                "Known transaction",
                "tx already exists in cache",
                "pool is full",
            )
        ),
        {**_GONE, "eth_sendRawTransaction": Refused(-32000, "nonce too low")},
        {**_GONE, "eth_sendRawTransaction": Refused(-32603, "Internal error")},
        {"eth_getTransactionReceipt": {**RECEIPT, "transactionHash": ROOT}},
        {"eth_getTransactionReceipt": {**RECEIPT, "transactionHash": 7}},
        {"eth_getTransactionReceipt": {**RECEIPT, "blockNumber": None}},
        {"eth_getTransactionReceipt": {**RECEIPT, "blockNumber": {}}},
        {"eth_getTransactionReceipt": {**RECEIPT, "blockHash": ZERO}},
        {"eth_getTransactionReceipt": {**RECEIPT, "status": None, "logs": []}},
        {"eth_getTransactionReceipt": {**RECEIPT, "gasUsed": "x"}},
        {"eth_getTransactionReceipt": {**RECEIPT, "logs": [{"address": None}]}},
        {"eth_getTransactionReceipt": Refused(-32000, "indexing")},
        {"eth_getTransactionReceipt": _NEVER},
        {"eth_getTransactionReceipt": "0x"},
    ],
    ids=str,
)
def test_whatever_is_odd_after_sending_the_transaction_is_named(serve: Serve, changes: dict[str, Any]) -> None:
    """We compute the hash ourselves (item 21)."""
    served = serve(sending(**changes))
    with pytest.raises(LedgerUnavailable) as caught:
        ledger_at(served.url, relay=PAYER, receipt_seconds=0.3).transact("anchor", ROOT, ROOT)
    sent = {"0x" + keccak256(bytes.fromhex(raw[2:])).hex() for (raw,) in asked_for(served, "eth_sendRawTransaction")}
    named = set(re.findall("0x[0-9a-f]{64}", str(caught.value)))
    assert sent & named and named <= sent | {ROOT} and str(caught.value).startswith("http://127.0.0.1:")
    assert caught.value.advice


def test_a_node_that_is_lost_after_the_receipt_lets_the_transaction_be_named(serve: Serve) -> None:
    """A repeated revocation logs nothing, so the registry is looked for once more (item 21)."""
    heads: list[Any] = []

    def code(params: list[Any]) -> Any:
        heads.append(params)
        if len(heads) > 1:
            raise Refused(-32000, "gone")
        return healthy("eth_getCode", params)

    served = serve(sending(eth_getCode=code, eth_getTransactionReceipt={**RECEIPT, "logs": None}))
    with pytest.raises(LedgerUnavailable, match=r"does not show the contract.*transaction 0x[0-9a-f]{64} was sent"):
        ledger_at(served.url, relay=PAYER).transact("revoke", ROOT, ROOT)


@pytest.mark.parametrize(
    "odd",
    [
        {"from": 7, "to": None, "logsBloom": [], "contractAddress": "x", "type": {}, "cumulativeGasUsed": "no"},
        {"from": None, "contractAddress": "", "root": "0x", "effectiveGasPrice": None},
        {"status": None},
        {"status": ""},
        {"gasUsed": None},
        {"transactionHash": None},
    ],
    ids=str,
)
def test_members_that_are_not_used_may_be_anything(serve: Serve, odd: dict[str, Any]) -> None:
    """(item 21)"""
    served = serve(sending(eth_getTransactionReceipt={**RECEIPT, **odd}))
    receipt = ledger_at(served.url, relay=PAYER).transact("anchor", ROOT, ROOT)
    assert (receipt.block, receipt.sender) == (HEAD, PAYER.address)
    assert receipt.gas_used == (0 if "gasUsed" in odd else 0xAFFF)


def test_a_receipt_that_is_refused_does_not_make_us_pay_twice(serve: Serve) -> None:
    """The account's nonce is used, perhaps by our own transaction (item 21)."""
    counts = iter(["0x1", "0x1"])
    served = serve(
        sending(
            eth_getTransactionReceipt=Refused(-32000, "transaction indexing is in progress"),
            eth_getTransactionByHash=None,
            eth_getTransactionCount=lambda _: next(counts, "0x2"),
        )
    )
    with pytest.raises(LedgerUnavailable, match="indexing is in progress"):
        ledger_at(served.url, relay=PAYER, receipt_seconds=1.0).transact("anchor", ROOT, ROOT)
    assert len({json.dumps(params) for params in asked_for(served, "eth_sendRawTransaction")}) == 1
