"""Writes CAR archives, which carry thousands of blocks to a node in one request (CARv1 specification)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from registry.core.ipld.cid import varint

# CBOR (RFC 8949): tag 42 and a byte string of 37 bytes, whose first is always zero, hold a CID (DAG-CBOR, "Links").
LINK = b"\xd8\x2a\x58\x25\x00"
BYTES, ARRAY = 2, 4
_HEADER = b"\xa2\x65roots%s\x67version\x01"


def car_parts(roots: Iterable[bytes], blocks: Iterable[tuple[bytes, bytes]]) -> Iterator[bytes]:
    """Yield the archive of ``blocks`` (binary CID and bytes) in parts; its ``roots`` need not be among the blocks."""
    links = [LINK + root for root in roots]
    header = _HEADER % (cbor_head(ARRAY, len(links)) + b"".join(links))
    yield varint(len(header)) + header
    for cid, data in blocks:
        yield varint(len(cid) + len(data)) + cid
        yield data


def cbor_head(major: int, number: int) -> bytes:
    """The shortest head of a CBOR item (RFC 8949, section 3); ``number`` is its value or length, below 2**32."""
    if number < 24:
        return bytes([major << 5 | number])
    width = next(each for each in (1, 2, 4) if number < 1 << 8 * each)
    return bytes([major << 5 | 24 + width.bit_length() - 1]) + number.to_bytes(width)
