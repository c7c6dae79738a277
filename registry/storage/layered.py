"""A store that is opened when it is first used, with gateways to read from what it lacks.

Only reading goes on to the gateways, and only for what the store says that it does not hold: a store that is away is
reported, because asking a gateway tells it who wants what. Nothing is ever written to one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence

from registry.core.errors import BlockMismatch, StorageUnavailable
from registry.core.ipld.cid import Block
from registry.storage.base import BlockStore, StoreStat
from registry.storage.gateway import GatewayBlocks


class LayeredBlocks:
    """A BlockStore: what ``opener`` opens, before ``gateways``, which are asked in their order."""

    def __init__(self, opener: Callable[[], BlockStore], gateways: Sequence[GatewayBlocks] = ()) -> None:
        self._opener, self._gateways = opener, tuple(gateways)
        self._lock = threading.Lock()
        self._opened: BlockStore | None = None

    @property
    def store(self) -> BlockStore:
        """The store itself."""
        with self._lock:
            if self._opened is None:
                self._opened = self._opener()
            return self._opened

    def put(self, blocks: Iterable[Block]) -> None:
        self.store.put(blocks)

    def get(self, cid: str) -> bytes:
        return self._read(self.store.get, cid)

    def reader(self, root: str) -> Callable[[str], bytes]:
        own = self.store.reader(root)
        return lambda cid: self._read(own, cid)

    def has(self, cid: str) -> bool:
        return self.store.has(cid)

    def delete(self, cids: Iterable[str]) -> None:
        self.store.delete(cids)

    def stat(self) -> StoreStat:
        return self.store.stat()

    def _read(self, own: Callable[[str], bytes], cid: str) -> bytes:
        try:
            return own(cid)
        except BlockMismatch:
            raise
        except StorageUnavailable as error:
            if not self._gateways or self.store.has(cid):
                raise
            lacking = error
        return self._from_gateways(cid, lacking)

    def _from_gateways(self, cid: str, lacking: StorageUnavailable) -> bytes:
        failed = [lacking]
        for gateway in self._gateways:
            try:
                return gateway.get(cid)
            except StorageUnavailable as error:
                failed.append(error)
        # Of the kind of the last, whose advice it is.
        raise type(failed[-1])(" ".join(map(str, failed)), failed[-1].advice)
