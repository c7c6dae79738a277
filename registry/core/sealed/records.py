"""One version of one record of the personal database, and the file that may belong to it (docs/formats.md)."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

MAX_INLINE_FILE = 1024 * 1024
MAX_BODY = 1024 * 1024
MAX_BODY_DEPTH = 32
MAX_SOURCE = 200
MAX_TAGS = 32
MAX_TAG = 64


class FileRef(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """A file of a record: ``data`` (base64) where it is small, else ``cid`` and the ``identity`` that opens it."""

    name: str
    media_type: str
    bytes: int
    sha256: str
    data: str | None = None
    cid: str | None = None
    identity: str | None = None

    def __repr__(self) -> str:
        # msgspec's default would show the identity.
        return f"FileRef({self.name!r}, {self.media_type!r}, {self.bytes:,} bytes)"


class Record(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """One version of a record. ``deleted`` makes it a tombstone, which has only id, counter and home."""

    id: str
    counter: int
    home: str | None = None
    category: str | None = None
    schema: str | None = None
    time: str | None = None
    source: str | None = None
    tags: tuple[str, ...] = ()
    body: dict[str, Any] | None = None
    file: FileRef | None = None
    deleted: bool = False
