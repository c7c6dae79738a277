"""Keystores against eth-keyfile, the reference of the same format, and against whoever writes bad ones."""

from __future__ import annotations

import copy
import json
import os
from typing import Any

import eth_account
import pytest
from eth_keyfile import create_keyfile_json, decode_keyfile_json

from registry.core.errors import InvalidInput, WrongPassphrase
from registry.wallets.keystore import LIGHT, STANDARD, open_secret, seal_secret

SECRET = bytes(range(1, 33))
CHEAP = 2
# From the "Web3 Secret Storage Definition" on ethereum.org: both open to the same key.
SPECIFIED = bytes.fromhex("7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d")
PBKDF2 = {
    "crypto": {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "6087dab2f9fdbbfaddc31a909735c1e6"},
        "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
        "kdf": "pbkdf2",
        "kdfparams": {
            "c": 262144,
            "dklen": 32,
            "prf": "hmac-sha256",
            "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
        },
        "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
    },
    "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    "version": 3,
}


@pytest.mark.parametrize("passphrase", ["", "correct horse", "pässwörd ✓", "x" * 4_096])
def test_what_is_sealed_opens_again(passphrase: str) -> None:
    document = seal_secret(SECRET, passphrase, CHEAP)
    assert open_secret(json.loads(json.dumps(document)), passphrase) == SECRET


def test_the_reference_opens_ours() -> None:
    assert decode_keyfile_json(seal_secret(SECRET, "geheim", 4), b"geheim") == SECRET


@pytest.mark.parametrize(("kdf", "work"), [("scrypt", 16), ("pbkdf2", 10)])
def test_ours_opens_the_references(kdf: Any, work: int) -> None:
    document = create_keyfile_json(SECRET, b"geheim", kdf=kdf, iterations=work)
    assert open_secret(document, "geheim") == SECRET


def test_the_definitions_own_example_opens() -> None:
    assert open_secret(PBKDF2, "testpassword") == SPECIFIED


def test_a_seed_does_not_say_which_account_it_would_be() -> None:
    document = seal_secret(SECRET, "p", CHEAP)
    assert set(document) == {"version", "id", "crypto"}
    again = seal_secret(SECRET, "p", CHEAP)
    assert document["id"] != again["id"] and document["crypto"]["mac"] != again["crypto"]["mac"]


def test_the_standard_cost_is_the_one_that_geth_uses() -> None:
    parameters = seal_secret(SECRET, "p", STANDARD)["crypto"]["kdfparams"]
    assert (parameters["n"], parameters["r"], parameters["p"]) == (262_144, 8, 1)


def test_another_passphrase_is_wrong() -> None:
    with pytest.raises(WrongPassphrase) as caught:
        open_secret(seal_secret(SECRET, "right", CHEAP), "wrong-one")
    assert "wrong-one" not in str(caught.value)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_only_32_bytes_are_sealed(size: int) -> None:
    with pytest.raises(InvalidInput):
        seal_secret(bytes(size), "p", CHEAP)


@pytest.mark.parametrize("passphrase", ["x" * 4_097, "\ud800"])
def test_passphrases_are_text_of_bounded_length(passphrase: str) -> None:
    with pytest.raises(InvalidInput):
        seal_secret(SECRET, passphrase, CHEAP)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("version",), 4),
        (("version",), "3"),
        (("crypto",), None),
        (("crypto", "cipher"), "aes-256-gcm"),
        (("crypto", "cipherparams"), {}),
        (("crypto", "cipherparams", "iv"), "00"),
        (("crypto", "ciphertext"), "00" * 31),
        (("crypto", "ciphertext"), "zz" * 32),
        (("crypto", "mac"), "00" * 16),
        (("crypto", "kdf"), "argon2"),
        (("crypto", "kdfparams", "n"), 2**31),
        (("crypto", "kdfparams", "n"), 3),
        (("crypto", "kdfparams", "n"), 0),
        (("crypto", "kdfparams", "n"), 1),
        (("crypto", "kdfparams", "n"), "2"),
        (("crypto", "kdfparams", "p"), 2**30),
        (("crypto", "kdfparams", "r"), 2**30),
        (("crypto", "kdfparams", "r"), -1),
        (("crypto", "kdfparams", "salt"), ""),
        (("crypto", "kdfparams", "salt"), "00" * 65),
        (("crypto", "kdfparams", "dklen"), 16),
    ],
)
def test_broken_or_costly_keystores_are_refused_at_once(path: tuple[str, ...], value: Any) -> None:
    document = copy.deepcopy(seal_secret(SECRET, "p", CHEAP))
    inner = document
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    with pytest.raises(InvalidInput) as caught:
        open_secret(document, "p")
    assert caught.value.advice


@pytest.mark.parametrize(("name", "value"), [("c", 10**9), ("prf", "hmac-md5"), ("dklen", 16), ("c", 0)])
def test_broken_pbkdf2_is_refused_at_once(name: str, value: Any) -> None:
    document = copy.deepcopy(PBKDF2)
    document["crypto"]["kdfparams"][name] = value  # type: ignore[index]
    with pytest.raises(InvalidInput):
        open_secret(document, "testpassword")


@pytest.mark.parametrize("document", [None, [], {}, "x", {"version": 3}, {"version": 3, "crypto": os.sep}])
def test_what_is_no_keystore_is_refused(document: Any) -> None:
    with pytest.raises(InvalidInput):
        open_secret(document, "p")


@pytest.mark.parametrize(
    "repeat",
    [
        lambda document: document["crypto"]["kdfparams"].update(N=2**20, R=64),
        lambda document: document.update(CRYPTO={"kdf": "scrypt", "kdfparams": {"n": 2**30}}),
        lambda document: document["crypto"].update(KDF="pbkdf2", KDFPARAMS={"c": 2**40}),
    ],
)
def test_only_checked_members_reach_the_library(repeat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library ignores case. A keystore with a small ``n`` and a large ``N`` once passed the bounds."""
    document = seal_secret(SECRET, "x", LIGHT)
    repeat(document)
    received: list[Any] = []
    decrypt = eth_account.Account.decrypt

    def watched(keystore: Any, passphrase: Any) -> Any:
        received.append(keystore)
        names = [*keystore, *keystore["crypto"], *keystore["crypto"]["kdfparams"]]
        assert all(name.islower() for name in names)
        return decrypt(keystore, passphrase)

    monkeypatch.setattr(eth_account.Account, "decrypt", watched)
    assert open_secret(document, "x") == SECRET
    assert len(received) == 1
