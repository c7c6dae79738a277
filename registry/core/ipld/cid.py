"""Content identifiers, checked on every read; no node is trusted (multiformats CID, "CIDv1")."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from registry.core.errors import BlockMismatch, InvalidInput

MAX_BLOCK_BYTES = 1 << 20

_DIGEST_LENGTH = 32
# The beginnings of binary CIDs: version, codec, hash function, digest length. The digest follows.
RAW, DAG_PB, DAG_CBOR = (bytes((1, codec, 0x12, _DIGEST_LENGTH)) for codec in (0x55, 0x70, 0x71))
# These four bytes make the six letters after "b" and two more bits, which are zero. With two zero bits at the end, the
# digest then fills 52 letters.
_STARTS = {RAW: "bafkrei", DAG_PB: "bafybei"}
_PREFIXES = {start: prefix for prefix, start in _STARTS.items()}
_CID = re.compile(r"(bafkrei|bafybei)([a-h][a-z2-7]{50}[aeimquy4])")
_PAD_BITS = 2
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_TO_INT_DIGITS = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")
# Two letters at a time takes a third of the time of base64.b32encode.
_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]
_PLACES = range(250, -1, -10)


class Block(NamedTuple):
    """A block: ``cid`` is the CIDv1 of ``data`` (at most MAX_BLOCK_BYTES)."""

    cid: str
    data: bytes


# The bytes that were hashed last, and their SHA-256.
_last: tuple[bytes, bytes] = (b"", hashlib.sha256().digest())


def sha256_of(data: bytes) -> bytes:
    """SHA-256 of ``data``; asking about the same object twice in a row hashes it once.

    The maker of a block hashes it to name it, and the store hashes it again to check; reads are checked twice likewise.
    Without this memo, sealing into a store in memory takes half as long again, and reading nearly twice as long.
    """
    global _last
    known, digest = _last
    if data is known:
        return digest
    digest = hashlib.sha256(data).digest()
    if type(data) is bytes:
        _last = data, digest
    return digest


def cid_of_block(data: bytes) -> str:
    """The CIDv1 (raw codec) of one block, ``bafkrei...``."""
    return cid_from_digest(sha256_of(data))


def cid_from_digest(sha256: bytes) -> str:
    """The CIDv1 (raw codec) of the block whose SHA-256 is given (32 bytes)."""
    if len(sha256) != _DIGEST_LENGTH:
        raise InvalidInput("a SHA-256 digest has 32 bytes", "Give the digest itself, not its hex.")
    return text_of_cid(RAW + sha256)


def digest_of_cid(cid: str) -> bytes:
    """The SHA-256 (32 bytes) that ``cid`` names, raw or dag-pb. InvalidInput for every other or second encoding."""
    return binary_cid(cid)[4:]


def is_leaf(cid: str) -> bool:
    """Whether this block of a file is a leaf, which holds content, rather than a node of its tree."""
    return cid.startswith(_STARTS[RAW])


def check_block(cid: str, data: bytes) -> bytes:
    """Return the SHA-256 of ``data``; BlockMismatch if ``cid`` names other bytes, InvalidInput if it is not ours."""
    digest = digest_of_cid(cid)
    if len(data) > MAX_BLOCK_BYTES or sha256_of(data) != digest:
        raise BlockMismatch(f"the bytes given for {cid} do not match it")
    return digest


def varint(value: int) -> bytes:
    """Encode ``value`` as an unsigned varint (multiformats), least significant group first."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def text_of_cid(binary: bytes) -> str:
    """The text form of a binary CID of ours (36 bytes)."""
    bits = int.from_bytes(binary[-_DIGEST_LENGTH:]) << _PAD_BITS
    return _STARTS[binary[:4]] + "".join([_PAIRS[bits >> place & 1023] for place in _PLACES])


def binary_cid(cid: str) -> bytes:
    """The 36 bytes of a CID's text; ``InvalidInput`` for every other or second encoding."""
    # The pattern admits one spelling of each identifier, so there is no need to encode again and compare.
    if not (found := _CID.fullmatch(cid)):
        advice = "Use the form bafkrei... or bafybei..."
        raise InvalidInput("not a CIDv1 of a raw or dag-pb block under SHA-256", advice)
    bits = int(found[2].translate(_TO_INT_DIGITS), 32) >> _PAD_BITS
    return _PREFIXES[found[1]] + bits.to_bytes(_DIGEST_LENGTH)
