"""Every list of terms that was ever parsed stayed in a cache of 4,096, whatever its size: 4 MiB for a hostile file."""

from __future__ import annotations

import gc
import tracemalloc

from registry.core.scalars import check_terms
from registry.core.statements.messages import Request
from registry.core.statements.typed_data import struct_hash
from tests.support.builders import CONTROLLER, word

FILES, TERMS = 8, 20_000
MAX_KEPT = 4 * 1024 * 1024


def test_what_is_large_is_forgotten() -> None:
    check_terms(("a:0",), "purposes")
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(FILES):
            terms = tuple(f"a:{number}-{i:05}" for i in range(TERMS))
            struct_hash(Request(CONTROLLER, word(1), terms, terms, "a:" + "x" * 500_000, 1, 2, word(2)))
        del terms
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < MAX_KEPT
