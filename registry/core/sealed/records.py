"""A record of the personal database: one version of one fact, and one line of a segment."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from registry.core.errors import Malformed

MAX_BODY = 1024 * 1024
MAX_DEPTH = 32
MAX_SOURCE = 200
MAX_TAGS = 32
MAX_TAG = 64

Tag = Annotated[str, Meta(min_length=1, max_length=MAX_TAG)]


class FileRef(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """A record's file: ``data`` (base64) holds it, or ``cid`` and ``identity`` lead to where it was sealed once."""

    name: str
    media_type: str
    bytes: Annotated[int, Meta(ge=0)]
    sha256: Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
    data: str | None = None
    cid: str | None = None
    identity: str | None = None

    def __post_init__(self) -> None:
        sealed = self.cid is not None and self.identity is not None
        if (self.data is not None) == sealed or (self.cid is None) != (self.identity is None):
            raise Malformed("a file has either data, or a cid and an identity")

    def __repr__(self) -> str:
        return f"FileRef({self.name!r}, {self.media_type!r}, {self.bytes:,} bytes)"


class Record(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """One version. Of two versions of one ``id`` the one with the larger (counter, home) is the newer."""

    id: Annotated[str, Meta(min_length=32, max_length=36)]
    counter: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    home: Annotated[str, Meta(pattern=r"\A[0-9a-f]{16}\Z")] | None = None
    category: str | None = None
    schema: str | None = None
    time: str | None = None
    source: Annotated[str, Meta(max_length=MAX_SOURCE)] | None = None
    tags: Annotated[tuple[Tag, ...], Meta(max_length=MAX_TAGS)] = ()
    body: dict[str, Any] | None = None
    file: FileRef | None = None
    deleted: bool = False

    def __post_init__(self) -> None:
        facts = (self.category, self.schema, self.time)
        if self.deleted and (any(facts) or self.source or self.tags or self.body is not None or self.file):
            raise Malformed("a deleted record holds nothing but its id, counter and home")
        if not self.deleted and None in facts:
            raise Malformed("a record needs a category, a schema and a time")
