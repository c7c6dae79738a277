"""Many growing texts in one temporary file: a zip can be written one member at a time only."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

_BLOCK = 256 * 1024


class Spool:
    """Appends bytes to names, and reads each name's bytes in their order. It lies where the export will lie.

    The file has no name, so that it is gone with the process. It holds what the export holds, and no key.
    """

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - __exit__ closes it
        self._waiting: dict[str, list[bytes]] = {}
        self._sizes: dict[str, int] = {}
        self._blocks: dict[str, list[tuple[int, int]]] = {}

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    @property
    def names(self) -> list[str]:
        """The names, sorted."""
        return sorted(self._waiting)

    def write(self, name: str, content: bytes) -> None:
        """Append to what has this name."""
        self._waiting.setdefault(name, []).append(content)
        self._sizes[name] = size = self._sizes.get(name, 0) + len(content)
        if size >= _BLOCK:
            self._flush(name)

    def _flush(self, name: str) -> None:
        block = b"".join(self._waiting[name])
        self._blocks.setdefault(name, []).append((self._file.seek(0, 2), len(block)))
        self._file.write(block)
        self._waiting[name], self._sizes[name] = [], 0

    def read(self, name: str) -> Iterator[bytes]:
        """Yield all that was written to this name."""
        for offset, size in self._blocks.get(name, []):
            self._file.seek(offset)
            yield self._file.read(size)
        yield b"".join(self._waiting.get(name, []))
