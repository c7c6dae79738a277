"""All blocks of a home's vault: a backup takes them, and `move_vault` copies them into another store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple

from registry.client.home import Home
from registry.client.network import Network
from registry.client.network_config import open_place
from registry.core.errors import BlockMismatch, InvalidInput, StorageUnavailable
from registry.core.ipld.cid import Block, cid_from_digest
from registry.core.ipld.unixfs import blocks_of
from registry.core.scalars import ZERO_WORD, unhex
from registry.core.statements.messages import Grant
from registry.storage.base import BlockStore
from registry.vault.index import Index
from registry.vault.place import Place, noted_place
from registry.vault.vault import Vault

MAX_READS = 10
# Blocks that are copied, then read back, at once: they stand in memory.
_BATCH = 32


class Moved(NamedTuple):
    """How many blocks were copied and checked, and how many bytes they have in all."""

    blocks: int
    bytes: int
    source: Place
    target: Place


def move_vault(home: Home, seed: bytes, network: Network, source: Place | None = None) -> Moved:
    """Copy every block of the vault into the network's store, check each there, and then note that store.

    The blocks come from ``source``, by default from where the vault noted that they lie. Until all are copied the vault
    stays where it is, and the move can be repeated. The old store keeps its blocks: brands may still read there what
    was granted. ``StorageUnavailable`` if a block is missing, or if either store cannot be asked.
    """
    if (target := network.place) is None:
        raise InvalidInput("this network's store has no name", "Open the network with `open_network`.")
    found = source or noted_place(home.vault) or target
    store = network.store if found.is_named_as(target) else open_place(found)
    vault, count, size = Vault(home.vault, seed, store, found), 0, 0
    with vault.moving(target):
        _, index, own = settled(vault, store)
        # The index goes last: a store that holds it holds the rest too.
        blocks = chain(blocks_below(home, index, store), own)
        while batch := list(islice(blocks, _BATCH)):
            _copy(batch, network.store)
            count, size = count + len(batch), size + sum(len(block.data) for block in batch)
    return Moved(count, size, found, target)


def _copy(blocks: Sequence[Block], store: BlockStore) -> None:
    # A node may hold a block without keeping it, so all are put.
    store.put(blocks)
    for block in blocks:
        try:
            store.get(block.cid)
        except BlockMismatch:
            store.put([block])
            store.get(block.cid)


def settled(vault: Vault, store: BlockStore) -> tuple[list[str], Index, list[Block]]:
    """Read the index, its CID and its blocks at one instant: the next change of the vault erases those blocks."""
    for _ in range(MAX_READS):
        roots, index = vault.roots(), vault.index()
        try:
            blocks = [block for cid in roots for block in blocks_of(cid, store.get)]
            if vault.roots() == roots:
                return roots, index, blocks
        except StorageUnavailable:
            if vault.roots() == roots:
                raise
    raise StorageUnavailable("the vault keeps changing", "Try again when no other process changes it.")


def blocks_below(home: Home, index: Index, store: BlockStore) -> Iterator[Block]:
    """Yield the blocks that the index names, and the capsules of the grants that the home keeps."""
    for stream in index.streams:
        yield Block(stream.head, store.get(stream.head))
        for record in stream.records:
            yield from blocks_of(record.cid, store.get)
    for evidence in home.evidence.all():
        message = evidence.statement.message
        if isinstance(message, Grant) and message.content != ZERO_WORD:
            cid = cid_from_digest(unhex(message.content))
            # The person may have erased a capsule since; then it is rightly absent.
            if store.has(cid):
                yield Block(cid, store.get(cid))
