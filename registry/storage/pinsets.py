"""Shelves: lists of blocks, themselves blocks, by which one pin on a node keeps thousands of blocks at once.

Pinning one by one takes a node 3 ms each; pinning a shelf pins all that it lists. A shelf is DAG-CBOR, whose links
the node follows: {"sizes": four bytes, big-endian, for each block, "blocks": links}, in the ascending order of the
digests. It links to its blocks as raw ones, also where they are nodes of a file's tree: a node keeps blocks by their
hashes, and a shelf stands for its own blocks only, not for what those link to.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from registry.core.ipld.car import ARRAY, BYTES, DAG_CBOR, LINK, RAW, cbor_head
from registry.core.ipld.cid import Block

# A shelf of this many is a block of 368,664 bytes; fewer make the node's answers slower, by the block.
MAX_ENTRIES = 8192
MAX_BATCH_BYTES = 16 << 20

_SIZES, _BLOCKS = b"\xa2\x65sizes", b"\x66blocks"
_PREFIX = LINK + RAW
_ENTRY_BYTES = 4 + len(_PREFIX) + 32
# Both words and the shortest heads of both lists; the longest add less than an entry.
_FRAME_BYTES = len(_SIZES) + len(_BLOCKS) + 2

Entries = Mapping[bytes, int]


class Shelf(NamedTuple):
    """A shelf as it is stored: its binary CID (36 bytes), its bytes, and what it lists: SHA-256 to length."""

    cid: bytes
    data: bytes
    entries: Entries


def shelf_of(entries: Entries) -> Shelf:
    """The one shelf of these blocks (at most MAX_ENTRIES), whatever their order."""
    ordered = dict(sorted(entries.items()))
    sizes = b"".join(size.to_bytes(4) for size in ordered.values())
    links = b"".join(_PREFIX + digest for digest in ordered)
    data = b"".join((_SIZES, cbor_head(BYTES, len(sizes)), sizes, _BLOCKS, cbor_head(ARRAY, len(ordered)), links))
    return Shelf(DAG_CBOR + hashlib.sha256(data).digest(), data, ordered)


def parse_shelf(data: bytes) -> Shelf | None:
    """The shelf that these bytes are; None where they are something else, or another encoding of one."""
    count = (len(data) - _FRAME_BYTES) // _ENTRY_BYTES
    if not 0 < count <= MAX_ENTRIES:
        return None
    start = len(_SIZES) + len(cbor_head(BYTES, 4 * count))
    sizes = [int.from_bytes(data[at : at + 4]) for at in range(start, start + 4 * count, 4)]
    first = start + 4 * count + len(_BLOCKS) + len(cbor_head(ARRAY, count)) + len(_PREFIX)
    digests = [data[at : at + 32] for at in range(first, first + count * (len(_PREFIX) + 32), len(_PREFIX) + 32)]
    shelf = shelf_of(dict(zip(digests, sizes, strict=True)))
    return shelf if shelf.data == data else None


def text_of(cid: bytes) -> str:
    """A binary CID as nodes write it, in base32."""
    return "b" + base64.b32encode(cid).decode().lower().rstrip("=")


def is_shelf(cid: str) -> bool:
    """Whether a pin may be one of a shelf: DAG-CBOR under SHA-256."""
    return cid.startswith("bafyrei")


def batches(blocks: Iterable[tuple[bytes, Block]]) -> Iterator[dict[bytes, bytes]]:
    """The blocks, given with their SHA-256, as digest to bytes, each batch for one shelf and one request."""
    batch: dict[bytes, bytes] = {}
    size = 0
    for digest, block in blocks:
        batch[digest] = block.data
        size += len(block.data)
        if len(batch) == MAX_ENTRIES or size >= MAX_BATCH_BYTES:
            yield batch
            batch, size = {}, 0
    if batch:
        yield batch
