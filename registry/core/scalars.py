"""The values of statements, each with one spelling (docs/formats.md): hex words, addresses, times and terms."""

from __future__ import annotations

import re
import unicodedata
from binascii import hexlify, unhexlify
from collections.abc import Callable, Collection, Hashable
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
ZERO_WORD = "0x" + "00" * 32
ZERO_ADDRESS = "0x" + "00" * 20

# Bytes32 and Address are names for readers. `read_words`, `read_hex` and `check_address` check the values when a
# structure is made; a pattern on each type would add a third to the time of a whole verification.
Bytes32 = str
Signature = Annotated[str, Meta(min_length=4, max_length=2 + 2 * MAX_SIGNATURE)]
Address = str
Scope = tuple[str | tuple[str, ...], ...]
UInt64 = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]

_TERM = re.compile(r"[a-z][a-z0-9-]*:[A-Za-z0-9][A-Za-z0-9._~-]*|https://[!#-;=?-Z\[\]_a-z~]+")
# The bit between the two cases of a letter, in each of the 40 digits of an address.
_CASE = int.from_bytes(b"\x20" * 40, "big")


def unhex(value: str) -> bytes:
    """Decode a ``0x`` string that was already checked."""
    return bytes.fromhex(value[2:])


def spellings(text: str) -> list[str]:
    """Return the text and its other Unicode forms (NFC, NFD), because systems compose accented letters differently."""
    return list(dict.fromkeys([text, *(unicodedata.normalize(form, text) for form in ("NFC", "NFD"))]))


def read_hex(value: str, name: str) -> bytes:
    """Decode lower-case hex with ``0x``; any other spelling is ``Malformed``."""
    try:
        raw = unhexlify(value[2:])
    except ValueError:
        raw = b""
    if "0x" + raw.hex() != value:
        raise Malformed(f"{name} {value[:80]!r} is not lower-case hex with 0x")
    return raw


def read_words(values: tuple[str, ...]) -> tuple[bytes, ...]:
    """Decode 32-byte words; ``Malformed`` unless each is 0x and 64 lower-case hex digits."""
    # Converting all at once, there and back, is faster than one by one. With 0 in place of its x, each word is 33 bytes
    # of hex, of which the first is zero.
    count, text = len(values), " ".join(values)
    zeros, marks, unpack = _layout(count)
    digits = text.replace("x", "0", count)  # a surplus x stays and is not a digit
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        raw = b""
    # Written back in groups of 33 bytes they must give the same text: then each word has 66 characters and no space.
    if raw[::33] != zeros or raw.hex(" ", 33) != digits or text[1::67] != marks or len(raw) != 33 * count:
        wrong = next(value for value in values if re.fullmatch("0x[0-9a-f]{64}", value) is None)
        raise Malformed(f"not 32 bytes in lower-case hex with 0x: {wrong[:80]!r}")
    return unpack(raw)


@lru_cache(maxsize=32)
def _layout(count: int) -> tuple[bytes, str, Callable[[bytes], tuple[bytes, ...]]]:
    """For ``count`` words: their first bytes, their second characters, and the function that splits them."""
    return bytes(count), "x" * count, Layout("x32s" * count).unpack


def to_hex(value: bytes) -> str:
    """Lower-case hex with ``0x``."""
    return "0x" + value.hex()


def checksum(address: bytes) -> str:
    """The EIP-55 spelling of a 20-byte address: upper case where the hash of the lower-case digits is 8 or more."""
    plain = hexlify(address)
    digits, hashed = int.from_bytes(plain), int.from_bytes(hexlify(keccak256(plain)[:20]))
    # All 40 digits at once. In ASCII, only a to f have bit 0x40, and of 0 to 9 only 8 and 9 have bit 0x08.
    letters, large = digits >> 1, hashed >> 1 | hashed << 2
    return "0x" + (digits ^ letters & large & _CASE).to_bytes(40).decode()


