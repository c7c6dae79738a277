"""Byte streams over iterators."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, BinaryIO

from registry.core.age.stream import read_into


class PieceReader(io.RawIOBase):
    """Reads an iterator of byte pieces as one stream. Each piece is copied out before the next is asked for."""

    def __init__(self, pieces: Iterator[bytes | memoryview]) -> None:
        self._pieces, self._rest = pieces, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest and (piece := next(self._pieces, None)) is not None:
            self._rest = memoryview(piece)
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


class CountingReader(io.RawIOBase):
    """Reads another stream, which may be a pipe, and counts its bytes."""

    def __init__(self, source: BinaryIO) -> None:
        self._source, self.count = source, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        got = read_into(self._source, buffer)
        self.count += got
        return got
