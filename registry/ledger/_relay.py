"""The embedded chain's own account: it pays with play money for whoever has none.

Its key lies in an Ethereum keystore (Web3 Secret Storage, version 3) with an empty passphrase and the cheapest
key derivation, because it protects nothing: gas on that chain costs nothing, and no other chain knows the account.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from registry.core.errors import LedgerUnavailable
from registry.core.keccak import keccak256
from registry.ledger.base import replace_file

_MAX_BYTES = 4_096
_NOTE = "Play money only: the relay of an embedded chain, sealed with an empty passphrase."


def relay_key(path: Path) -> bytes:
    """The relay's 32-byte key, made at first use. ``LedgerUnavailable`` where the file is no relay's."""
    if not path.exists():
        replace_file(path, msgspec.json.format(msgspec.json.encode(_seal(_random_key()))) + b"\n")
    try:
        with path.open("rb") as file:
            return _open(msgspec.json.decode(file.read(_MAX_BYTES)))
    except (OSError, msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
        advice = f"Move {path.name} out of the network's directory; a new relay is made, and nothing is lost."
        raise LedgerUnavailable(f"the relay's key file is damaged ({type(error).__name__})", advice) from None


def _random_key() -> bytes:
    # Below 2**255 every number but zero is a secp256k1 key.
    return bytes([os.urandom(1)[0] & 0x7F]) + os.urandom(30) + b"\x01"


def _seal(key: bytes) -> dict[str, Any]:
    salt, iv = os.urandom(16), os.urandom(16)
    derived = hashlib.pbkdf2_hmac("sha256", b"", salt, 1)
    sealed = _cipher(derived, iv, key)
    return {
        "version": 3,
        "id": str(uuid4()),
        "note": _NOTE,
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": {"iv": iv.hex()},
            "ciphertext": sealed.hex(),
            "kdf": "pbkdf2",
            "kdfparams": {"c": 1, "dklen": 32, "prf": "hmac-sha256", "salt": salt.hex()},
            "mac": keccak256(derived[16:] + sealed).hex(),
        },
    }


def _open(document: dict[str, Any]) -> bytes:
    crypto = document["crypto"]
    sealed = bytes.fromhex(crypto["ciphertext"])
    derived = hashlib.pbkdf2_hmac("sha256", b"", bytes.fromhex(crypto["kdfparams"]["salt"]), 1)
    if keccak256(derived[16:] + sealed).hex() != crypto["mac"] or len(sealed) != 32:
        raise ValueError("another key derivation or passphrase")
    return _cipher(derived, bytes.fromhex(crypto["cipherparams"]["iv"]), sealed)


def _cipher(derived: bytes, iv: bytes, data: bytes) -> bytes:
    return Cipher(algorithms.AES(derived[:16]), modes.CTR(iv)).encryptor().update(data)