def check_address(value: str) -> str:
    """Return the address if it is spelled with its EIP-55 checksum; otherwise ``Malformed``."""
    read_address(value)
    return value


def read_address(value: str) -> bytes:
    """Decode an address to 20 bytes; ``Malformed`` unless it is spelled with its EIP-55 checksum."""
    try:
        address = unhexlify(value[2:])
    except ValueError:
        address = b""
    if len(address) != 20 or checksum(address) != value:
        raise Malformed(f"address {value[:50]!r} is not spelled with its EIP-55 checksum")
    return address


# For controllers and registries, which recur; subjects hardly do.
known_address = lru_cache(maxsize=256)(read_address)


def is_term(value: str) -> bool:
    """Whether this is a compact IRI (``dpv:Personalisation``) or a full ``https://`` one, in ASCII."""
    return _TERM.fullmatch(value) is not None


def check_terms(values: tuple[str, ...], name: str) -> tuple[str, ...]:
    """Return the terms if they are well formed, sorted, without repeats and not empty; otherwise ``Malformed``."""
    if isinstance(values, str):
        raise Malformed(f"{name} is one term, not a list of them")
    if not values:
        raise Malformed(f"{name} is empty: it needs at least one term")
    for value in values:
        check_term(value, name)
    # Code point order equals UTF-8 byte order, so Python's sort is right.
    if list(values) != sorted(set(values)):
        raise Malformed(f"{name} must be sorted by their UTF-8 bytes, with no repeats")
    return values


def read_scope(scope: Scope) -> tuple[bytes, ...]:
    """The EIP-712 hashes of purposes, data and terms, or of the first of these where a statement has no more.

    ``Malformed`` unless the first two are lists of terms and the third is one term.
    """
    try:
        return _cached_scope(scope)
    except TooLargeToKeep:
        return _read_scope(scope)


class TooLargeToKeep(Exception):
    """Raised inside a cached function so that nothing is stored. The size is checked on misses only."""


@lru_cache(maxsize=1024)
def _cached_scope(scope: Scope) -> tuple[bytes, ...]:
    if sum(len(part) if isinstance(part, str) else sum(map(len, part)) for part in scope) > MAX_CACHED:
        raise TooLargeToKeep
    return _read_scope(scope)


def _read_scope(scope: Scope) -> tuple[bytes, ...]:
    checks: tuple[Callable[..., object], ...] = (check_terms, check_terms, check_term)
    for part, check, name in zip(scope, checks, ("purposes", "data", "terms"), strict=False):
        check(part, name)
    # EIP-712: a list's hash is that of its members' hashes, one after another.
    return tuple(
        hash_text(part) if isinstance(part, str) else keccak256(b"".join(map(hash_text, part))) for part in scope
    )


def hash_text(value: str) -> bytes:
    """keccak256 of the UTF-8 bytes, which is how EIP-712 encodes a string."""
    return keccak256(value.encode())


def check_term(value: str, name: str) -> str:
    """Return the term if it is well formed; otherwise ``Malformed``."""
    if not is_term(value):
        raise Malformed(f"{name}: {value[:80]!r} is neither a compact IRI nor an https:// one")
    return value


def check_distinct(values: Collection[Hashable], what: str) -> None:
    """Require that no value stands twice in a list of ours; otherwise ``Malformed``."""
    if len(set(values)) != len(values):
        advice = "Ask its author for a new one: software of ours writes no such list."
        raise Malformed(f"a list repeats {what}", advice)


def format_units(amount: int, decimals: int) -> str:
    """An amount of the chain's smallest unit in a larger one, to its last digit: 18 for coins, 9 for gwei."""
    whole, rest = divmod(amount, 10**decimals)
    return f"{whole:,}.{rest:0{decimals}d}".rstrip("0").rstrip(".")


def format_utc(time: int | None) -> str:
    """A unix time in UTC, to the second; "never" for None."""
    if time is None:
        return "never"
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"{time} s after 1970"
