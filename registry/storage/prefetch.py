"""Reading a file's leaves many at a time, where asking for each would take most of the time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from registry.core.errors import BlockMismatch, StorageRefused
from registry.core.ipld.cid import check_block, is_leaf
from registry.core.ipld.unixfs import LEAF_BYTES
from registry.storage.spawn import begun

PART_BYTES = 32 * LEAF_BYTES


class Ahead:
    """``get`` for the blocks of one file in the order in which they are read, by one caller.

    ``part``: up to PART_BYTES of the file's content from an offset on; the next one is fetched while one is used.
    What it gives is cut into leaves, each held to its own identifier; where one is wrong or missing, ``get`` is asked
    for it and for all that follow.
    """

    def __init__(self, part: Callable[[int], bytes], get: Callable[[str], bytes]) -> None:
        self._part, self._get = part, get
        self._next: Future[bytes] | None = None
        self._content = b""
        self._start = self._at = 0
        self._works = True

    def __call__(self, cid: str) -> bytes:
        if self._works and is_leaf(cid):
            try:
                leaf = self._leaf()
                check_block(cid, leaf)
                return leaf
            except (StorageRefused, BlockMismatch):
                self._works, self._content = False, b""
        return self._get(cid)

    def _leaf(self) -> bytes:
        if self._at >= len(self._content):
            self._refill()
        leaf = self._content[self._at : self._at + LEAF_BYTES]
        self._at += LEAF_BYTES
        return leaf

    def _refill(self) -> None:
        self._content = self._next.result() if self._next else self._part(self._start)
        self._start += len(self._content)
        self._at = 0
        # A short part is the last; files of one part need no thread.
        at = self._start
        self._next = begun(lambda: self._part(at)) if len(self._content) == PART_BYTES else None
