"""Logs from nodes that limit blocks, bytes, time or rate: the reader returns all of them, or raises."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from registry.core.errors import LedgerUnavailable
from registry.core.facts import FactQuery
from registry.ledger import history as module
from registry.ledger.history import cutoffs_in
from registry.net.json_rpc import MAX_ANSWER_BYTES, Call, Node
from tests.support.fake_node import (
    DEPLOYMENT,
    QUESTION,
    REGISTRY,
    ZERO,
    FakeNode,
    Refused,
    Status,
    but,
    healthy,
    ledger_at,
)
from tests.support.levers import GethLevers, running_geth

pytestmark = pytest.mark.slow

Serve = Callable[..., FakeNode]
Window = tuple[int, int]


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GethLevers]:
    """A geth that serves the logs of six blocks at once: its limit of five is the difference of the ends."""
    with running_geth(tmp_path_factory.mktemp("n"), "--rpc.rangelimit", "5") as node:
        yield GethLevers(*node)


class Listening(Node):
    """A node that records the block ranges of log requests."""

    def __init__(self, url: str, timeout: float = 10.0) -> None:
        super().__init__(url, timeout)
        self.windows: list[Window] = []

    def attempt(self, call: Call) -> Any:
        self.windows.append(window(call.params))
        return super().attempt(call)


def window(params: Any) -> Window:
    first, last = (int(params[0][end], 16) for end in ("fromBlock", "toBlock"))
    return first, last


def test_a_node_that_serves_few_blocks_at_once(narrow: GethLevers) -> None:
    subject = narrow.wallet()
    cutoff = narrow.ledger.transact("revokeAll", sender=subject).time
    narrow.mine(40)
    question = FactQuery(ZERO, subject.address)
    for as_of, wanted in ((cutoff, cutoff), (cutoff - 1, 0)):
        assert narrow.ledger.facts([question], as_of=as_of).anchors[question].cutoff == wanted
    node, head, deployment = Listening(narrow.url), narrow.ledger.head().number, narrow.ledger.deployment
    for _ in range(2):
        node.windows.clear()
        found = cutoffs_in(node, deployment, [subject.address.lower()], 0, head)
        assert found == {subject.address.lower(): cutoff}
    # The first reading found the size that the node serves.
    assert 3 <= node.log_blocks <= 6
    starts = range(deployment.block, head + 1, node.log_blocks)
    assert node.windows == [(start, min(start + node.log_blocks - 1, head)) for start in starts]


def test_a_registry_of_unknown_age_is_not_looked_for_in_older_logs(
    narrow: GethLevers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``--registry`` names no block, so the states tell when the registry appeared."""
    subject, deployment = narrow.wallet(), narrow.ledger.deployment
    assert deployment.block > 0
    cutoff = narrow.ledger.transact("revokeAll", sender=subject).time
    narrow.mine(3)
    question, node = FactQuery(ZERO, subject.address), Listening(narrow.url)
    ledger = ledger_at(narrow.url)
    monkeypatch.setattr(ledger, "deployment", msgspec.structs.replace(deployment, block=0))
    monkeypatch.setattr(ledger, "_node", node)
    assert ledger.facts([question], as_of=cutoff - 1).anchors[question].cutoff == 0
    assert min(first for first, _ in node.windows) == deployment.block


def test_a_node_without_old_states_is_asked_for_all_logs(serve: Serve) -> None:
    """Reading from a later block might miss a revocation."""
    first: list[int] = []

    def logs(params: list[Any]) -> Any:
        first.append(window(params)[0])
        return healthy("eth_getLogs", params)

    def code(params: list[Any]) -> str:
        return str(healthy("eth_getCode", params)) if params[1] == "latest" else "0x"

    ledger = ledger_at(serve(but(eth_getLogs=logs, eth_getCode=code)).url)
    ledger.deployment = msgspec.structs.replace(DEPLOYMENT, block=0)
    assert ledger.facts([QUESTION], as_of=1_500).anchors[QUESTION].cutoff == 0
    assert first[0] == 0


