"""Locks between processes, kept by the system: they end with the process that holds them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def file_lock(path: Path, seconds: float) -> Iterator[None]:
    """Hold the exclusive lock on the file ``path`` (mode 0600, made if missing) while the block runs.

    Wait at most ``seconds`` for it, then raise ``TimeoutError``; ``OSError`` if the file cannot be opened.
    """
    from filelock import FileLock  # imported here: verifying needs no lock

    with FileLock(path, timeout=seconds, mode=0o600):
        yield
