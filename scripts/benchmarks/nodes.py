"""Starts a chain for a benchmark on a free port of this machine, and ends it afterwards."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from eth_account.signers.local import LocalAccount
from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.middleware import SignAndSendRawMiddlewareBuilder

from registry.core.crypto.keccak import keccak256
from registry.devnet.programs import find_program
from scripts.compile_contracts import ARTIFACTS

START_SECONDS = 30
CALL_SECONDS = 60
# The first account of anvil's default mnemonic.
ANVIL_KEY = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")


def word(text: str) -> bytes:
    """Return 32 bytes without a zero, because zeros are cheaper calldata."""
    return bytes(byte or 1 for byte in keccak256(text.encode()))


@contextmanager
def anvil() -> Iterator[str]:
    """Start an anvil on the rules of Prague; yield its URL."""
    options = ["--host", "127.0.0.1", "--port", "0", "--accounts", "1", "--hardfork", "prague"]
    with _running([str(find_program("anvil").path), *options], r"Listening on (127\.0\.0\.1:\d+)") as url:
        yield url


@contextmanager
def geth_dev() -> Iterator[str]:
    """Start `geth --dev`, which charges the next fork's prices; yield its URL."""
    quiet = [
        "--ipcdisable",
        "--nodiscover",
        "--maxpeers",
        "0",
        "--http",
        "--http.addr",
        "127.0.0.1",
        "--http.port",
        "0",
    ]
    with tempfile.TemporaryDirectory() as folder:
        command = [str(find_program("geth").path), "--dev", "--datadir", folder, *quiet]
        with _running(command, r"HTTP server started\s+endpoint=(127\.0\.0\.1:\d+)") as url:
            yield url


@contextmanager
def _running(command: Sequence[str], address: str) -> Iterator[str]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield f"http://{_address(process, address)}"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _address(process: subprocess.Popen[str], pattern: str) -> str:
    assert process.stdout is not None
    late = threading.Timer(START_SECONDS, process.kill)
    late.start()
    for line in process.stdout:
        if found := re.search(pattern, line):
            late.cancel()
            # Keep reading, or the node stops when its pipe is full.
            threading.Thread(target=deque, args=(process.stdout, 0), daemon=True).start()
            return found[1]
    late.cancel()
    raise RuntimeError(f"the node did not listen within {START_SECONDS} s")


class Chain:
    """The chain behind a URL. Its first account is unlocked and pays."""

    def __init__(self, url: str) -> None:
        self.web3 = Web3(HTTPProvider(url, request_kwargs={"timeout": CALL_SECONDS}))
        self.first = self.web3.eth.accounts[0]

    @property
    def now(self) -> int:
        """Return the newest block's time, in unix seconds."""
        return int(self.web3.eth.get_block("latest")["timestamp"])

    def fund(self, key: LocalAccount) -> None:
        """Give this account one Ether, so it can send transactions."""
        self._mined(
            self.web3.eth.send_transaction({"from": self.first, "to": key.address, "value": Web3.to_wei(1, "ether")})
        )
        self.web3.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(key), layer=0)

    def send(self, call: Any, payer: str = "") -> Any:
        """Send a contract call and wait for its block; return the receipt. RuntimeError if it failed."""
        return self._mined(call.transact({"from": payer or self.first}))

    def gas(self, call: Any, payer: str = "") -> int:
        """Send a contract call and return its gas."""
        return int(self.send(call, payer)["gasUsed"])

    def create(self, artifact: Any, *arguments: Any) -> tuple[Contract, int]:
        """Create a contract; return it and the gas of its creation. ``artifact`` has ``abi`` and ``bytecode``."""
        factory = self.web3.eth.contract(abi=artifact["abi"], bytecode=artifact["bytecode"])
        receipt = self.send(factory.constructor(*arguments))
        return self.at(receipt["contractAddress"], artifact), int(receipt["gasUsed"])

    def at(self, address: str, artifact: Any) -> Contract:
        """Return the contract that exists at an address."""
        return self.web3.eth.contract(address=Web3.to_checksum_address(address), abi=artifact["abi"])

    def _mined(self, transaction: Any) -> Any:
        receipt = self.web3.eth.wait_for_transaction_receipt(transaction, timeout=CALL_SECONDS, poll_latency=0.02)
        if receipt["status"] != 1:
            raise RuntimeError(f"transaction {transaction.to_0x_hex()} failed")
        return receipt


def artifact(name: str) -> dict[str, Any]:
    """Return one of our contracts, compiled for Prague."""
    found: dict[str, Any] = json.loads((ARTIFACTS / f"{name}.json").read_text())
    return found
