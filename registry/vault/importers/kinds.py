"""Which importer reads a file: by its first bytes, and where they do not say, by the end of its name."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Literal

FileKind = Literal["csv", "json", "json-lines", "calendar", "contacts", "zip", "other"]
_ENDS: dict[str, FileKind] = {
    ".csv": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "json-lines", ".ndjson": "json-lines", ".ics": "calendar",
    ".ical": "calendar", ".vcf": "contacts", ".vcard": "contacts",
}  # fmt: skip
_BEGIN = re.compile(rb"\s*BEGIN:(VCALENDAR|VCARD)\s", re.IGNORECASE)


def kind_of(name: str, head: bytes) -> FileKind:
    """Return the kind of a file with this name that begins with these bytes. "zip" may be an export of ours."""
    if head.startswith(b"PK\x03\x04"):
        return "zip" if PurePath(name).suffix.lower() in (".zip", "") else "other"
    # In UTF-16 every second byte of these words is zero.
    if begin := _BEGIN.match(head.lstrip(b"\xef\xbb\xbf\xff\xfe").replace(b"\0", b"")):
        return "calendar" if begin[1].upper() == b"VCALENDAR" else "contacts"
    return _ENDS.get(PurePath(name).suffix.lower(), "other")
