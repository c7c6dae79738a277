"""What every block store does, whatever is behind it: a SQLite file, a Kubo node, a gateway.

A store is never believed: what it is given and what it returns is held to its identifier here, by the adapters'
common helpers ``accepted`` and ``checked``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from registry.core.errors import BlockMismatch, InvalidInput
from registry.core.ipld.cid import MAX_BLOCK_BYTES, Block, check_block


class StoreStat(NamedTuple):
    """How much a store holds: number of blocks, and the sum of their lengths in bytes."""

    blocks: int
    bytes: int


class BlockStore(Protocol):
    """Blocks by their CIDs. Every method raises StorageUnavailable where the store cannot be asked, never "no".

    A block is known by its SHA-256: a raw and a dag-pb CID of the same bytes name one and the same block.
    """

    def put(self, blocks: Iterable[Block]) -> None:
        """Stores all of them, durably once it returns; a block that is there already is no error.

        InvalidInput for a block of over MAX_BLOCK_BYTES or under a CID that is not its own. After any error some
        of the blocks may be there, which does no harm: put them again.
        """

    def get(self, cid: str) -> bytes:
        """The block's bytes, checked. StorageUnavailable where it is not there, BlockMismatch where others are."""

    def reader(self, root: str) -> Callable[[str], bytes]:
        """``get`` for one who reads the blocks of the file ``root`` in their order: what comes next may be fetched
        ahead.
        """

    def has(self, cid: str) -> bool:
        """Whether the store says that it holds the block (its bytes are not read)."""

    def delete(self, cids: Iterable[str]) -> None:
        """Erases the blocks so that the store's own files hold none of their bytes; absent ones are no error."""

    def stat(self) -> StoreStat:
        """What the store holds now."""


def accepted(block: Block) -> bytes:
    """The SHA-256 of a block that may be stored; InvalidInput for any other."""
    if len(block.data) > MAX_BLOCK_BYTES:
        raise InvalidInput(f"A block has at most {MAX_BLOCK_BYTES} bytes.", "Store it as a file of several blocks.")
    try:
        return check_block(block.cid, block.data)
    except BlockMismatch:
        why = f"{block.cid} does not name these bytes."
        raise InvalidInput(why, "Compute the identifier from the bytes.") from None


def checked(cid: str, data: bytes) -> bytes:
    """What a store returned for ``cid``, if it is that; BlockMismatch otherwise."""
    check_block(cid, data)
    return data
