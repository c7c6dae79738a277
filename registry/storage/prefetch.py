"""Reads a file's leaves many at a time: one request for each leaf would take most of the time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from registry.core.errors import BlockMismatch, StorageRefused
from registry.core.ipld.cid import check_block, is_leaf
from registry.core.ipld.unixfs import LEAF_BYTES
from registry.storage.spawn import spawn

PART_BYTES = 32 * LEAF_BYTES


class PrefetchingReader:
    """``get`` for one caller that reads the blocks of one file in their order.

    ``get_part`` returns up to PART_BYTES of the file's content from an offset on; the next part is fetched while one
    is used. Each leaf cut from a part is checked against its CID. After the first that is wrong or missing, every
    block comes from ``get``.
    """

    def __init__(self, get_part: Callable[[int], bytes], get: Callable[[str], bytes]) -> None:
        self._get_part, self._get = get_part, get
        self._next: Future[bytes] | None = None
        self._part = b""
        self._offset = self._position = 0
        self._usable = True

    def __call__(self, cid: str) -> bytes:
        if self._usable and is_leaf(cid):
            try:
                leaf = self._next_leaf()
                check_block(cid, leaf)
                return leaf
            except (StorageRefused, BlockMismatch):
                self._usable, self._part = False, b""
        return self._get(cid)

    def _next_leaf(self) -> bytes:
        if self._position >= len(self._part):
            self._part = self._next.result() if self._next else self._get_part(0)
            self._position = 0
            self._offset += len(self._part)
            offset = self._offset
            # A short part is the last one; a file of one part needs no thread.
            self._next = spawn(lambda: self._get_part(offset)) if len(self._part) == PART_BYTES else None
        leaf = self._part[self._position : self._position + LEAF_BYTES]
        self._position += LEAF_BYTES
        return leaf
