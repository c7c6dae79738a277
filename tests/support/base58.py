"""BIP-32's extended keys, read."""

from __future__ import annotations

from hashlib import sha256

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def private_key(extended: str) -> bytes:
    """The 32 bytes in an ``xprv`` whose checksum holds."""
    number = 0
    for character in extended:
        number = number * 58 + ALPHABET.index(character)
    raw = number.to_bytes(82, "big")
    assert sha256(sha256(raw[:-4]).digest()).digest()[:4] == raw[-4:]
    assert raw[:4].hex() == "0488ade4" and raw[45] == 0
    return raw[46:78]
