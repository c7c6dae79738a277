"""A bound on the memory that code under test leaves behind."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def memory_stays_below(limit: int) -> Iterator[None]:
    """Fail unless less than ``limit`` bytes that were allocated inside are still held at the end."""
    gc.collect()
    tracemalloc.start()
    try:
        yield
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < limit


@contextmanager
def memory_peaks_below(limit: int) -> Iterator[None]:
    """Fail unless at every moment less than ``limit`` bytes that were allocated inside were held."""
    gc.collect()
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < limit, f"{peak:,} bytes"
