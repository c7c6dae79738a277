"""What lies where in an export, and the lines of its records. Writer and reader share this."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from registry.core.sealed.origin import Origin
from registry.core.sealed.records import FileRef, Record

MANIFEST, RECORDS, INDEX = "manifest.json", "records.jsonl", "index.html"
MAX_LINE = 3 * 1024 * 1024
MAX_MANIFEST = 256 * 1024 * 1024
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class Member(Struct, frozen=True, forbid_unknown_fields=True):
    """One file of the zip, with its size in bytes and its SHA-256 in hex."""

    path: str
    bytes: Annotated[int, Meta(ge=0)]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class Manifest(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """All members but the manifest itself. ``created_at`` is in unix seconds; ``versions`` counts the lines."""

    created_at: int
    records: int
    versions: int
    members: tuple[Member, ...]
    type: Literal["ConsentExport"] = "ConsentExport"
    version: Literal[1] = 1


class FileNote(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What a line says of a file. The bytes lie in ``files/``, in the member with this SHA-256; keys stay at home."""

    name: str
    media_type: str
    bytes: Annotated[int, Meta(ge=0)]
    sha256: str


class Line(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """One version of a record, as `Record` has it, but for the file."""

    id: str
    counter: int
    home: str | None = None
    category: str | None = None
    schema: str | None = None
    time: str | None = None
    source: str | None = None
    tags: tuple[str, ...] = ()
    body: dict[str, Any] | None = None
    file: FileNote | None = None
    key: str | None = None
    origin: Origin | None = None
    deleted: bool = False


_MEMBERS = tuple(name for name in Line.__struct_fields__ if name != "file")
_encoder = msgspec.json.Encoder(order="sorted")
decode_line = msgspec.json.Decoder(Line).decode
decode_manifest = msgspec.json.Decoder(Manifest).decode


def encode_line(record: Record) -> bytes:
    """Return the line of a version, with its line feed."""
    if record.file is None:
        return _encoder.encode(record) + b"\n"
    file = record.file
    note = FileNote(file.name, file.media_type, file.bytes, file.sha256)
    return _encoder.encode(Line(**{name: getattr(record, name) for name in _MEMBERS}, file=note)) + b"\n"


def record_of(line: Line, file: FileRef | None) -> Record:
    """Return the version that a line holds, with its file where that lies in the record."""
    return Record(**{name: getattr(line, name) for name in _MEMBERS}, file=file)


def file_path(file: FileRef) -> str:
    """Return where a file's bytes lie. The name cannot lead out of the folder, whatever it was."""
    return f"files/{file.sha256[:32]}-{_UNSAFE.sub('_', file.name)[-60:]}"


def csv_path(schema: str) -> str:
    """Return where the table of a schema lies: ``csv/purchase-1.csv``."""
    return f"csv/{_UNSAFE.sub('-', schema)}.csv"


def schema_path(schema: str) -> str:
    """Return where a schema lies: ``schemas/purchase-1.json``."""
    return f"schemas/{_UNSAFE.sub('-', schema)}.json"


def page_path(number: int, category: str) -> str:
    """Return where the page of a category lies. The number keeps two long names apart."""
    return f"pages/{number:03}-{_UNSAFE.sub('-', category)[:60]}.html"
