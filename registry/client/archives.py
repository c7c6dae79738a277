"""Send blocks to a brand in archives, each as large as its line takes in half a minute."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from registry.client.brand_client import MAX_CAR_BLOCKS, TOO_SLOW, BrandClient
from registry.core.errors import BrandUnavailable, StorageUnavailable
from registry.core.ipld.cid import Block
from registry.storage.base import BlockStore

# The first archive fits a line of 2 Mbit/s. A slower line gets smaller ones, at last a block each.
_FIRST, _LEAST = 8 << 20, 64 << 10


def send_archives(client: BrandClient, store: BlockStore, root: str, cids: Sequence[str]) -> Iterator[list[str]]:
    """Send blocks in this order, and yield the CIDs of each archive once the brand has it; ``root`` is the capsule's.

    The errors are the client's. ``StorageUnavailable`` where the store has lost one of them.
    """
    left, size = list(cids), _FIRST
    while left:
        archive = _archive(store, left, size)
        try:
            client.send_blocks(root, archive)
        except BrandUnavailable as error:
            if error.name != TOO_SLOW or size <= _LEAST:
                raise
            size //= 4
            continue
        left = left[len(archive) :]
        yield [block.cid for block in archive]


def _archive(store: BlockStore, cids: Sequence[str], most: int) -> list[Block]:
    """Read the first blocks, as many as fit into ``most`` bytes, and one at least."""
    archive, size = list[Block](), 0
    for cid in cids[:MAX_CAR_BLOCKS]:
        block = Block(cid, _read(store, cid))
        size += len(block.data)
        if archive and size > most:
            break
        archive.append(block)
    return archive


def _read(store: BlockStore, cid: str) -> bytes:
    try:
        return store.get(cid)
    except StorageUnavailable as error:
        # A change of the vault may have replaced it, perhaps on another device. The vault knows what is there now.
        raise StorageUnavailable(str(error), "Do `consent vault sync`: it lists anew what goes.") from None
