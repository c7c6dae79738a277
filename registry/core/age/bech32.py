"""Bech32 (BIP 173) for age keys: no length limit, one accepted spelling for each value (c2sp.org/age, "Conventions").

The prefix's case is the case of the whole string: ``age1...``, but ``AGE-SECRET-KEY-1...``.
"""

from __future__ import annotations

import base64
import binascii
from functools import reduce
from operator import xor

from registry.core.errors import InvalidInput

_ALPHABET = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_RFC4648 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_VALUES = bytes(range(32))
_CHECKSUM_LENGTH = 6
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
# The XOR of the generator's rows for each 5-bit value: one look-up for each character instead of five conditions.
_ROWS = [reduce(xor, (word for bit, word in enumerate(_GENERATOR) if row >> bit & 1), 0) for row in range(32)]
_ADVICE = "Copy the whole key again, without changing anything in it."


def encode(prefix: str, data: bytes) -> str:
    """Encode ``data`` (any number of bytes) as Bech32 under ``prefix``, in the prefix's case."""
    values = base64.b32encode(data).rstrip(b"=").translate(bytes.maketrans(_RFC4648, _VALUES))
    check = _polymod(_expanded(prefix) + values + bytes(_CHECKSUM_LENGTH)) ^ 1
    tail = bytes(check >> 5 * (5 - i) & 31 for i in range(_CHECKSUM_LENGTH))
    text = (values + tail).translate(bytes.maketrans(_VALUES, _ALPHABET)).decode()
    return prefix + "1" + _cased(prefix, text)


def decode(prefix: str, text: str, length: int) -> bytes:
    """Decode ``length`` bytes from ``text``, whose human-readable part and case must be those of ``prefix``.

    Raises InvalidInput for another prefix, mixed case, a wrong checksum or length, and padding bits that are not
    zero. The message never repeats ``text``, which may be a secret key.
    """
    # Refuse a string that is too long for so many bytes before spending work on it.
    longest = len(prefix) + 1 + (length * 8 + 4) // 5 + _CHECKSUM_LENGTH
    if len(text) > longest or not text.isascii() or text != _cased(prefix, text):
        raise InvalidInput("not a Bech32 string of the expected length and case", _ADVICE)
    if not text.startswith(prefix + "1"):
        raise InvalidInput(f"not a Bech32 string that begins with {prefix}1", _ADVICE)
    body = text[len(prefix) + 1 :].lower().encode()
    if len(body) < _CHECKSUM_LENGTH or body.translate(None, _ALPHABET):
        raise InvalidInput("a Bech32 string holds a character that is not allowed", _ADVICE)
    values = body.translate(bytes.maketrans(_ALPHABET, _VALUES))
    if _polymod(_expanded(prefix) + values) != 1:
        raise InvalidInput("a Bech32 string has a wrong checksum", _ADVICE)
    data = _regrouped(values[:-_CHECKSUM_LENGTH])
    if len(data) != length:
        raise InvalidInput(f"not a Bech32 string of {length} bytes", _ADVICE)
    return data


def _regrouped(values: bytes) -> bytes:
    text = values.translate(bytes.maketrans(_VALUES, _RFC4648))
    try:
        data = base64.b32decode(text + b"=" * (-len(text) % 8))
    except binascii.Error:
        raise InvalidInput("a Bech32 string does not hold whole bytes", _ADVICE) from None
    if base64.b32encode(data).rstrip(b"=") != text:
        raise InvalidInput("a Bech32 string's padding is not zero", _ADVICE)
    return data


def _cased(prefix: str, text: str) -> str:
    return text.upper() if prefix.isupper() else text.lower()


def _expanded(prefix: str) -> bytes:
    lower = prefix.lower().encode()
    return bytes(c >> 5 for c in lower) + b"\0" + bytes(c & 31 for c in lower)


def _polymod(values: bytes) -> int:
    check = 1
    for value in values:
        check = (check & 0x1FFFFFF) << 5 ^ value ^ _ROWS[check >> 25]
    return check
