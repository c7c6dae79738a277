"""ERC-1271 probes: few in a request, with bounded gas, so that a hostile contract cannot block other answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from registry.core.facts import SignatureQuery
from registry.core.scalars import unhex
from registry.ledger.abi import PROBE_GAS
from registry.ledger.fact_reader import _PROBES
from registry.ledger.rpc import RpcLedger
from tests.support.fake_node import QUESTION, REGISTRY, FakeNode, but, healthy, ledger_at
from tests.support.levers import AnvilLevers, creation

pytestmark = pytest.mark.slow

# Hash 64 KiB in a loop, which costs a node the most time for its gas.
BURNING = bytes.fromhex("5b61ffff5f20505f56")


def _asked(count: int) -> list[SignatureQuery]:
    return [SignatureQuery(REGISTRY, bytes(32), number.to_bytes(2, "big")) for number in range(1, count + 1)]


@pytest.mark.parametrize("count", [1, _PROBES, _PROBES + 1, 3 * _PROBES])
def test_few_in_one_request(serve: Callable[..., FakeNode], count: int) -> None:
    def answer(method: str, params: list[Any]) -> Any:
        if method == "eth_call" and "to" not in params[0]:
            return "0x" + f"{unhex(params[0]['data'])[-31] % 2:064x}"  # the signature's last byte, before its padding
        return healthy(method, params)

    node, asked = serve(answer), _asked(count)
    facts = ledger_at(node.url).facts([QUESTION], asked)
    # Each answer is matched to its question across requests.
    assert facts.signatures == {question: question.signature[1] % 2 == 1 for question in asked}
    assert len(facts.anchors) == 1
    probes = [[call for call in request if "to" not in call["params"][0]] for request in map(_calls, node.requests)]
    assert [len(some) for some in probes if some] == [_PROBES] * (count // _PROBES) + [count % _PROBES] * bool(
        count % _PROBES
    )
    assert {call["params"][0]["gas"] for some in probes for call in some} == {hex(PROBE_GAS)}


def _calls(request: Any) -> list[Any]:
    every = request if isinstance(request, list) else [request]
    return [call for call in every if call["method"] == "eth_call"]


def test_without_questions_nobody_is_asked(serve: Callable[..., FakeNode]) -> None:
    node = serve(but())
    ledger_at(node.url).facts([QUESTION])
    assert all("to" in call["params"][0] for request in node.requests for call in _calls(request))


def test_many_that_burn_all_they_get(anvil: tuple[str, Any]) -> None:
    levers = AnvilLevers(*anvil)
    account = levers.send(data="0x" + creation(BURNING).hex())["contractAddress"]
    asked = [SignatureQuery(account, bytes(32), bytes([number])) for number in range(2 * _PROBES)]
    asked.insert(5, SignatureQuery(levers.contract("yes"), bytes(32), b"x"))
    found = RpcLedger(*anvil, timeout=30).facts([], asked).signatures
    assert [found[question] for question in asked] == [number == 5 for number in range(len(asked))]
