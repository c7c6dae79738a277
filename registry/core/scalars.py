"""The values that statements are made of: hex words, addresses, times and vocabulary terms.

Each has exactly one spelling (DESIGN section 5): hex is lower case with ``0x``, addresses carry their EIP-55
checksum, lists of terms are sorted by their UTF-8 bytes and hold no repeats.
"""

from __future__ import annotations

import re
from binascii import hexlify, unhexlify
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from struct import Struct as Layout
from typing import Annotated

from msgspec import Meta

from registry.core.crypto.keccak import keccak256
from registry.core.errors import Malformed

MAX_SIGNATURE = 8_192
MAX_SAFE_INTEGER = 2**53 - 1
CLOCK_SKEW = 15 * 60
MAX_DURATION = 315_360_000
# Characters. A longer scope is not cached, so that hostile files cannot fill the memory.
MAX_CACHED = 1_024
MAX_TERM = 64
ZERO_WORD = "0x" + "00" * 32

# Names for readers: what they promise is checked as each structure is made, by `read_words`, `read_hex` and
# `check_address`. A pattern on each type would cost a third of the time that a whole verification takes.
Bytes32 = str
Signature = Annotated[str, Meta(min_length=4, max_length=2 + 2 * MAX_SIGNATURE)]
Address = str
Scope = tuple[str | tuple[str, ...], ...]
UInt64 = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]

_TERM = re.compile(r"[a-z][a-z0-9-]*:[A-Za-z0-9][A-Za-z0-9._~-]*|https://[!#-;=?-Z\[\]_a-z~]+")


# The bit between the two cases of a letter, in each of the 40 digits of an address.
_CASE = int.from_bytes(b"\x20" * 40, "big")


def unhex(value: str) -> bytes:
    """The bytes of a ``0x`` string that was already checked."""
    return bytes.fromhex(value[2:])


def read_hex(value: str, name: str) -> bytes:
    """The bytes of lower-case hex with ``0x``; any other spelling is ``Malformed``."""
    try:
        raw = unhexlify(value[2:])
    except ValueError:
        raw = b""
    if "0x" + raw.hex() != value:
        raise Malformed(f"{name} {value[:80]!r} is not lower-case hex with 0x")
    return raw


def read_words(values: tuple[str, ...]) -> tuple[bytes, ...]:
    """The 32 bytes of each of these words; ``Malformed`` unless all are 0x and 64 lower-case hex digits.

    All at once: one conversion there and one back cost less than a look at each. With 0 in place of its x, a word
    is 33 bytes of hex, of which the first is zero.
    """
    count, text = len(values), " ".join(values)
    zeros, marks, unpack = _layout(count)
    digits = text.replace("x", "0", count)  # an x too many stays, and is no digit
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        raw = b""
    # Written back in groups of 33 they must be what was read: then each has 66 characters, and no value held a space.
    if raw[::33] != zeros or raw.hex(" ", 33) != digits or text[1::67] != marks or len(raw) != 33 * count:
        raise Malformed(f"not 32 bytes in lower-case hex with 0x: {_first_wrong(values)[:80]!r}")
    return unpack(raw)


@lru_cache(maxsize=32)
def _layout(count: int) -> tuple[bytes, str, Callable[[bytes], tuple[bytes, ...]]]:
    """Of so many words: their first bytes, their second characters, and what takes them apart."""
    return bytes(count), "x" * count, Layout("x32s" * count).unpack


def _first_wrong(values: tuple[str, ...]) -> str:
    return next(value for value in values if re.fullmatch("0x[0-9a-f]{64}", value) is None)


def to_hex(value: bytes) -> str:
    """Lower-case hex with ``0x``."""
    return "0x" + value.hex()


