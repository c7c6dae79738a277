"""Keeps the logs of programs that write without end short, and reads their last lines."""

from __future__ import annotations

import os
from pathlib import Path

from registry.ledger.anvil import ROUTINE

MAX_LOG_BYTES = 1 << 20
_NOISE = frozenset(name.encode() for name in ROUTINE)


def shorten(log: Path, limit: int = MAX_LOG_BYTES) -> None:
    """Keep the end of a log that has grown over ``limit`` bytes, without the lines that watching the devnet adds.

    The file changes in place, because the program that writes it keeps it open for appending.
    """
    if not log.exists() or log.stat().st_size <= limit:
        return
    with log.open("r+b") as file:
        kept = b"".join(line for line in file.read().splitlines(keepends=True) if line.strip() not in _NOISE)
        if len(kept) > limit // 2:
            kept = kept[-limit // 2 :].partition(b"\n")[2]
        os.ftruncate(file.fileno(), 0)
        file.seek(0)
        file.write(kept)


class Tail:
    """Reads the end of a log: its last ``count`` lines at first, then each new line."""

    def __init__(self, log: Path, count: int) -> None:
        self._log, self._count = log, count
        self._position: int | None = None

    def new(self) -> list[str]:
        """Return the whole lines that were not read yet, without empty ones and noise; none if there is no file."""
        if not self._log.exists():
            return []
        with self._log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            first = self._position is None
            # After `shorten` the file ends before our position. What it keeps was read before.
            file.seek(max(size - MAX_LOG_BYTES, 0) if self._position is None else min(self._position, size))
            lines = file.read().splitlines(keepends=True)
            if lines and not lines[-1].endswith(b"\n"):
                file.seek(-len(lines.pop()), os.SEEK_CUR)
            self._position = file.tell()
        useful = [line.rstrip() for line in lines if line.strip() and line.strip() not in _NOISE]
        return [line.decode(errors="replace") for line in (useful[-self._count :] if first else useful)]
