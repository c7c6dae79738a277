"""Reads a file's leaves many at a time: one request for each leaf would take most of the time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

from registry.core.errors import BlockMismatch, StorageRefused
from registry.core.ipld.cid import check_block, is_leaf
from registry.core.ipld.unixfs import LEAF_BYTES

PART_BYTES = 32 * LEAF_BYTES
_T = TypeVar("_T")


class PrefetchingReader:
    """``get`` for one caller that reads the blocks of one file in their order.

    ``get_part`` returns up to PART_BYTES of the file's content from an offset on; the next part is fetched while one
    is used. Each leaf cut from a part is checked against its CID. After the first that is wrong or missing, every
    block comes from ``get``.
    """

    def __init__(self, get_part: Callable[[int], bytes], get: Callable[[str], bytes]) -> None:
        self._get = get
        self._leaves: Iterator[bytes] | None = _leaves(get_part)

    def __call__(self, cid: str) -> bytes:
        if self._leaves is not None and is_leaf(cid):
            try:
                # An empty file has one leaf, which no part contains.
                leaf = next(self._leaves, b"")
                check_block(cid, leaf)
                return leaf
            except (StorageRefused, BlockMismatch):
                self._leaves = None
        return self._get(cid)


def _leaves(get_part: Callable[[int], bytes]) -> Iterator[bytes]:
    offset, part = 0, get_part(0)
    while part:
        offset += len(part)
        # A short part is the last one; a file of one part needs no thread.
        coming = spawn(partial(get_part, offset)) if len(part) == PART_BYTES else None
        for at in range(0, len(part), LEAF_BYTES):
            yield part[at : at + LEAF_BYTES]
        part = coming.result() if coming else b""


def spawn(call: Callable[[], _T]) -> Future[_T]:
    """Start ``call`` in a daemon thread and return its future.

    A thread pool is joined when the process ends, so Ctrl-C would wait for a node that hangs. The call may therefore
    be cut off in the middle, and must do no harm then.
    """
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future