@pytest.mark.parametrize(("limit", "blocks"), [(10_000, 2_600_000), (1_000, 640_000)])
def test_a_long_chain_takes_as_many_requests_as_it_has_windows(serve: Serve, limit: int, blocks: int) -> None:
    def logs(params: list[Any]) -> Any:
        first, last = window(params)
        if last - first >= limit:
            raise Refused(-32005, "query exceeds the range")
        return healthy("eth_getLogs", params)

    node = Listening(serve(but(eth_getLogs=logs)).url)
    assert cutoffs_in(node, DEPLOYMENT, [REGISTRY.lower()], 0, blocks) == {REGISTRY.lower(): 1_600}
    assert limit / 2 <= node.log_blocks <= limit
    assert len(node.windows) <= blocks / node.log_blocks + 15
    served = [each for each in node.windows if each[1] - each[0] < limit]
    assert [first for first, _ in served[1:]] == [last + 1 for _, last in served[:-1]]
    assert (served[0][0], served[-1][1]) == (DEPLOYMENT.block, blocks)


def _slow(_: list[Any]) -> Any:
    time.sleep(2)


def _large(_: list[Any]) -> Any:
    return ["x" * (MAX_ANSWER_BYTES + 1)]


def _status(code: int) -> Callable[[list[Any]], Any]:
    def answer(_: list[Any]) -> Any:
        raise Status(code)

    return answer


@pytest.mark.parametrize("answer", [_slow, _large, _status(413), _status(504)])
def test_what_long_ranges_cost_too_much_of_is_asked_for_in_part(serve: Serve, answer: Any) -> None:
    def logs(params: list[Any]) -> Any:
        first, last = window(params)
        return answer(params) if last - first > 20 else healthy("eth_getLogs", params)

    ledger = ledger_at(serve(but(eth_getLogs=logs)).url, timeout=1.0 if answer is _slow else 4.0)
    assert ledger.facts([QUESTION], as_of=1_700).anchors[QUESTION].cutoff == 1_600
    assert ledger.facts([QUESTION], as_of=1_500).anchors[QUESTION].cutoff == 0


_RATES = [
    Status(429),
    Refused(-32005, "project ID request rate exceeded: rate limit"),
    Refused(-32005, "Too Many Requests"),
    Refused(429, "Your app has exceeded its compute units per second capacity."),
]


@pytest.mark.parametrize("refusal", _RATES, ids=str)
def test_a_node_that_is_asked_too_often_is_asked_again_later(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, refusal: Exception
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.05)
    refusals = iter([refusal] * 2)

    def logs(params: list[Any]) -> Any:
        for each in refusals:
            raise each
        return healthy("eth_getLogs", params)

    node, began = Listening(serve(but(eth_getLogs=logs)).url), time.monotonic()
    assert cutoffs_in(node, DEPLOYMENT, [REGISTRY.lower()], 0, 100) == {REGISTRY.lower(): 1_600}
    assert time.monotonic() - began >= 0.15
    assert node.windows == [(2, 100)] * 3  # the range was not at fault


@pytest.mark.parametrize("refusal", _RATES, ids=str)
def test_the_patience_with_such_a_node_has_an_end(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, refusal: Exception
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(module, "PATIENCE", 0.5)
    ledger = ledger_at(serve(but(eth_getLogs=refusal)).url)
    with pytest.raises(LedgerUnavailable, match="takes no more requests for now") as caught:
        ledger.facts([QUESTION], as_of=1_500)
    assert "Wait" in caught.value.advice


def test_the_time_for_all_of_it_has_an_end_too(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.3)

    def logs(params: list[Any]) -> Any:
        first, last = window(params)
        if last > first:
            raise Refused(-32005, "one block, please")
        time.sleep(0.02)
        return []

    with pytest.raises(LedgerUnavailable, match=r"it gave the logs of \d+ of 49 blocks"):
        ledger_at(serve(but(eth_getLogs=logs)).url).facts([QUESTION], as_of=1_500)


def test_a_node_that_is_away_is_not_taken_for_one_with_long_ranges(serve: Serve) -> None:
    silent: list[bool] = []

    def answer(method: str, params: list[Any]) -> Any:
        if method == "eth_getLogs" or silent:
            silent.append(True)
            time.sleep(2)
        return healthy(method, params)

    node = serve(answer)
    with pytest.raises(LedgerUnavailable, match="no answer within"):
        ledger_at(node.url, timeout=1.0).facts([QUESTION], as_of=1_500)
    assert json.dumps(node.requests).count("eth_getLogs") == 1
