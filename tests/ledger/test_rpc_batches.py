"""Nodes that refuse large batches: smaller ones are sent, no answer is lost, and retries end."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from registry.core.errors import LedgerUnavailable
from registry.net.json_rpc import MAX_REQUEST_BYTES, Call, Node
from tests.support.fake_node import FakeNode, Refused

pytestmark = pytest.mark.slow

MANY = [Call("eth_call", [number]) for number in range(500)]


def echo(_: str, params: list[Any]) -> Any:
    return params[0]


def sizes(node: FakeNode) -> list[int]:
    return [len(asked) if isinstance(asked, list) else 1 for asked in node.requests]


def test_many_calls_are_one_request(serve: Callable[..., FakeNode]) -> None:
    node = serve(echo)
    assert Node(node.url, 5).ask_all(MANY) == list(range(500))
    assert sizes(node) == [500]


def test_a_node_without_batches_is_found_out_once(serve: Callable[..., FakeNode]) -> None:
    served = serve(echo, batches=False)
    node = Node(served.url, 5)
    assert node.ask_all(MANY[:20]) == list(range(20))
    assert sizes(served) == [20, 10, 5, 2] + [1] * 20
    assert node.ask_all(MANY[:3]) == [0, 1, 2]
    assert sizes(served)[-3:] == [1, 1, 1]


@pytest.mark.parametrize("code", [-32002, -32003])
def test_a_batch_that_is_answered_in_part_is_asked_again_in_halves(serve: Callable[..., FakeNode], code: int) -> None:
    """geth answers so if a batch's calls take too long or return too much together."""
    served: list[FakeNode] = []

    def stingy(_: str, params: list[Any]) -> Any:
        if len(served[0].requests[-1]) > 100 and params[0] > 50:
            raise Refused(code, "response too large")
        return params[0]

    served.append(serve(stingy))
    assert Node(served[0].url, 5).ask_all(MANY) == list(range(500))
    assert max(sizes(served[0])[2:]) <= 125


def test_an_error_of_one_call_is_its_own(serve: Callable[..., FakeNode]) -> None:
    def one(_: str, params: list[Any]) -> Any:
        if params[0] == 7:
            raise Refused(-32000, "no")
        return params[0]

    served = serve(one)
    answers = Node(served.url, 5).ask_all(MANY)
    assert answers[7].message == "no" and answers[8] == 8
    assert sizes(served) == [500]


def test_a_request_stays_below_what_proxies_take(serve: Callable[..., FakeNode]) -> None:
    served = serve(echo)
    large = [Call("eth_call", ["0x" + "ab" * 8_192]) for _ in range(100)]
    assert Node(served.url, 5).ask_all(large) == [call.params[0] for call in large]
    assert max(int(headers["Content-Length"]) for headers in served.headers) <= MAX_REQUEST_BYTES


def _too_large(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.0 413 Payload Too Large\r\n\r\n<html></html>")


def test_a_node_that_takes_nothing_is_not_asked_for_ever(serve: Callable[..., FakeNode]) -> None:
    served = serve(raw=_too_large)
    node = Node(served.url, 5)
    with pytest.raises(LedgerUnavailable, match="413"):
        node.ask_all(MANY)
    assert sizes(served) == [500, 250, 125, 62, 31, 15, 7, 3, 1]
    assert node._batch > 500  # a failure does not show what size the node takes
