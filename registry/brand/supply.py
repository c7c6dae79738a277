"""Where the blocks of one grant come from: what the brand holds, what arrived, and what the network's store has."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Set
from contextlib import suppress

from registry.brand.custody import Custody
from registry.core.errors import StorageUnavailable
from registry.core.ipld.cid import Block, digest_of_cid
from registry.storage.base import BlockStore

# The network's store is not asked for thousands of blocks one by one, of which it has none.
_MOST_MISSES = 32


class Supply:
    """The blocks of one grant. ``known`` lie in the brand's own store; others may be in the network's ``source``."""

    def __init__(self, custody: Custody, source: BlockStore, known: Set[bytes]) -> None:
        self._custody, self._source, self._known = custody, source, known
        self._found, self._misses = dict[bytes, str](), 0

    def has(self, cid: str) -> bool:
        """Tell whether a block is there. A source that cannot be asked has nothing."""
        digest = digest_of_cid(cid)
        if digest in self._known or digest in self._found:
            return True
        if self._misses < _MOST_MISSES:
            with suppress(StorageUnavailable):
                if self._source.has(cid):
                    self._found[digest], self._misses = cid, 0
                    return True
            self._misses += 1
        return False

    def get(self, cid: str) -> bytes:
        """Return a block, checked; ``StorageUnavailable`` where it is nowhere."""
        if digest_of_cid(cid) in self._known:
            return self._custody.blocks.get(cid)
        return self._source.get(cid)

    def fetched(self, reached: Collection[bytes]) -> list[str]:
        """Return the CIDs of those of these blocks that lie in the network's store alone."""
        return [cid for digest, cid in self._found.items() if digest in reached]

    def copied(self, cids: Collection[str]) -> Iterator[Block]:
        """Yield these blocks, read from the network's store."""
        for cid in cids:
            yield Block(cid, self._source.get(cid))
