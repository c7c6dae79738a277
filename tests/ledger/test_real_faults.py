"""A real node that stops, dies, restarts, or answers late, in part or wrongly: no wrong answer, no lost anchor."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from registry.core.errors import LedgerUnavailable
from registry.core.facts import FactQuery, SignatureQuery
from registry.core.scalars import checksum, to_hex
from registry.ledger.anvil import Anvil
from registry.ledger.base import Deployment
from registry.ledger.deploy import deploy
from registry.ledger.rpc import RpcLedger
from registry.wallets.keywallet import KeyWallet
from tests.support.fake_node import NOBODY
from tests.support.levers import ANVIL_KEY, AnvilLevers, asker, freeze, start_anvil, stop, until
from tests.support.tcp_proxy import Proxy

pytestmark = pytest.mark.slow

PAYER = KeyWallet(ANVIL_KEY)
# A busy machine answers within the first; tests wait for the end of the second.
TIMEOUT, SHORT_TIMEOUT = 4.0, 1.5


class Running(NamedTuple):
    process: subprocess.Popen[str]
    url: str
    port: int
    deployment: Deployment

    def ledger(self, url: str = "", **options: Any) -> RpcLedger:
        given = {"timeout": TIMEOUT, "relay": PAYER, "receipt_seconds": 20.0, **options}
        return RpcLedger(url or self.url, self.deployment, **given)


def running(process: subprocess.Popen[str], url: str, deployment: Deployment | None = None) -> Running:
    return Running(process, url, int(url.rpartition(":")[2]), deployment or deploy(url, PAYER))


@pytest.fixture(scope="module")
def node() -> Iterator[Running]:
    process, url = start_anvil()
    try:
        yield running(process, url)
    finally:
        stop(process)


@pytest.fixture
def mortal() -> Iterator[list[Running]]:
    """Nodes that a test may kill. It starts with one, and the nodes that the test adds are ended too."""
    nodes = [running(*start_anvil())]
    yield nodes
    for each in nodes:
        stop(each.process)


def word() -> str:
    return to_hex(os.urandom(32))


def anchored(ledger: RpcLedger, root: str) -> bool:
    question = FactQuery(root, NOBODY)
    return ledger.facts([question]).anchors[question].anchored_at > 0


def sent_so_far(url: str) -> int:
    return int(asker(url)("eth_getTransactionCount", PAYER.address, "latest"), 16)


CALLS: dict[str, Callable[[RpcLedger], object]] = {
    "head": RpcLedger.head,
    "facts": lambda ledger: ledger.facts([FactQuery(word(), NOBODY)], [SignatureQuery(NOBODY, b"d" * 32, b"s")]),
    "transact": lambda ledger: ledger.transact("anchor", word(), word()),
}


@pytest.fixture(params=list(CALLS))
def call(request: pytest.FixtureRequest) -> Callable[[RpcLedger], object]:
    return CALLS[request.param]


def test_a_node_that_is_stopped_costs_the_time_limit_and_nothing_else(
    node: Running, call: Callable[[RpcLedger], object]
) -> None:
    ledger, before = node.ledger(timeout=SHORT_TIMEOUT), sent_so_far(node.url)
    freeze(node.process)
    try:
        began = time.monotonic()
        with pytest.raises(LedgerUnavailable, match="no answer within"):
            call(ledger)
        assert time.monotonic() - began < 8 * SHORT_TIMEOUT
    finally:
        node.process.send_signal(signal.SIGCONT)
    assert sent_so_far(node.url) == before
    call(ledger)


def test_a_node_that_is_killed_while_it_is_asked(mortal: list[Running], call: Callable[[RpcLedger], object]) -> None:
    node = mortal[0]
    freeze(node.process)
    killer = threading.Timer(0.3, node.process.kill)  # the call hangs by now; if not, it fails all the same
    killer.start()
    with pytest.raises(LedgerUnavailable):
        call(node.ledger(timeout=10))
    killer.join()
    with pytest.raises(LedgerUnavailable, match="not reachable"):
        call(node.ledger())


@pytest.mark.parametrize("stays", [True, False])
def test_a_transaction_outlasts_a_node_that_is_away(node: Running, stays: bool) -> None:
    """The node is frozen after the transaction is sent, and continues after the first time limit."""
    levers, root, before = AnvilLevers(node.url, node.deployment), word(), sent_so_far(node.url)
    heard: list[str] = []

    def progress(transaction: str, _: float) -> None:
        heard.append(transaction)
        if len(heard) == 1:
            freeze(node.process)
        elif len(heard) == 2 and not stays:
            node.process.send_signal(signal.SIGCONT)
            levers._ask("evm_setAutomine", True)
            levers.mine(1)

    levers._ask("evm_setAutomine", False)
    ledger = node.ledger(timeout=SHORT_TIMEOUT, progress=progress, receipt_seconds=1.0 if stays else 20.0)
    try:
        if stays:
            with pytest.raises(LedgerUnavailable, match=r"was sent, but .*no answer within") as caught:
                ledger.transact("anchor", root, word())
            assert heard[0] in str(caught.value)
        else:
            assert ledger.transact("anchor", root, word()).transaction == heard[0]
    finally:
        node.process.send_signal(signal.SIGCONT)
        levers._ask("evm_setAutomine", True)
        levers.mine(1)
    assert anchored(ledger, root)
    assert sent_so_far(node.url) == before + 1


def test_a_transaction_outlasts_a_node_that_is_killed_and_begun_again(mortal: list[Running], tmp_path: Path) -> None:
    """The node forgets its pending transactions, so the same bytes are sent again."""
    node, root, state = mortal[0], word(), tmp_path / "state.json"
    asker(node.url)("evm_setAutomine", False)
    state.write_bytes(Anvil(node.url).state())
    heard: list[str] = []

    def progress(transaction: str, _: float) -> None:
        heard.append(transaction)
        if len(heard) == 1:
            stop(node.process)
        elif len(heard) == 3:
            again = start_anvil("--load-state", str(state), port=node.port)
            mortal.append(running(*again, node.deployment))

    before = node.ledger().head().number
    receipt = node.ledger(progress=progress).transact("anchor", root, word())
    assert set(heard) == {receipt.transaction} and receipt.block > before
    assert anchored(node.ledger(), root)


def test_answers_that_are_merely_late_are_waited_for(node: Running, call: Callable[[RpcLedger], object]) -> None:
    with Proxy(node.port) as proxy:
        proxy.delay = 0.05
        call(node.ledger(proxy.url, timeout=10))


@pytest.mark.parametrize("spoil", ["late", "dripping", "empty", "cut", "other-bytes", "other-id", "other-chain"])
def test_spoilt_answers_are_no_answers(node: Running, call: Callable[[RpcLedger], object], spoil: str) -> None:
    before = sent_so_far(node.url)
    with Proxy(node.port) as proxy:
        ledger = node.ledger(proxy.url, timeout=0.5)
        _spoil(proxy, spoil)
        with pytest.raises(LedgerUnavailable) as caught:
            call(ledger)
        assert caught.value.advice
    assert sent_so_far(node.url) == before


def _spoil(proxy: Proxy, how: str) -> None:
    swaps = {
        "other-bytes": (b'"result"', b'"resalt"'),
        "other-id": (b'"id":0', b'"id":9'),
        "other-chain": (b'"0x7a69"', b'"0x7a6a"'),
    }
    if how == "late":
        proxy.delay = 5
    elif how == "dripping":
        proxy.drip = 0.1
    elif how in ("empty", "cut"):
        proxy.cut = {"empty": 0, "cut": 150}[how]
    else:
        proxy.alter = lambda piece: piece.replace(*swaps[how])


@pytest.mark.parametrize("switch", ["cut_requests", "cut"])
def test_what_gets_lost_while_sending_is_sent_once(node: Running, switch: str) -> None:
    """The connection breaks while sending, before or after the node has the transaction, and works again later."""
    root, before = word(), sent_so_far(node.url)
    with Proxy(node.port) as proxy:

        class Wallet:
            address = PAYER.address

            def sign_transaction(self, tx: dict[str, Any]) -> bytes:
                setattr(proxy, switch, 0)  # what is signed is sent next
                return PAYER.sign_transaction(tx)

        ledger = node.ledger(proxy.url, progress=lambda *_: setattr(proxy, switch, None))
        ledger.transact("anchor", root, word(), sender=Wallet())
        assert getattr(proxy, switch) is None
    assert anchored(node.ledger(), root)
    assert sent_so_far(node.url) == before + 1


@pytest.mark.parametrize(
    ("what", "words"),
    [("verifier", "not a ConsentRegistry"), ("elsewhere", "not a ConsentRegistry"), ("nothing", "no contract at")],
)
def test_a_registry_that_is_none_is_refused(
    node: Running, call: Callable[[RpcLedger], object], what: str, words: str
) -> None:
    # Exactly our code, but at another address: it refuses signatures for the real one.
    elsewhere, ask = checksum(b"\xe1" * 20), asker(node.url)
    ask("anvil_setCode", elsewhere, ask("eth_getCode", node.deployment.registry, "latest"))
    address = {"verifier": node.deployment.verifier, "elsewhere": elsewhere}.get(what, PAYER.address)
    other = Deployment(node.deployment.chain_id, address, node.deployment.verifier, node.deployment.block)
    before = sent_so_far(node.url)
    with pytest.raises(LedgerUnavailable, match=words):
        call(node._replace(deployment=other).ledger())
    assert sent_so_far(node.url) == before


def test_a_chain_that_was_begun_anew_takes_no_transactions(node: Running, mortal: list[Running]) -> None:
    """A ledger that saw the registry before checks again."""
    with Proxy(node.port) as proxy:
        ledger = node.ledger(proxy.url)
        ledger.head()
        process, url = start_anvil()
        mortal.append(running(process, url, node.deployment))
        proxy.target = mortal[-1].port
        with pytest.raises(LedgerUnavailable, match="no contract at"):
            ledger.transact("anchor", word(), word())
        assert sent_so_far(url) == 0


@pytest.mark.parametrize("function", ["anchor", "revokeAll", "retire"])
def test_a_chain_that_is_begun_anew_meanwhile_keeps_no_promise(mortal: list[Running], function: str) -> None:
    """The new chain has no registry, and runs the resent bytes as an empty call that succeeds."""
    old, (process, url) = mortal[0], start_anvil()
    mortal.append(running(process, url, old.deployment))
    asker(old.url)("evm_setAutomine", False)
    before, arguments = sent_so_far(old.url), [word(), word()] if function == "anchor" else []
    for _ in range(before):  # so that the account's numbers are the same on both
        asker(url)("eth_sendTransaction", {"from": PAYER.address, "to": NOBODY})
    until(lambda: sent_so_far(url) == before)  # anvil answers before its block is made
    with Proxy(old.port) as proxy:
        ledger = old.ledger(proxy.url, progress=lambda *_: setattr(proxy, "target", mortal[1].port))
        with pytest.raises(LedgerUnavailable, match=r"did not take it|no contract at"):
            ledger.transact(function, *arguments)
    assert sent_so_far(url) == before + 1
