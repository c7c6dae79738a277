"""Pin sets: lists of blocks, themselves blocks, so that one pin on a node keeps thousands of blocks.

Pinning one block takes a node 3 ms; pinning a set pins all that it lists. A set is DAG-CBOR, whose links the node
follows: {"sizes": four bytes, big-endian, for each block, "blocks": links}, in ascending order of the digests. All
links are raw ones, even to nodes of a file's tree: a node keeps blocks by their hashes, and a set keeps its own blocks
only, not what they link to.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from registry.core.ipld.car import ARRAY, BYTES, LINK, cbor_head
from registry.core.ipld.cid import DAG_CBOR, RAW

# A set of this many is a block of 368,664 bytes. Smaller sets slow the node down, because it answers set by set.
MAX_ENTRIES = 8192
# With this begins every CID that is DAG-CBOR under SHA-256, as those of sets are.
TEXT_PREFIX = "bafyrei"

_SIZES, _BLOCKS = b"\xa2\x65sizes", b"\x66blocks"
_PREFIX = LINK + RAW
_LINK_BYTES = len(_PREFIX) + 32
# Both keys and the shortest heads of both lists; the longest heads add less than one entry.
_FRAME_BYTES = len(_SIZES) + len(_BLOCKS) + 2


class PinSet(NamedTuple):
    """A set as it is stored: its binary CID (36 bytes), its bytes, and its entries, SHA-256 to length in bytes."""

    cid: bytes
    data: bytes
    entries: Mapping[bytes, int]


def make_pinset(entries: Mapping[bytes, int]) -> PinSet:
    """Return the one set of these blocks (at most MAX_ENTRIES), whatever their order."""
    ordered = dict(sorted(entries.items()))
    sizes = b"".join(size.to_bytes(4) for size in ordered.values())
    links = b"".join(_PREFIX + digest for digest in ordered)
    data = b"".join((_SIZES, cbor_head(BYTES, len(sizes)), sizes, _BLOCKS, cbor_head(ARRAY, len(ordered)), links))
    return PinSet(DAG_CBOR + hashlib.sha256(data).digest(), data, ordered)


def parse_pinset(data: bytes) -> PinSet | None:
    """Return the set that these bytes are, or None for other data and for every second encoding of a set."""
    count = (len(data) - _FRAME_BYTES) // (4 + _LINK_BYTES)
    if not 0 < count <= MAX_ENTRIES:
        return None
    start = len(_SIZES) + len(cbor_head(BYTES, 4 * count))
    sizes = [int.from_bytes(data[at : at + 4]) for at in range(start, start + 4 * count, 4)]
    first = start + 4 * count + len(_BLOCKS) + len(cbor_head(ARRAY, count)) + len(_PREFIX)
    digests = [data[at : at + 32] for at in range(first, first + count * _LINK_BYTES, _LINK_BYTES)]
    pinset = make_pinset(dict(zip(digests, sizes, strict=True)))
    return pinset if pinset.data == data else None


def cid_text(cid: bytes) -> str:
    """Return a binary CID as nodes write it, in base32."""
    return "b" + base64.b32encode(cid).decode().lower().rstrip("=")
