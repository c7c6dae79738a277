"""What every importer does: it reads one file from its start, in bounded memory, and yields items.

A new format needs one class with ``items``, and a line in registry/vault/importers/detect.py.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple, Protocol

import msgspec
from msgspec import Struct

from registry.core.age.stream import read_into
from registry.core.sealed.records import FileRef, Record
from registry.vault.draft import Draft, FileSource

CHUNK = 256 * 1024
# A batch ends at this many bytes of bodies and files, so that large files do not pile up in memory.
MAX_BATCH_BYTES = 16 * 1024 * 1024


class Refused(NamedTuple):
    """Something that was not taken: where it stood ("line 12"), which member is wrong, if one is, and why."""

    at: str
    member: str | None
    why: str

    def __str__(self) -> str:
        return f"{self.at}: {self.member}: {self.why}" if self.member else f"{self.at}: {self.why}"


class Told(NamedTuple):
    """Something about the file that its owner should know. It refuses nothing."""

    text: str


class Restored(NamedTuple):
    """A version of a record as an export holds it, with its own id and counter; ``file`` where that is large."""

    record: Record
    file: FileSource | None
    key: bytes
    at: str


class GivenSchema(NamedTuple):
    """A schema of the person's own that an export brings. It comes before the records that fit it."""

    raw: bytes


Item = Draft | Restored | Refused | Told | GivenSchema


class Defaults(Struct, frozen=True):
    """What the person says about all records of a file."""

    schema: str
    category: str
    source: str | None = None
    tags: tuple[str, ...] = ()


class Importer(Protocol):
    """Reads one kind of file. ``passes`` says how often it reads all of it, for the progress."""

    passes: int

    def items(self, source: BinaryIO) -> Iterator[Item]:
        """Yield what is in the file. Bad input is a ``Refused``, never an exception."""
        ...


class Reading:
    """One reading of a file that can be sought in, from its start; it counts how far it is, for the progress."""

    def __init__(self, importer: Importer, source: BinaryIO) -> None:
        self.size = source.seek(0, io.SEEK_END)
        source.seek(0)
        self._importer, self._counted = importer, _Counted(source)

    def __iter__(self) -> Iterator[Item]:
        yield from self._importer.items(io.BufferedReader(self._counted, CHUNK))

    @property
    def bytes_read(self) -> int:
        """How many of ``size`` bytes are done."""
        return min(self._counted.count // self._importer.passes, self.size)


class _Counted(io.RawIOBase):
    """Counts the bytes that are read, and does not close what it reads from."""

    def __init__(self, source: BinaryIO) -> None:
        self._source, self.count = source, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._source.seek(offset, whence)

    def tell(self) -> int:
        return self._source.tell()

    def readinto(self, buffer: Any) -> int:
        got = read_into(self._source, buffer)
        self.count += got
        return got


def batches(items: Iterable[Item], count: int, most: int = MAX_BATCH_BYTES) -> Iterator[list[Item]]:
    """Yield lists of at most ``count`` items. A list ends earlier when it holds ``most`` bytes."""
    batch: list[Item] = []
    weight = 0
    for item in items:
        batch.append(item)
        weight += _weight(item)
        if len(batch) >= count or weight >= most:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch


def _weight(item: Item) -> int:
    if isinstance(item, Refused | Told | GivenSchema):
        return 0
    fact = item.record if isinstance(item, Restored) else item
    inline = len(fact.file.data or "") if isinstance(fact.file, FileRef) else 0
    return inline + len(msgspec.json.encode(fact.body))
