"""Progress on large files: bytes are counted as they are read and as they are stored."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from registry.cli.ui.output import Output
from registry.core.ipld.cid import Block
from registry.storage.base import BlockStore, Names

SECONDS = 0.2
SECONDS_OF_LINES = 2.0  # with -v, every line stays on the screen
_MEGA = 1_000_000


class Rate:
    """Shows "WHAT: 12 of 500 MB, 85 MB/s" now and then, as bytes arrive; ``total`` in bytes, 0 if unknown."""

    def __init__(self, out: Output, what: str, total: int) -> None:
        self._out, self._what, self._total = out, what, total
        self._pause = SECONDS_OF_LINES if out.verbosity else SECONDS
        self._done = 0
        self._began = self._said = time.monotonic()

    def __call__(self, count: int) -> None:
        self._done += count
        now = time.monotonic()
        if now - self._said >= self._pause:
            self._said = now
            whole = f" of {self._total / _MEGA:,.0f}" if self._total else ""
            speed = self._done / _MEGA / (now - self._began)
            self._out.progress(f"{self._what}: {self._done / _MEGA:,.0f}{whole} MB, {speed:,.0f} MB/s")


def open_counted(file: Path, told: Callable[[int], None]) -> BinaryIO:
    """Open the file for reading; ``told`` gets the number of bytes of each read."""
    return io.BufferedReader(_Counted(file, told))


class _Counted(io.FileIO):
    def __init__(self, file: Path, told: Callable[[int], None]) -> None:
        super().__init__(file)
        self._told = told

    def readinto(self, buffer: Any) -> int | None:
        count = super().readinto(buffer)
        self._told(count or 0)
        return count


class CountedSink(io.RawIOBase):
    """A file to write to; ``told`` gets the number of bytes of each write. Closing it leaves the file open."""

    def __init__(self, sink: BinaryIO, told: Callable[[int], None]) -> None:
        self._sink, self._told = sink, told

    def writable(self) -> bool:
        """As `io.IOBase` says."""
        return True

    def seekable(self) -> bool:
        """As `io.IOBase` says."""
        return self._sink.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As `io.IOBase` says."""
        return self._sink.seek(offset, whence)

    def tell(self) -> int:
        """As `io.IOBase` says."""
        return self._sink.tell()

    def write(self, data: Any) -> int:
        """As `io.RawIOBase` says."""
        taken = self._sink.write(data)
        self._told(taken)
        return taken


class CountedStore:
    """A BlockStore that reports the bytes of each put. It has names where its store has them."""

    def __init__(self, store: BlockStore, told: Callable[[int], None]) -> None:
        self._store, self._told = store, told
        self.get, self.reader, self.has = store.get, store.reader, store.has
        self.delete, self.stat = store.delete, store.stat
        if isinstance(store, Names):
            # Without them a vault takes itself for the only home, and erases what others name.
            self.names, self.set_name = store.names, store.set_name

    def put(self, blocks: Iterable[Block], *, public: bool = False) -> None:
        """As the protocol says."""
        self._store.put(self._each(blocks), public=public)

    def _each(self, blocks: Iterable[Block]) -> Iterator[Block]:
        for block in blocks:
            yield block
            self._told(len(block.data))
