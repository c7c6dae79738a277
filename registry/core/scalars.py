"""The values that statements are made of: hex words, addresses, times and vocabulary terms.

Each has exactly one spelling (DESIGN section 5): hex is lower case with ``0x``, addresses carry their EIP-55
checksum, lists of terms are sorted by their UTF-8 bytes and hold no repeats.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated

from msgspec import Meta

from registry.core.errors import Malformed
from registry.core.keccak import keccak256

MAX_SIGNATURE = 8_192
MAX_SAFE_INTEGER = 2**53 - 1
CLOCK_SKEW = 15 * 60
MAX_DURATION = 315_360_000
# Characters: what is longer is not kept in a cache, or strangers' files would fill the memory.
MAX_CACHED = 1_024
ZERO_WORD = "0x" + "00" * 32

Bytes32 = Annotated[str, Meta(pattern=r"\A0x[0-9a-f]{64}\Z")]
Signature = Annotated[str, Meta(pattern=r"\A0x(?:[0-9a-f]{2})+\Z", max_length=2 + 2 * MAX_SIGNATURE)]
Address = Annotated[str, Meta(pattern=r"\A0x[0-9a-fA-F]{40}\Z")]
UInt64 = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]

_TERM = re.compile(r"[a-z][a-z0-9-]*:[A-Za-z0-9][A-Za-z0-9._~-]*|https://[!#-;=?-Z\[\]_a-z~]+")


def unhex(value: str) -> bytes:
    """The bytes of a ``0x`` string that was already checked."""
    return bytes.fromhex(value[2:])


def to_hex(value: bytes) -> str:
    """Lower-case hex with ``0x``."""
    return "0x" + value.hex()


@lru_cache(maxsize=4096)
def checksum(address: bytes) -> str:
    """The EIP-55 spelling of a 20-byte address."""
    plain = address.hex()
    nibbles = keccak256(plain.encode()).hex()
    return "0x" + "".join(c.upper() if int(n, 16) > 7 else c for c, n in zip(plain, nibbles, strict=False))


@lru_cache(maxsize=4096)
def check_address(value: str) -> str:
    """The address itself, if it is spelled with its EIP-55 checksum; otherwise ``Malformed``."""
    if re.fullmatch(r"0x[0-9a-fA-F]{40}", value) is None or checksum(unhex(value)) != value:
        raise Malformed(f"address {value[:50]!r} is not spelled with its EIP-55 checksum")
    return value


def is_term(value: str) -> bool:
    """Is it a compact IRI (``dpv:Personalisation``) or a full ``https://`` one, in ASCII?"""
    return _TERM.fullmatch(value) is not None


def check_terms(values: tuple[str, ...], name: str) -> tuple[str, ...]:
    """The terms themselves, if there is one at least, all well formed, sorted, none repeated; else ``Malformed``."""
    return (_cached_terms if sum(map(len, values)) <= MAX_CACHED else _checked_terms)(values, name)


def _checked_terms(values: tuple[str, ...], name: str) -> tuple[str, ...]:
    if not values:
        raise Malformed(f"{name} is empty: at least one is needed")
    for value in values:
        if not is_term(value):
            raise Malformed(f"{name}: {value[:80]!r} is neither a compact IRI nor an https:// one")
    # Code point order is UTF-8 byte order, so Python's own sort serves.
    if list(values) != sorted(set(values)):
        raise Malformed(f"{name} must be sorted by their UTF-8 bytes, with no repeats")
    return values


_cached_terms = lru_cache(maxsize=4096)(_checked_terms)


def check_term(value: str, name: str) -> str:
    """The term itself, if well formed; otherwise ``Malformed``."""
    if not is_term(value):
        raise Malformed(f"{name}: {value[:80]!r} is neither a compact IRI nor an https:// one")
    return value
