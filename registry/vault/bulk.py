"""Work on very many records: in batches, while Python looks for cyclic garbage less often."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import msgspec

from registry.core.sealed.records import Record
from registry.core.sealed.segments import MAX_RECORDS
from registry.vault.changes import Change

# Records hold no cycles, but 16,384 of them wait for each segment, and every look goes over all of them: with the
# usual threshold of 700 an import takes a sixth longer.
_OBJECTS = 200_000
# So many bytes of one category wait for a segment at most.
_MOST_WAITING = 32 << 20
_encode = msgspec.json.Encoder().encode
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


def add_all(change: Change, made: Iterable[tuple[str, Record]]) -> bool:
    """Seal versions, each given with its category; return whether there were any.

    Memory holds a segment of each category.
    """
    is_any = False
    for category, records in _batches(made):
        change.add(category, records)
        is_any = True
    return is_any


def _batches(made: Iterable[tuple[str, Record]]) -> Iterator[tuple[str, list[Record]]]:
    waiting, weights = dict[str, list[Record]](), dict[str, int]()
    for category, record in made:
        waiting.setdefault(category, []).append(record)
        weights[category] = weights.get(category, 0) + _weight(record)
        if len(waiting[category]) == MAX_RECORDS or weights[category] >= _MOST_WAITING:
            yield category, waiting.pop(category)
            del weights[category]
    yield from waiting.items()


def _weight(record: Record) -> int:
    file = len(record.file.data or "") if record.file else 0
    return file + len(_encode(record.body))
