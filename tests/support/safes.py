"""Contract accounts on an anvil: Safe 1.4.1, as its npm package ships it, and plain ones of a single owner."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import pytest
from eth_abi import decode, encode

from registry.core.crypto.keccak import keccak256
from registry.core.scalars import checksum, to_hex, unhex
from scripts.compile_contracts import CompileError
from scripts.npm_archives import Package, artifacts
from tests.support.levers import AnvilLevers, creation

SAFE = Package(
    "@safe-global/safe-contracts",
    "1.4.1",
    "7cfd637b0cb04b0b089e2334e0db2a3f255114a3cc02e8ab0b77ed03f4c0e17d"
    "d9739127c10a7f5022545363cbff7effcff8cca3c514689fa99c535698c53b75",
)
_FILES = {"Safe": "Safe", "proxies/SafeProxy": "SafeProxy", "handler/CompatibilityFallbackHandler": "Handler"}
_NOBODY, _FIRST = "0x" + "00" * 20, "0x" + "00" * 19 + "01"


@cache
def _shipped() -> dict[str, dict[str, Any]] | str:
    paths = {name: f"build/artifacts/contracts/{file}.sol/{file.split('/')[-1]}.json" for file, name in _FILES.items()}
    try:
        return artifacts(SAFE, paths)
    except (RuntimeError, CompileError) as error:
        return str(error)


def _bytecode(name: str) -> str:
    """Where npm does not bring the package the test is skipped; under CONSENT_REQUIRE_ALL=1 it fails."""
    shipped = _shipped()
    if isinstance(shipped, str):
        (pytest.fail if os.environ.get("CONSENT_REQUIRE_ALL") == "1" else pytest.skip)(shipped)
    return str(shipped[name]["bytecode"])


class Accounts:
    """Makes contract accounts, and changes Safes as their owners could by a transaction."""

    def __init__(self, levers: AnvilLevers) -> None:
        self._levers, self._ask = levers, levers._ask
        self._shared: tuple[str, str] | None = None

    def plain(self, owner: str) -> str:
        """A contract that accepts what its owner's key signed: v, r and s go to ecrecover."""
        runtime = "6004355f5260a43560f81c602052606435604052608435606052" + "60205f60805f60015afa50"
        runtime += f"5f5173{owner[2:].lower()}14631626ba7e60e01b025f5260205ff3"
        return self.create(creation(bytes.fromhex(runtime)))

    def create(self, code: bytes) -> str:
        return checksum(unhex(self._levers.send(data=to_hex(code))["contractAddress"]))

    def safe(self, *owners: str, threshold: int = 1) -> str:
        """A new Safe of these owners."""
        if self._shared is None:
            self._shared = self.create(unhex(_bytecode("Safe"))), self.create(unhex(_bytecode("Handler")))
        singleton, handler = self._shared
        safe = self.create(unhex(_bytecode("SafeProxy")) + encode(["address"], [singleton]))
        kinds = "address[],uint256,address,bytes,address,address,uint256,address"
        values = [list(owners), threshold, _NOBODY, b"", handler, _NOBODY, 0, _NOBODY]
        self._levers.send(to=safe, data=_call(f"setup({kinds})", values))
        return safe

    def remove(self, safe: str, owner: str, threshold: int = 1) -> None:
        before = (_FIRST, *self.owners(safe))
        previous = before[before.index(owner) - 1]
        self._as_itself(safe, "removeOwner(address,address,uint256)", [previous, owner, threshold])

    def add(self, safe: str, owner: str, threshold: int = 1) -> None:
        self._as_itself(safe, "addOwnerWithThreshold(address,uint256)", [owner, threshold])

    def demand(self, safe: str, threshold: int) -> None:
        self._as_itself(safe, "changeThreshold(uint256)", [threshold])

    def owners(self, safe: str) -> tuple[str, ...]:
        answer = self._ask("eth_call", {"to": safe, "data": _call("getOwners()", [])}, "latest")
        return tuple(checksum(unhex(owner)) for owner in decode(["address[]"], unhex(answer))[0])

    def _as_itself(self, safe: str, function: str, values: list[Any]) -> None:
        self._ask("anvil_impersonateAccount", safe)
        self._ask("anvil_setBalance", safe, hex(10**18))
        receipt = self._levers.send(**{"from": safe, "to": safe, "data": _call(function, values)})
        assert receipt["status"] == "0x1"


def _call(function: str, values: list[Any]) -> str:
    kinds = [kind for kind in function.partition("(")[2][:-1].split(",") if kind]
    return to_hex(keccak256(function.encode())[:4] + encode(kinds, values))
