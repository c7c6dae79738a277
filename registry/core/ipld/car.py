"""Writes and reads CAR archives, which carry thousands of blocks in one request (CARv1 specification)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from registry.core.errors import Malformed
from registry.core.ipld.cid import DAG_PB, MAX_BLOCK_BYTES, RAW, Block, sha256_of, text_of_cid, varint

# CBOR (RFC 8949): tag 42 and a byte string of 37 bytes, whose first is always zero, hold a CID (DAG-CBOR, "Links").
LINK = b"\xd8\x2a\x58\x25\x00"
BYTES, ARRAY = 2, 4
_HEADER = b"\xa2\x65roots%s\x67version\x01"
_CID_BYTES = 36
# A varint of four bytes says more than any part of an archive may have.
_MAX_VARINT = 4
_ADVICE = "Send a CAR of version 1 with raw and dag-pb blocks under SHA-256."


class Car(NamedTuple):
    """An archive: its roots, and its blocks in their order. Each block's bytes are those that its CID names."""

    roots: tuple[str, ...]
    blocks: tuple[Block, ...]


def car_parts(roots: Iterable[bytes], blocks: Iterable[tuple[bytes, bytes]]) -> Iterator[bytes]:
    """Yield the archive of ``blocks`` (binary CID and bytes) in parts; its ``roots`` need not be among the blocks."""
    yield _header(roots)
    for cid, data in blocks:
        yield varint(len(cid) + len(data)) + cid
        yield data


def parse_car(raw: bytes, max_blocks: int, max_roots: int = 1) -> Car:
    """Parse an archive with up to ``max_roots`` roots and ``max_blocks`` blocks of at most 1 MiB.

    ``Malformed`` for anything else: a second encoding of the header or of a length, a block that ends early, another
    kind of CID, or bytes that a CID does not name.
    """
    length, at = _length(raw, 0)
    roots = _roots(raw[at : at + length], max_roots)
    blocks = list[Block]()
    at += length
    while at < len(raw):
        if len(blocks) == max_blocks:
            raise _malformed(f"the CAR holds more than {max_blocks:,} blocks", "Send several.")
        length, at = _length(raw, at)
        blocks.append(_block(raw, at, length))
        at += length
    return Car(roots, tuple(blocks))


def cbor_head(major: int, number: int) -> bytes:
    """The shortest head of a CBOR item (RFC 8949, section 3); ``number`` is its value or length, below 2**32."""
    if number < 24:
        return bytes([major << 5 | number])
    width = next(each for each in (1, 2, 4) if number < 1 << 8 * each)
    return bytes([major << 5 | 24 + width.bit_length() - 1]) + number.to_bytes(width)


def _header(roots: Iterable[bytes]) -> bytes:
    links = [LINK + root for root in roots]
    header = _HEADER % (cbor_head(ARRAY, len(links)) + b"".join(links))
    return varint(len(header)) + header


def _roots(header: bytes, most: int) -> tuple[str, ...]:
    """Return the roots of a header. DAG-CBOR has one encoding, so it must equal our own for some number of roots."""
    width = len(LINK) + _CID_BYTES
    for count in range(most + 1):
        start = _HEADER.index(b"%s") + len(cbor_head(ARRAY, count))
        roots = [header[at + len(LINK) : at + width] for at in range(start, start + count * width, width)]
        if _header(roots) == varint(len(header)) + header:
            return tuple(map(_cid_text, roots))
    raise _malformed(f"it does not begin with the header of a CAR with at most {most} roots")


def _length(raw: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins at a place, and the place behind it."""
    value = 0
    for place, byte in enumerate(raw[at : at + _MAX_VARINT]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            if varint(value) != raw[at : at + place + 1]:
                break
            return value, at + place + 1
    raise _malformed(f"no length stands at byte {at:,} of the CAR")


def _block(raw: bytes, at: int, length: int) -> Block:
    end = at + length
    if length < _CID_BYTES or length > _CID_BYTES + MAX_BLOCK_BYTES:
        raise _malformed(f"a block of the CAR has {length:,} bytes with its CID", "A block has at most 1 MiB.")
    if end > len(raw):
        raise _malformed("the CAR ends in the middle of a block", "Send it whole.")
    cid, data = _cid_text(raw[at : at + _CID_BYTES]), raw[at + _CID_BYTES : end]
    if sha256_of(data) != raw[at + 4 : at + _CID_BYTES]:
        raise _malformed(f"the bytes given for {cid} do not match it", "Read the block anew, and send it again.")
    return Block(cid, data)


def _cid_text(binary: bytes) -> str:
    if binary[:4] not in (RAW, DAG_PB) or len(binary) != _CID_BYTES:
        raise _malformed("the CAR names a block by another kind of CID than ours")
    return text_of_cid(binary)


def _malformed(message: str, advice: str = _ADVICE) -> Malformed:
    return Malformed(message, advice)
