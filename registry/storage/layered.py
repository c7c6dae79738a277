"""A store that is opened on first use, backed by gateways for reading what it lacks.

A gateway is asked only for a block that the store says it does not hold: asking reveals who wants it. If the store
cannot be asked, that is an error. Nothing is written to a gateway.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence

from registry.core.errors import BlockMismatch, StorageUnavailable
from registry.core.ipld.cid import Block
from registry.storage.base import BlockStore, StoreStat
from registry.storage.gateway import GatewayBlocks


class LayeredBlocks:
    """A BlockStore: the store that ``open_store`` returns, then ``gateways`` in their order."""

    def __init__(self, open_store: Callable[[], BlockStore], gateways: Sequence[GatewayBlocks] = ()) -> None:
        self._open_store, self._gateways = open_store, tuple(gateways)
        self._lock = threading.Lock()
        self._opened: BlockStore | None = None

    @property
    def store(self) -> BlockStore:
        """The store itself."""
        with self._lock:
            if self._opened is None:
                self._opened = self._open_store()
            return self._opened

    def put(self, blocks: Iterable[Block]) -> None:
        self.store.put(blocks)

    def get(self, cid: str) -> bytes:
        return self._read(self.store.get, cid)

    def reader(self, root: str) -> Callable[[str], bytes]:
        get = self.store.reader(root)
        return lambda cid: self._read(get, cid)

    def has(self, cid: str) -> bool:
        return self.store.has(cid)

    def delete(self, cids: Iterable[str]) -> None:
        self.store.delete(cids)

    def stat(self) -> StoreStat:
        return self.store.stat()

    def _read(self, get: Callable[[str], bytes], cid: str) -> bytes:
        try:
            return get(cid)
        except BlockMismatch:
            raise
        except StorageUnavailable as error:
            if not self._gateways or self.store.has(cid):
                raise
            failures = [error]
        for gateway in self._gateways:
            try:
                return gateway.get(cid)
            except StorageUnavailable as error:
                failures.append(error)
        # The last error gives the class and the advice.
        raise type(failures[-1])("; ".join(map(str, failures)), failures[-1].advice)
