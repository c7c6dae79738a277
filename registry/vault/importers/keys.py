"""Keys that recognise a fact in a later file, and identities that recognise what a fact is about.

Both are made from what a record keeps (source, schema, body, file), never from the line that it stood in. So another
delimiter, encoding or order of the columns changes no key, and a lost list of keys can be made again.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from hashlib import sha256
from typing import Any

import msgspec

from registry.core.sealed.records import MAX_BODY, FileRef, Record
from registry.vault.draft import FileSource

FILE_SCHEMA = "file/1"
_FACT, _SAME, _IDENTITY, _VERSION = (
    b"ConsentRegistry/1/import/" + name + b"\0" for name in (b"fact", b"same", b"identity", b"version")
)
_RECENT = 2**18
_encoder = msgspec.json.Encoder(order="sorted")


def fact_key(
    source: str | None, schema: str, body: dict[str, Any] | None, file: FileRef | FileSource | None = None
) -> bytes:
    """Return the key of the first such fact in a file.

    The body holds the time, so the time is not repeated. ``ValueError`` for a body larger than a record may have;
    ``UnicodeEncodeError`` where its text is no valid Unicode.
    """
    if schema == FILE_SCHEMA:
        body = None  # a copy of a file has another date, and is the same file
    named = [file.name, file.sha256] if file else None
    encoded = _encoder.encode([source or "", schema, body, named])
    if len(encoded) > MAX_BODY:
        raise ValueError(f"the record is larger than {MAX_BODY:,} bytes")
    return sha256(_FACT + encoded).digest()


def identity_key(source: str | None, schema: str, *names: str) -> bytes:
    """Return the identity of what these names name in this source, such as a calendar's UID."""
    return sha256(_IDENTITY + _encoder.encode([source or "", schema, *names])).digest()


def version_key(record: Record) -> bytes:
    """Return the key of one version of a record, whose id, counter and home name it everywhere."""
    return sha256(_VERSION + _encoder.encode([record.id, record.counter, record.home])).digest()


class EqualFacts:
    """Numbers the equal facts of one file.

    Two equal lines of one file are two facts: a person who buys two tickets one after the other bought two. So the
    second one's key holds the number 1. The next export holds both lines again, and both are recognised.
    """

    def __init__(self) -> None:
        self._recent: set[bytes] = set()
        self._older: list[array[int]] = []
        self._again: dict[bytes, int] = {}

    def key(self, fact: bytes) -> bytes:
        """Return the key of one more fact with this `fact_key`."""
        short = fact[:8]
        if short not in self._recent and not (self._older and self._is_older(int.from_bytes(short))):
            self._recent.add(short)
            if len(self._recent) >= _RECENT:
                self._pack()
            return fact
        number = self._again[fact] = self._again.get(fact, 0) + 1
        return sha256(_SAME + fact + number.to_bytes(8)).digest()

    def _pack(self) -> None:
        # 8 bytes a fact in place of 80: a set of millions of numbers would fill the memory.
        self._older.append(array("Q", sorted(map(int.from_bytes, self._recent))))
        self._recent.clear()

    def _is_older(self, short: int) -> bool:
        return any((at := bisect_left(each, short)) < len(each) and each[at] == short for each in self._older)
