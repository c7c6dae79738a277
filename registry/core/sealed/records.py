"""One version of a record, as a line of a segment holds it."""

from __future__ import annotations

from typing import Any

import msgspec


class FileRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """A file that belongs to a record: its bytes in ``data``, or a file of its own that ``identity`` opens."""

    name: str
    media_type: str
    bytes: int
    sha256: str
    data: str | None = None
    cid: str | None = None
    identity: str | None = None


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """One version of a record. Of two versions of one id, the one with the larger (counter, home) is the newer."""

    id: str
    counter: int
    home: str = ""
    category: str = ""
    schema: str = ""
    time: str = ""
    source: str = ""
    tags: tuple[str, ...] = ()
    body: dict[str, Any] | None = None
    file: FileRef | None = None
    deleted: bool = False
