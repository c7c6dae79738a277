"""A fault at each request of each call in turn: the call returns the right answer, or raises.

A transaction is in the chain once or not at all, and a receipt is never returned for one that is not.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry.core.errors import LedgerUnavailable
from registry.core.facts import FactQuery, SignatureQuery
from registry.core.scalars import to_hex
from registry.ledger.anvil import Anvil
from registry.ledger.base import Deployment
from registry.ledger.deploy import deploy
from registry.ledger.rpc import RpcLedger
from registry.wallets.keywallet import KeyWallet
from tests.support.fake_node import NOBODY, ZERO
from tests.support.levers import ANVIL_KEY, asker, freeze, start_anvil, stop
from tests.support.tcp_proxy import Proxy

pytestmark = pytest.mark.slow

PAYER = KeyWallet(ANVIL_KEY)
# Long enough for a busy machine to answer, short enough to wait for.
TIMEOUT = 1.0
MANY = 30


class World:
    """An anvil that tests may stop, kill and restart from its first state."""

    def __init__(self, folder: Path) -> None:
        self.process, self.url = start_anvil()
        self.port = int(self.url.rpartition(":")[2])
        self.deployment: Deployment = deploy(self.url, PAYER)
        self.ask = asker(self.url)
        ledger = RpcLedger(self.url, self.deployment, relay=PAYER)
        self.root, self.cutoff = to_hex(os.urandom(32)), 0
        ledger.transact("anchor", self.root, ZERO)
        self.cutoff = ledger.transact("revokeAll").time
        self.ask("evm_increaseTime", "0x64")
        self.ask("anvil_mine", "0x3")
        self._state = folder / "state.json"
        self._state.write_bytes(Anvil(self.url).state())

    def begin_again(self) -> None:
        stop(self.process)
        self.process, _ = start_anvil("--load-state", str(self._state), port=self.port)

    def sent(self) -> int:
        return int(self.ask("eth_getTransactionCount", PAYER.address, "latest"), 16)

    def anchored(self, root: str) -> bool:
        question = FactQuery(root, NOBODY)
        return RpcLedger(self.url, self.deployment).facts([question]).anchors[question].anchored_at > 0


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("w"))
    yield made
    stop(made.process)


class NthSpoilt(Proxy):
    """A proxy that calls ``before`` at the n-th connection, and changes that connection's answer by ``spoil``."""

    def __init__(self, target: int, n: int, before: Callable[[], object], spoil: Callable[[bytes], bytes]) -> None:
        self._n, self._before, self._spoil = n, before, spoil
        self.done = threading.Event()
        super().__init__(target)

    def _serve(self, caller: socket.socket) -> None:
        if self.connections == self._n:
            self._before()
            self.done.set()
        super()._serve(caller)

    def _answer(self, sink: socket.socket, piece: bytes, done: int) -> bool:
        if self.connections != self._n:
            return super()._answer(sink, piece, done)
        spoilt = self._spoil(piece)
        sink.sendall(spoilt)
        return len(spoilt) == len(piece)


def _late(piece: bytes) -> bytes:
    time.sleep(TIMEOUT * 1.3)
    return piece


def _stop_for_a_while(process: subprocess.Popen[str]) -> None:
    freeze(process)
    timer = threading.Timer(TIMEOUT * 1.3, process.send_signal, (signal.SIGCONT,))
    timer.daemon = True
    timer.start()


FAULTS: dict[str, tuple[Callable[[World], object], Callable[[bytes], bytes]]] = {
    "stopped": (lambda world: _stop_for_a_while(world.process), bytes),
    "killed": (lambda world: stop(world.process), bytes),
    "restarted": (World.begin_again, bytes),
    "late": (lambda _: None, _late),
    "cut": (lambda _: None, lambda piece: piece[:150]),
    "altered": (lambda _: None, lambda piece: piece.replace(b'"result"', b'"resalt"')),
}


@pytest.fixture(params=list(FAULTS))
def fault(request: pytest.FixtureRequest, world: World) -> Iterator[str]:
    yield str(request.param)
    world.begin_again()


def every_request(world: World, fault: str, call: Callable[[RpcLedger], object]) -> Iterator[object]:
    """Make the call once for each of its requests, with the fault at that request; yield each answer or error."""
    before, spoil = FAULTS[fault]
    for n in range(1, MANY):
        with NthSpoilt(world.port, n, lambda: before(world), spoil) as proxy:
            seconds = 0.5 if fault == "killed" else 8.0
            ledger = RpcLedger(proxy.url, world.deployment, timeout=TIMEOUT, relay=PAYER, receipt_seconds=seconds)
            try:
                found = call(ledger)
            except LedgerUnavailable as error:
                found = error
            if proxy.connections < n:
                return
            assert proxy.done.wait(60)  # it may take longer than the call waits
        if fault == "killed":
            assert isinstance(found, LedgerUnavailable), n
            world.begin_again()
        world.process.send_signal(signal.SIGCONT)
        yield found
        if fault == "restarted":
            world.begin_again()
    raise AssertionError("so many requests were not foreseen")


def test_facts(world: World, fault: str) -> None:
    question, signature = FactQuery(world.root, PAYER.address), SignatureQuery(NOBODY, b"d" * 32, b"s")
    true = RpcLedger(world.url, world.deployment).facts([question], [signature])
    assert true.anchors[question].anchored_at and true.anchors[question].cutoff == world.cutoff
    met = 0
    for found in every_request(world, fault, lambda ledger: ledger.facts([question], [signature])):
        met += 1
        if not isinstance(found, LedgerUnavailable):
            assert (found.anchors, found.signatures) == (true.anchors, true.signatures)  # type: ignore[attr-defined]
    assert met == 2


def test_facts_of_the_past(world: World, fault: str) -> None:
    question, met = FactQuery(world.root, PAYER.address), 0

    def call(ledger: RpcLedger) -> object:
        return ledger.facts([question], as_of=world.cutoff + 1).anchors[question].cutoff

    for found in every_request(world, fault, call):
        met += 1
        assert isinstance(found, LedgerUnavailable) or found == world.cutoff
    # The head, the first block, those between, the facts, the logs.
    assert met >= 5


def test_transactions(world: World, fault: str) -> None:
    root, before = "", 0

    def call(ledger: RpcLedger) -> object:
        nonlocal root, before
        root, before = to_hex(os.urandom(32)), world.sent()
        return ledger.transact("anchor", root, ZERO)

    met, sent = 0, 0
    for found in every_request(world, fault, call):
        done = world.anchored(root)
        assert isinstance(found, LedgerUnavailable) or done
        assert world.sent() == before + done
        met, sent = met + 1, sent + done
    assert met >= 5
    # After the request that sends the transaction, every fault leaves it in the chain.
    assert sent == 0 if fault == "killed" else sent >= 2
