"""Facts from nodes that are healthy, wrong, pruned or reorganising: no wrong answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from registry.core.errors import LedgerUnavailable
from registry.core.facts import FactQuery
from registry.ledger.abi import REVOKED_ALL
from tests.support.fake_node import (
    ASKED_DOMAIN,
    CODE,
    HEAD,
    NOBODY,
    QUESTION,
    REGISTRY,
    ROOT,
    SIGNED,
    ZERO,
    FakeNode,
    Refused,
    block,
    but,
    healthy,
    ledger_at,
    log,
)

pytestmark = pytest.mark.slow


def test_facts_take_two_requests(serve: Callable[..., FakeNode]) -> None:
    node = serve()
    facts = ledger_at(node.url, clock=lambda: 2_100).facts([QUESTION] * 3, [SIGNED])
    assert facts[:7] == (31_337, HEAD, block(HEAD)["hash"], 2_000, 2_100, 0, None)
    assert facts.anchors[QUESTION] == (1_500, 0, 1_600)
    assert facts.signatures == {SIGNED: True}
    assert len(node.requests) == 2


def test_everything_is_read_at_the_head_that_is_named(serve: Callable[..., FakeNode]) -> None:
    node = serve()
    ledger_at(node.url).facts([QUESTION], [SIGNED], depth=5)
    blocks = [
        call["params"][1]
        for request in node.requests
        for call in (request if isinstance(request, list) else [request])
        if call["method"] == "eth_call" and call["params"][0] != ASKED_DOMAIN
    ]
    at_head = {"blockHash": block(HEAD)["hash"]}
    assert blocks == [at_head, hex(HEAD - 5), at_head]


def test_a_node_without_batches_is_asked_one_by_one(serve: Callable[..., FakeNode]) -> None:
    node = serve(batches=False)
    assert ledger_at(node.url).facts([QUESTION]).anchors[QUESTION] == (1_500, 0, 1_600)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"eth_chainId": "0x1"}, "on chain 1, not on 31337"),
        ({"eth_chainId": "1"}, "something else than a number"),
        ({"eth_chainId": None}, "something else than a number"),
        ({"eth_chainId": "0xffffffffffffffff"}, "cannot be"),
        ({"eth_chainId": Refused(-32601, "not here")}, "which chain"),
        ({"eth_getCode": "0x"}, "no contract at"),
        ({"eth_getCode": "0x60"}, "not a ConsentRegistry"),
        ({"eth_getCode": CODE + "00"}, "not a ConsentRegistry"),
        ({"eth_getCode": None}, "does not show the contract at"),
        ({"eth_getCode": Refused(-32000, "no state")}, "does not show the contract at"),
        ({"eth_getBlockByNumber": None}, "no block"),
        ({"eth_getBlockByNumber": {"hash": "0x12"}}, "no block"),
        ({"eth_getBlockByNumber": {**block(1), "timestamp": 12}}, "something else than a number"),
        ({"eth_getBlockByNumber": Refused(-32000, "syncing")}, "syncing"),
        ({"eth_call": "0x"}, "it shows no registry there"),
        ({"eth_call": "0x" + "ff" * 96}, "not a ConsentRegistry"),
        ({"eth_call": 7}, "makes no sense"),
        ({"eth_call": Refused(3, "execution reverted", "0x")}, "cannot read block"),
        ({"eth_call": Refused(-32000, "header not found")}, "header not found"),
        ({"eth_call": Refused(-32005, "too many requests")}, "too many requests"),
    ],
)
def test_a_node_that_says_the_wrong_thing(serve: Callable[..., FakeNode], changes: dict[str, Any], words: str) -> None:
    with pytest.raises(LedgerUnavailable, match=words):
        ledger_at(serve(but(**changes)).url).facts([QUESTION])


@pytest.mark.parametrize(
    ("domain", "words"),
    [
        ("0x", "not a ConsentRegistry"),
        (ZERO, "not a ConsentRegistry"),
        (None, "not a ConsentRegistry"),
        (Refused(-32000, "busy"), "does not show the contract"),
        (Refused(-32005, "too many requests"), "takes no more requests for now: too many requests"),
    ],
)
def test_our_code_with_another_domain_is_not_believed(serve: Callable[..., FakeNode], domain: Any, words: str) -> None:
    def answer(method: str, params: list[Any]) -> Any:
        if params[:1] != [ASKED_DOMAIN]:
            return healthy(method, params)
        if isinstance(domain, Exception):
            raise domain
        return domain

    with pytest.raises(LedgerUnavailable, match=words):
        ledger_at(serve(answer).url).facts([QUESTION])


def test_a_head_that_moves_is_read_again(serve: Callable[..., FakeNode]) -> None:
    calls = iter([Refused(-32000, "header not found")])

    def moving(params: list[Any]) -> Any:
        for refused in calls:
            raise refused
        return healthy("eth_call", params)

    assert ledger_at(serve(but(eth_call=moving)).url).facts([QUESTION]).anchors[QUESTION].anchored_at == 1_500


def test_old_state_that_was_thrown_away_is_said_to_be(serve: Callable[..., FakeNode]) -> None:
    def pruned(params: list[Any]) -> Any:
        if params[1] != {"blockHash": block(HEAD)["hash"]}:
            raise Refused(-32000, "missing trie node 12ab (path ) state 0x12 is not available")
        return healthy("eth_call", params)

    ledger = ledger_at(serve(but(eth_call=pruned)).url)
    for how in ({"depth": 50}, {"as_of": 1_200}):
        with pytest.raises(LedgerUnavailable, match="cannot read block") as caught:
            ledger.facts([QUESTION], [SIGNED], **how)
        assert "archive" in caught.value.advice
    # Past cutoffs come from logs, which need no old state.
    assert ledger.facts([QUESTION], as_of=1_200).anchors[QUESTION] == (1_500, 0, 0)


def test_old_state_that_is_silently_missing_is_no_answer(serve: Callable[..., FakeNode]) -> None:
    """Such a node shows no code, so every contract would seem to refuse."""

    def called(params: list[Any]) -> Any:
        if params[1] == {"blockHash": block(HEAD)["hash"]}:
            return healthy("eth_call", params)
        return "0x" if "to" in params[0] else ZERO

    def code(params: list[Any]) -> str:
        return CODE if params[1] == "latest" else "0x"

    ledger = ledger_at(serve(but(eth_call=called, eth_getCode=code)).url)
    for how in ({"depth": 50}, {"as_of": 1_200}):
        with pytest.raises(LedgerUnavailable, match="it shows no registry there") as caught:
            ledger.facts([QUESTION], [SIGNED], **how)
        assert "archive" in caught.value.advice
    assert ledger.facts([], [SIGNED], as_of=1_015).signatures == {SIGNED: False}  # before the registry, no is no


@pytest.mark.parametrize(
    "answer", [Refused(-32000, "request timed out"), Refused(3, "execution reverted", "0x"), None, 5, "0x", "0x02"]
)
def test_a_node_that_fails_says_nothing_of_a_signature(serve: Callable[..., FakeNode], answer: Any) -> None:
    with pytest.raises(LedgerUnavailable):
        ledger_at(serve(but(eth_call=answer)).url).facts([], [SIGNED])


def test_the_largest_cutoff_logged_by_then_counts(serve: Callable[..., FakeNode]) -> None:
    asked: list[dict[str, Any]] = []

    def logs(params: list[Any]) -> Any:
        asked.append(params[0])
        first, last = (int(params[0][end], 16) for end in ("fromBlock", "toBlock"))
        if last - first > 10:
            raise Refused(-32005, "range too wide")
        early = [log(REGISTRY, 1_010), log(REGISTRY, 1_005)] if first <= 20 <= last else []
        return early + healthy("eth_getLogs", params)

    question = FactQuery(ROOT, REGISTRY)
    facts = ledger_at(serve(but(eth_getLogs=logs)).url).facts([question, QUESTION], as_of=1_509)
    assert (facts.as_of, facts.anchors[question].cutoff, facts.anchors[QUESTION].cutoff) == (1_509, 1_010, 0)
    assert (asked[0]["fromBlock"], asked[0]["toBlock"], asked[0]["address"]) == ("0x2", hex(50), REGISTRY)


@pytest.mark.parametrize(
    "logs",
    [
        Refused(-32005, "never"),
        None,
        [5],
        [{}],
        [{"topics": [REVOKED_ALL], "data": "0x"}],
        [{**log(REGISTRY, 1), "data": "0x01"}],
        [{**log(REGISTRY, 1), "topics": [ZERO, ZERO]}],
        # Less, or more, than what the state shows.
        [],
        [log(NOBODY, 1_599)],
        [log(NOBODY, 1_601)],
        [log(REGISTRY, 1_600)],
    ],
)
def test_logs_that_cannot_be_read_are_no_answer(serve: Callable[..., FakeNode], logs: Any) -> None:
    with pytest.raises(LedgerUnavailable):
        ledger_at(serve(but(eth_getLogs=logs)).url).facts([QUESTION], as_of=1_500)


def test_who_was_never_cut_off_needs_no_logs(serve: Callable[..., FakeNode]) -> None:
    never = "0x" + f"{1_500:064x}" + "00" * 64
    node = serve(but(eth_call=never, eth_getLogs=Refused(-32005, "never")))
    assert ledger_at(node.url).facts([QUESTION], as_of=1_500).anchors[QUESTION] == (1_500, 0, 0)


def test_other_blocks_than_were_asked_for_are_no_answer(serve: Callable[..., FakeNode]) -> None:
    wrong = but(eth_getBlockByNumber=lambda params: block(HEAD if params[0] == "latest" else 0))
    with pytest.raises(LedgerUnavailable, match="other blocks"):
        ledger_at(serve(wrong).url).facts([QUESTION], as_of=1_500)