def checksum(address: bytes) -> str:
    """The EIP-55 spelling of a 20-byte address: upper case where the hash of the lower-case digits is 8 or more."""
    plain = hexlify(address)
    digits, hashed = int.from_bytes(plain), int.from_bytes(hexlify(keccak256(plain)[:20]))
    # All 40 at once. In ASCII, a to f have bit 0x40, which 0 to 9 have not; 8 and 9 alone among those have bit 0x08.
    letters, large = digits >> 1, hashed >> 1 | hashed << 2
    return "0x" + (digits ^ letters & large & _CASE).to_bytes(40).decode()


def check_address(value: str) -> str:
    """The address itself, if it is spelled with its EIP-55 checksum; otherwise ``Malformed``."""
    read_address(value)
    return value


def read_address(value: str) -> bytes:
    """The 20 bytes of an address that is spelled with its EIP-55 checksum; otherwise ``Malformed``."""
    try:
        address = unhexlify(value[2:])
    except ValueError:
        address = b""
    if len(address) != 20 or checksum(address) != value:
        raise Malformed(f"address {value[:50]!r} is not spelled with its EIP-55 checksum")
    return address


# For controllers and registries, who come back. Subjects hardly do.
known_address = lru_cache(maxsize=256)(read_address)


def is_term(value: str) -> bool:
    """Is it a compact IRI (``dpv:Personalisation``) or a full ``https://`` one, in ASCII?"""
    return _TERM.fullmatch(value) is not None


def check_terms(values: tuple[str, ...], name: str) -> tuple[str, ...]:
    """The terms themselves, if there is one at least, all well formed, sorted, none repeated; else ``Malformed``."""
    if isinstance(values, str):
        raise Malformed(f"{name} is a term, not a list of them")
    if not values:
        raise Malformed(f"{name} is empty: at least one is needed")
    for value in values:
        if not is_term(value):
            raise Malformed(f"{name}: {value[:80]!r} is neither a compact IRI nor an https:// one")
    # Code point order is UTF-8 byte order, so Python's own sort serves.
    if list(values) != sorted(set(values)):
        raise Malformed(f"{name} must be sorted by their UTF-8 bytes, with no repeats")
    return values


def read_scope(scope: Scope) -> tuple[bytes, ...]:
    """What EIP-712 hashes of purposes, of data and of terms (of the first of them, where a statement has no more).

    ``Malformed`` unless the first two are lists of terms, and the third is one.
    """
    try:
        return _kept_scope(scope)
    except TooLargeToKeep:
        return _read_scope(scope)


class TooLargeToKeep(Exception):
    """Raised within a cache, which keeps nothing then. Asked on its misses only: a hit costs one look-up."""


@lru_cache(maxsize=1024)
def _kept_scope(scope: Scope) -> tuple[bytes, ...]:
    if sum(len(part) if isinstance(part, str) else sum(map(len, part)) for part in scope) > MAX_CACHED:
        raise TooLargeToKeep
    return _read_scope(scope)


def _read_scope(scope: Scope) -> tuple[bytes, ...]:
    checks: tuple[Callable[..., object], ...] = (check_terms, check_terms, check_term)
    for part, check, name in zip(scope, checks, ("purposes", "data", "terms"), strict=False):
        check(part, name)
    return tuple(hash_text(part) if isinstance(part, str) else _hash_list(part) for part in scope)


def _hash_list(values: tuple[str, ...]) -> bytes:
    return keccak256(b"".join(map(hash_text, values)))


def hash_text(value: str) -> bytes:
    """keccak256 of its UTF-8, which is how EIP-712 encodes a string."""
    return keccak256(value.encode())


def check_term(value: str, name: str) -> str:
    """The term itself, if well formed; otherwise ``Malformed``."""
    if not is_term(value):
        raise Malformed(f"{name}: {value[:80]!r} is neither a compact IRI nor an https:// one")
    return value


def format_utc(time: int | None) -> str:
    """A unix time in UTC, to the second; "never" for None."""
    if time is None:
        return "never"
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"{time} s after 1970"
