"""Foundry's cast signs the typed data of the shared vectors as we do, and accepts what we signed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from registry.core.scalars import to_hex, unhex
from registry.wallets.base import safe_message
from registry.wallets.keywallet import KeyWallet
from tests.support.tools import tool
from tests.support.vectors import read_cases

KEY = KeyWallet(b"\x31" * 32)
SAFE = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"
CASES = {name: case for name, case in read_cases("digests").items() if case["error"] == "Valid"}


def _cast(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(tool("cast")), "wallet", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def _file(folder: Path, document: dict[str, Any]) -> str:
    path = folder / "typed.json"
    path.write_text(json.dumps(document), "utf-8")
    return str(path)


def _signed(file: str) -> str:
    done = _cast("sign", "--private-key", to_hex(KEY._key), "--data", "--from-file", file)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _accepts(file: str, signature: bytes) -> bool:
    done = _cast("verify", "--address", KEY.address, "--data", "--from-file", file, to_hex(signature))
    return done.returncode == 0


@pytest.mark.parametrize("name", CASES)
def test_the_same_signature_of_the_same_file(tmp_path: Path, name: str) -> None:
    case, file = CASES[name], _file(tmp_path, CASES[name]["typedData"])
    ours = KEY.sign_typed_data(case["typedData"])
    assert ours == bytes(Account.unsafe_sign_hash(unhex(case["digest"]), KEY._key).signature)
    assert _signed(file) == to_hex(ours)


@pytest.mark.parametrize("name", ["grant", "grant-unicode", "retire", "request"])
def test_it_accepts_ours(tmp_path: Path, name: str) -> None:
    file = _file(tmp_path, CASES[name]["typedData"])
    signature = KEY.sign_typed_data(CASES[name]["typedData"])
    assert _accepts(file, signature)
    assert not _accepts(file, KeyWallet(b"\x32" * 32).sign_typed_data(CASES[name]["typedData"]))


def test_a_safe_s_message_as_well(tmp_path: Path) -> None:
    case = CASES["grant"]
    file = _file(tmp_path, safe_message(case["typedData"]["domain"]["chainId"], SAFE, unhex(case["digest"])))
    assert _signed(file) == to_hex(KEY.sign_safe_message(case["typedData"], SAFE))
