"""Sockets of nodes that misbehave. The behaviour suite covers a healthy one, anvil's."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from registry.core.errors import LedgerUnavailable
from registry.ledger.base import Deployment
from registry.ledger.rpc import RpcLedger
from registry.net.json_rpc import MAX_ANSWER_BYTES, Call, Node
from tests.support.fake_node import DEPLOYMENT, QUESTION

pytestmark = pytest.mark.slow

Answer = Callable[[socket.socket], None]
GOOD = b'{"jsonrpc":"2.0","id":0,"result":"0x1"}'


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[[Answer], str]]:
    """Start a socket that reads a request, answers it as told, and hangs up; return its address."""
    listeners: list[socket.socket] = []

    def start(answer: Answer) -> str:
        listener = socket.socket(socket.AF_UNIX)
        listeners.append(listener)
        listener.bind(str(tmp_path / "n.ipc"))
        listener.listen()
        threading.Thread(target=_serve, args=(listener, answer), daemon=True).start()
        return str(tmp_path / "n.ipc")

    yield start
    for listener in listeners:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _serve(listener: socket.socket, answer: Answer) -> None:
    with suppress(OSError):
        while True:
            caller = listener.accept()[0]
            with caller, suppress(OSError):
                asked = b""
                while not asked.endswith(b"\n"):
                    asked += caller.recv(65_536)
                json.loads(asked)
                answer(caller)


def sending(*pieces: bytes, pause: float = 0.02, stay: float = 0.0) -> Answer:
    def answer(caller: socket.socket) -> None:
        for piece in pieces:
            caller.sendall(piece)
            time.sleep(pause)
        time.sleep(stay)

    return answer


@pytest.mark.parametrize(
    "pieces",
    [
        (GOOD + b"\n",),
        (GOOD,),
        (GOOD[:20], GOOD[20:], b"\n"),
        (GOOD[:-1], b"}"),
        (b'{"jsonrpc":"2.0","id":0,"more":{},', b'"result":"0x1"}'),
        (b'{"jsonrpc":"2.0","id":0,"more":{}', b',"result":"0x1"}\n'),
    ],
)
def test_an_answer_is_whole_when_its_json_is(served: Callable[[Answer], str], pieces: tuple[bytes, ...]) -> None:
    """The connection stays open, so only the answer itself shows its end."""
    node = Node(served(sending(*pieces, stay=5)), 20)
    began = time.monotonic()
    assert node.ask(Call("eth_chainId")) == "0x1"
    assert time.monotonic() - began < 4


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ((), "hung up"),
        ((GOOD[:-1],), "hung up"),
        ((b"\n",), "not JSON-RPC"),
        ((b"no\n",), "not JSON-RPC"),
        ((b"[" * 200_000 + b"]" * 200_000 + b"\n",), "not JSON-RPC"),
        ((b"[]\n",), "not answer what was asked"),
        ((GOOD.replace(b":0", b":1"),), "not answer what was asked"),
        ((GOOD + GOOD + b"\n",), "not JSON-RPC"),
        ((b" " * (MAX_ANSWER_BYTES + 1),), "more than"),
    ],
)
def test_what_is_no_answer(served: Callable[[Answer], str], pieces: tuple[bytes, ...], words: str) -> None:
    address = served(sending(*pieces))
    for _ in range(2):  # one connection each: the first answer spoils nothing for the second
        with pytest.raises(LedgerUnavailable, match=words) as caught:
            Node(address, 5).ask(Call("eth_chainId"))
    assert str(caught.value).startswith(f"ipc:{address}: ") and caught.value.advice


@pytest.mark.parametrize("pieces", [(), (b" ",) * 100, (b"[" + b"[],",) + (b"[],[]",) * 100])
def test_a_slow_socket_costs_no_more_than_the_time_limit(
    served: Callable[[Answer], str], pieces: tuple[bytes, ...]
) -> None:
    node = Node(served(sending(*pieces, stay=5)), 0.4)
    began = time.monotonic()
    with pytest.raises(LedgerUnavailable, match=r"within 0\.4 s"):
        node.ask(Call("eth_chainId"))
    assert time.monotonic() - began < 4


def test_a_socket_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.ipc", tmp_path):
        with pytest.raises(LedgerUnavailable, match="not reachable"):
            RpcLedger(f"ipc:{path}", DEPLOYMENT).facts([QUESTION])


def test_both_ways_to_a_node_lead_to_the_same_chain(anvil: tuple[str, Deployment], sockets: Path) -> None:
    heads = [RpcLedger(url, anvil[1]).head() for url in (anvil[0], f"ipc:{sockets / 'anvil.ipc'}")]
    assert heads[0] == heads[1]


def test_geths_socket(geth: tuple[str, Deployment], sockets: Path) -> None:
    assert RpcLedger(str(sockets / "geth.ipc"), geth[1]).head() == RpcLedger(*geth).head()
