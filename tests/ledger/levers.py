"""Three ledgers behind one set of levers, so that one suite runs over all of them."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, Protocol

from registry.ledger.base import Deployment, Ledger
from registry.ledger.embedded import EmbeddedLedger
from registry.ledger.rpc import RpcLedger
from registry.wallets.keywallet import KeyWallet
from tests.fakes.ledger import MemoryLedger

ROOT = Path(__file__).resolve().parents[2]
ANVIL = ROOT / "scripts/node/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
START = 1_790_000_000
# Public test keys of anvil; they hold nothing anywhere else.
ANVIL_KEY = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")

_MAGIC = "1626ba7e" + "00" * 28
# Runtime code: store the magic word and return it; the same with a word of zeros; revert.
WALLETS = {
    "yes": bytes.fromhex("7f" + _MAGIC + "5f5260205ff3"),
    "no": bytes.fromhex("60205ff3"),
    "reverting": bytes.fromhex("5f5ffd"),
    "short": bytes.fromhex("7f" + _MAGIC + "5f5260045ff3"),
}


def creation(runtime: bytes) -> bytes:
    """The shortest constructor: copy what follows it and return that."""
    return bytes.fromhex(f"60{len(runtime):02x}8060095f395ff3") + runtime


class Levers(Protocol):
    """A ledger, and what a test may do to the chain under it."""

    ledger: Ledger

    def pass_time(self, seconds: int) -> None: ...

    def mine(self, blocks: int) -> None: ...

    def wallet(self) -> KeyWallet:
        """An account of its own that can pay."""

    def contract(self, kind: str) -> str:
        """A new contract that answers ``isValidSignature`` as `WALLETS` says; its address."""


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
        self.ledger.contracts[address.lower()] = (since, lambda _digest, _signature: kind == "yes")
        return address


class EmbeddedLevers:
    def __init__(self, network: Path) -> None:
        self._clock = Clock()
        self.ledger = EmbeddedLedger(network, clock=self._clock)

    def pass_time(self, seconds: int) -> None:
        self._clock.now += seconds

    def mine(self, blocks: int) -> None:
        with self.ledger._session() as evm:
            for _ in range(blocks):
                evm.mine(max(self._clock(), evm.head().timestamp + 1))

    def wallet(self) -> KeyWallet:
        return _new_wallet()

    def contract(self, kind: str) -> str:
        return deploy_embedded(self.ledger, creation(WALLETS[kind]))


def deploy_embedded(ledger: EmbeddedLedger, code: bytes) -> str:
    """The address of a contract that the ledger's relay creates."""
    from registry.core.scalars import checksum
    from registry.ledger._relay import relay_key

    with ledger._session() as evm:
        key = relay_key(ledger._network / "relay.json")
        return checksum(evm.deploy(evm.head().timestamp + 1, key, code))


class AnvilLevers:
    def __init__(self, url: str, deployment: Deployment) -> None:
        self.ledger = RpcLedger(url, deployment, relay=KeyWallet(ANVIL_KEY), receipt_seconds=20)

    def _ask(self, method: str, *params: Any) -> Any:
        from registry.ledger._jsonrpc import Call

        return self.ledger._node.ask(Call(method, params))

    def pass_time(self, seconds: int) -> None:
        self._ask("evm_increaseTime", hex(seconds))
        self.mine(1)

    def mine(self, blocks: int) -> None:
        self._ask("anvil_mine", hex(blocks))

    def wallet(self) -> KeyWallet:
        wallet = _new_wallet()
        self._ask("anvil_setBalance", wallet.address, hex(10**20))
        return wallet

    def contract(self, kind: str) -> str:
        tx = {"from": KeyWallet(ANVIL_KEY).address, "data": "0x" + creation(WALLETS[kind]).hex()}
        hash_ = self._ask("eth_sendTransaction", tx)
        # The node answers the transaction before its block is there.
        for _ in range(200):
            if (receipt := self._ask("eth_getTransactionReceipt", hash_)) is not None:
                return str(receipt["contractAddress"])
            time.sleep(0.02)
        raise TimeoutError("the contract's transaction is in no block")


def start_anvil(*options: str) -> tuple[subprocess.Popen[str], str]:
    """A node of its own on a free port; its process and URL."""
    command = [str(ANVIL), "--port", "0", "--host", "127.0.0.1", "--accounts", "2", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"Listening on (127\.0\.0\.1:\d+)", line):
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return process, f"http://{found[1]}"
    raise RuntimeError("anvil ended before it listened")
