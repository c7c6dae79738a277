"""What an importer, or a person, gives before it becomes a record."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from msgspec import Struct

from registry.core.errors import InvalidInput
from registry.core.sealed.origin import Origin
from registry.core.sealed.records import FileRef

_PIECE = 1024 * 1024


class FileSource(Struct, frozen=True):
    """A file too large to stand in its record. ``open`` opens its bytes, which have this size and SHA-256 (hex)."""

    name: str
    media_type: str
    bytes: int
    sha256: str
    open: Callable[[], BinaryIO]


def pieces_of(file: FileSource) -> Iterator[bytes]:
    """Yield the bytes of a file; ``InvalidInput`` at the end if they are no longer those that were hashed."""
    digest, size = hashlib.sha256(), 0
    with file.open() as source:
        while piece := source.read(_PIECE):
            digest.update(piece)
            size += len(piece)
            yield piece
    if (size, digest.hexdigest()) != (file.bytes, file.sha256):
        raise InvalidInput(f"{file.name!r} changed while it was read", "Import it again.")


class Draft(Struct, frozen=True):
    """One fact, not yet a record.

    ``key`` recognises the same fact in next month's export (32 bytes). ``identity``, where the format has one, names
    the thing that the fact is about (the UID of an event or a contact): the same identity with another key is an edit
    of that record. ``at`` says where it stood, such as "line 12". ``time`` is None where the body has it. ``origin`` is
    set where a brand sent it.
    """

    category: str
    schema: str
    time: str | None = None
    source: str | None = None
    tags: tuple[str, ...] = ()
    body: dict[str, Any] | None = None
    file: FileRef | FileSource | None = None
    key: bytes = b""
    at: str = ""
    identity: bytes | None = None
    origin: Origin | None = None
