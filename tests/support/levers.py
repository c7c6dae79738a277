"""Every kind of ledger behind one interface for tests, so that one suite runs over all of them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from registry.ledger.base import Deployment, Ledger
from registry.ledger.deploy import deploy
from registry.ledger.embedded import EmbeddedLedger
from registry.ledger.rpc import RpcLedger
from registry.net.json_rpc import Call, Node, NodeError
from registry.wallets.keyfiles import relay_key
from registry.wallets.keywallet import KeyWallet
from tests.support.fake_ledger import MemoryLedger
from tests.support.tools import tool

START = 1_790_000_000
# A public test key of anvil. It holds nothing on other chains.
ANVIL_KEY = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
# `start_geth` gives it money.
GETH_PAYER = KeyWallet(b"\x67" * 32)

_MAGIC = "1626ba7e" + "00" * 28
_MEGABYTE = 1 << 20


def answering(word: str, size: int, end: str = "f3") -> bytes:
    """Return runtime code whose answer has ``size`` bytes and begins with a word in hex; ``end`` fd reverts with it."""
    return bytes.fromhex(f"7f{word}5f5262{size:06x}5f{end}")


# Runtime code that returns the magic word; a word of zeros; reverts; returns four bytes of the magic word; burns all
# gas; writes before it answers, which a static call forbids. Then answers that are long, short or almost right.
WALLETS = {
    "yes": bytes.fromhex("7f" + _MAGIC + "5f5260205ff3"),
    "no": bytes.fromhex("60205ff3"),
    "reverting": bytes.fromhex("5f5ffd"),
    "short": bytes.fromhex("7f" + _MAGIC + "5f5260045ff3"),
    "failing": bytes.fromhex("fe"),
    "writing": bytes.fromhex("60015f557f" + _MAGIC + "5f5260205ff3"),
    "31 bytes": answering(_MAGIC, 31),
    "64 bytes": answering(_MAGIC, 64),
    "dirty": answering(_MAGIC[:-2] + "01", 32),
    "megabyte of zeros": answering("00" * 32, _MEGABYTE),
    "megabyte that begins with yes": answering(_MAGIC, _MEGABYTE),
    "reverting with a megabyte": answering(_MAGIC, _MEGABYTE, "fd"),
}
# ERC-1271: the call succeeds, and its first word is the padded selector, whatever follows.
ACCEPTING = {"yes", "64 bytes", "megabyte that begins with yes"}


def creation(runtime: bytes) -> bytes:
    """Return creation code whose short constructor returns ``runtime``."""
    return bytes.fromhex(f"60{len(runtime):02x}8060095f395ff3") + runtime


class Levers(Protocol):
    """A ledger, and a test's control of its chain."""

    ledger: Ledger

    def pass_time(self, seconds: int) -> None: ...

    def mine(self, blocks: int) -> None: ...

    def wallet(self) -> KeyWallet:
        """Return a new account that can pay."""

    def contract(self, kind: str) -> str:
        """Create a contract that answers ``isValidSignature`` as `WALLETS` says; return its address."""


_numbers = iter(range(1, 1_000_000))


def _new_wallet() -> KeyWallet:
    return KeyWallet(next(_numbers).to_bytes(4, "big").rjust(32, b"\x5a"))


class Clock:
    def __init__(self, now: int = START) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


class MemoryLevers:
    def __init__(self) -> None:
        self._clock = Clock()
        self.ledger = MemoryLedger(clock=self._clock)

    def pass_time(self, seconds: int) -> None:
        self._clock.now += seconds

    def mine(self, blocks: int) -> None:
        self.ledger.mine(count=blocks)

    def wallet(self) -> KeyWallet:
        return _new_wallet()

    def contract(self, kind: str) -> str:
        address = _new_wallet().address
        since = self.ledger.mine().time
        self.ledger.contracts[address.lower()] = (since, lambda _digest, _signature: kind in ACCEPTING)
        return address


class EmbeddedLevers:
    def __init__(self, network: Path) -> None:
        self._clock = Clock()
        self.ledger = EmbeddedLedger(network, relay_key, clock=self._clock)

    def pass_time(self, seconds: int) -> None:
        self._clock.now += seconds

    def mine(self, blocks: int) -> None:
        with self.ledger._session() as evm:
            for _ in range(blocks):
                evm._chain.set_header_timestamp(max(self._clock(), evm.head().timestamp + 1))
                evm._chain.mine_all([])

    def wallet(self) -> KeyWallet:
        return _new_wallet()

    def contract(self, kind: str) -> str:
        return deploy_embedded(self.ledger, creation(WALLETS[kind]))


def deploy_embedded(ledger: EmbeddedLedger, code: bytes) -> str:
    """Create a contract from the ledger's relay; return its address."""
    from registry.core.scalars import checksum
    from registry.wallets.keyfiles import relay_key

    with ledger._session() as evm:
        key = relay_key(ledger._network / "relay.json")
        return checksum(evm.deploy(evm.head().timestamp + 1, key, code))


