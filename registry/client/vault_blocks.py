"""Move a home's vault into another store, block by block; find the capsules of the grants that the home keeps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from registry.client.home import Home
from registry.client.network import Network
from registry.client.network_config import open_place
from registry.client.pending_store import PendingFolder
from registry.core.errors import BlockMismatch, InvalidInput
from registry.core.ipld.cid import Block, cid_from_digest
from registry.core.scalars import ZERO_WORD, unhex
from registry.core.statements.messages import Grant
from registry.storage.base import BlockStore
from registry.vault.place import noted_place

if TYPE_CHECKING:
    from registry.vault.place import Place

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
    from registry.vault.database import Database

    if (target := network.place) is None:
        raise InvalidInput("this network's store has no name", "Open the network with `open_network`.")
    found = source or noted_place(home.vault) or target
    store = network.store if found.is_named_as(target) else open_place(found)
    count = size = 0
    with Database(home.vault, seed, store, network.clock, found).moving(target) as own:
        # The index goes last: a store that holds it holds the rest too.
        blocks = chain(capsules_of(home, store), own)
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


def capsules_of(home: Home, store: BlockStore) -> Iterator[Block]:
    """Yield the capsules of the grants that the home keeps, or has signed; those that the store still holds."""
    pending = (each.evidence.statement for each in PendingFolder(home.path).all())
    for statement in chain((each.statement for each in home.evidence.all()), pending):
        message = statement.message
        if isinstance(message, Grant) and message.content != ZERO_WORD:
            cid = cid_from_digest(unhex(message.content))
            # The person may have erased a capsule since; then it is rightly absent.
            if store.has(cid):
                yield Block(cid, store.get(cid))
