"""Locks between processes. The operating system releases them when their process ends."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path


def file_lock(path: Path, seconds: float) -> AbstractContextManager[object]:
    """Lock the file ``path`` (mode 0600, made if missing) now; the result releases it at the end of a ``with``.

    ``TimeoutError`` if others hold it for ``seconds``; ``OSError`` if the file cannot be opened.
    """
    from filelock import FileLock  # imported here: verifying needs no lock

    return FileLock(path, mode=0o600).acquire(timeout=seconds)