class RpcLevers:
    """The common part of anvil and geth. ``funded`` pays for the ledger."""

    def __init__(self, url: str, deployment: Deployment, funded: KeyWallet) -> None:
        self.ledger = RpcLedger(url, deployment, relay=funded, receipt_seconds=20)
        self.url = url
        self._ask = asker(url)
        self._account: str = self._ask("eth_accounts")[0]

    def send(self, **tx: str) -> dict[str, Any]:
        """Send a transaction from the node's own account; return its receipt."""
        hash_ = self._ask("eth_sendTransaction", {"from": self._account, **tx})
        receipt: dict[str, Any] = until(lambda: self._ask("eth_getTransactionReceipt", hash_))
        return receipt

    def contract(self, kind: str) -> str:
        return str(self.send(data="0x" + creation(WALLETS[kind]).hex())["contractAddress"])

    def wallet(self) -> KeyWallet:
        wallet = _new_wallet()
        self.send(to=wallet.address, value=hex(10**19))
        return wallet


class AnvilLevers(RpcLevers):
    def __init__(self, url: str, deployment: Deployment) -> None:
        super().__init__(url, deployment, KeyWallet(ANVIL_KEY))

    def pass_time(self, seconds: int) -> None:
        self._ask("evm_increaseTime", hex(seconds))
        self.mine(1)

    def mine(self, blocks: int) -> None:
        self._ask("anvil_mine", hex(blocks))

    def wallet(self) -> KeyWallet:
        wallet = _new_wallet()
        self._ask("anvil_setBalance", wallet.address, hex(10**20))
        return wallet


class GethLevers(RpcLevers):
    """geth makes a block for every transaction, at least a second after the last one."""

    def __init__(self, url: str, deployment: Deployment) -> None:
        super().__init__(url, deployment, GETH_PAYER)

    def pass_time(self, seconds: int) -> None:
        ends = self.ledger.head().time + seconds
        while self.ledger.head().time < ends:
            self.mine(1)

    def mine(self, blocks: int) -> None:
        for _ in range(blocks):
            self.send(to=self._account)


def asker(url: str) -> Callable[..., Any]:
    """Return a function that calls a method of the node at ``url``. An error of the node fails the test."""
    node = Node(url, 10)

    def ask(method: str, *params: Any) -> Any:
        answer = node.ask(Call(method, params))
        assert not isinstance(answer, NodeError), (method, answer)
        return answer

    return ask


def until(found: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Call ``found`` until it returns something true, and return that."""
    ends = time.monotonic() + seconds
    while not (answer := found()):
        if time.monotonic() > ends:
            raise TimeoutError("it has not come about")
        time.sleep(0.01)
    return answer


def start_anvil(*options: str, port: int = 0) -> tuple[subprocess.Popen[str], str]:
    """Start an anvil, on a free port unless one is given; return its process and URL."""
    command = [str(tool("anvil")), "--port", str(port), "--host", "127.0.0.1", "--accounts", "2", *options]
    process, url = _started(command, r"Listening on (127\.0\.0\.1:\d+)")
    if "--load-state" not in options:
        _set_to_machine_time(url)
    return process, url


def _set_to_machine_time(url: str) -> None:
    """Set an anvil's clock. One that starts across a second's edge would stay a second behind the machine's."""
    ask = asker(url)
    for _ in range(10):
        now = int(time.time())
        ask("evm_setTime", hex(now))
        if int(time.time()) == now:
            return


def start_geth(folder: Path, *options: str) -> tuple[subprocess.Popen[str], str]:
    """Start a geth with a chain of its own; return its process and URL. Its socket is ``folder / "geth.ipc"``."""
    quiet = ["--nodiscover", "--maxpeers", "0", "--port", "0", "--authrpc.port", "0"]
    # With its usual cache, the logs of its database take 1.4 GB.
    small = ["--cache", "16", "--datadir", str(folder / "data")]
    served = ["--http", "--http.addr", "127.0.0.1", "--http.port", "0", "--ipcpath", str(folder / "geth.ipc")]
    command = [str(tool("geth")), "--dev", *small, *quiet, *served, *options]
    process, url = _started(command, r"HTTP server started.*endpoint=(127\.0\.0\.1:\d+)")
    ask = asker(url)
    tx = {"from": ask("eth_accounts")[0], "to": GETH_PAYER.address, "value": hex(10**24)}
    ask("eth_sendTransaction", tx)
    # Do not wait for the receipt: a geth that has just started may still be indexing transactions.
    until(lambda: int(ask("eth_getBalance", GETH_PAYER.address, "latest"), 16))
    return process, url


def _started(command: list[str], listens: str) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(listens, line):
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return process, f"http://{found[1]}"
    raise RuntimeError(f"{command[0]} ended before it listened")


def freeze(process: subprocess.Popen[str]) -> None:
    """Stop a node until SIGCONT. When this returns, none of its threads runs."""
    process.send_signal(signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)


def stop(process: subprocess.Popen[str]) -> None:
    """End a node, even a stopped one."""
    process.kill()
    process.wait(10)


@contextmanager
def running_anvil(*options: str) -> Iterator[tuple[str, Deployment]]:
    """Run an anvil with our contracts; yield its URL and their deployment."""
    process, url = start_anvil(*options)
    try:
        yield url, deploy(url, KeyWallet(ANVIL_KEY))
    finally:
        stop(process)


@contextmanager
def running_geth(folder: Path, *options: str) -> Iterator[tuple[str, Deployment]]:
    """Run a geth with our contracts; its socket is ``folder / "geth.ipc"``."""
    process, url = start_geth(folder, *options)
    try:
        yield url, deploy(url, GETH_PAYER)
    finally:
        stop(process)
