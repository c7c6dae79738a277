"""Work on very many records, during which Python looks for cyclic garbage less often."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Records hold no cycles, but 16,384 of them wait for each segment, and every look goes over all of them: with the
# usual threshold of 700 an import takes a sixth longer.
_OBJECTS = 200_000
_lock, _running, _usual = threading.Lock(), 0, gc.get_threshold()


@contextmanager
def rarely_collecting() -> Iterator[None]:
    """Look only after 200,000 new objects, until the last of all threads that do so has left."""
    global _running, _usual
    with _lock:
        if not _running:
            _usual = gc.get_threshold()
            # A threshold of 0 means that somebody has switched it off.
            gc.set_threshold(max(_usual[0], _OBJECTS) if _usual[0] else 0, *_usual[1:])
        _running += 1
    try:
        yield
    finally:
        with _lock:
            _running -= 1
            if not _running:
                gc.set_threshold(*_usual)
