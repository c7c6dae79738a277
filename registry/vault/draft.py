"""What an importer or a person gives before it becomes a record."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from registry.core.sealed.records import FileRef


class Draft(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A fact that was not checked yet, as `Schemas.check` checks it.

    ``key`` recognises the same fact in next month's export: SHA-256 over what identifies it. ``identity`` recognises
    the same thing after a change (a calendar's UID). ``at`` says where it stood, for messages: "line 12".
    """

    category: str
    schema: str
    time: str | None = None
    source: str | None = None
    tags: tuple[str, ...] = ()
    body: dict[str, Any] | None = None
    file: FileRef | None = None
    key: bytes = b""
    at: str = ""
    identity: bytes | None = None
