"""Takes an export of ours back: every version of every record, with its files, and the schemas.

Nothing is unpacked to the disk. Before the first record is yielded, the whole zip is compared with its manifest.
"""

from __future__ import annotations

import base64
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import BinaryIO, NamedTuple, cast
from zipfile import BadZipFile, ZipFile

import msgspec

from registry.core.errors import InvalidInput, Malformed
from registry.core.sealed.records import MAX_BODY_DEPTH, MAX_INLINE_FILE, FileRef
from registry.vault.draft import FileSource
from registry.vault.export.layout import (
    MANIFEST,
    MAX_LINE,
    MAX_MANIFEST,
    RECORDS,
    FileNote,
    Line,
    Manifest,
    Member,
    decode_line,
    decode_manifest,
    record_of,
    schema_path,
)
from registry.vault.importers.base import GivenSchema, Item, Refused, Restored
from registry.vault.importers.json_text import depth_of
from registry.vault.importers.keys import version_key
from registry.vault.schemas.schemas import builtin_names

_CHUNK = 256 * 1024
_MAX_SCHEMA = 1024 * 1024
_PATH = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*")
# End records of a zip: APPNOTE.TXT, sections 4.3.16, 4.3.15 and 4.3.14.
_END, _LOCATOR, _END64 = struct.Struct("<4s4H2IH"), struct.Struct("<4sIQI"), struct.Struct("<4sQ2H2I4Q")
_BROKEN = (BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError, struct.error)


class Limits(NamedTuple):
    """How many bytes an export may unpack to, counted as they are read, and how many members it may have."""

    bytes: int = 16 * 1024**3
    members: int = 500_000


DEFAULT_LIMITS = Limits()


class _Wrong(Exception):
    """The export is damaged or hostile: where, and why."""

    def __init__(self, at: str, why: str) -> None:
        super().__init__(at, why)
        self.refused = Refused(at[:200], None, why)


class ExportImporter:
    """Reads exports. Files are opened from ``source`` later on, so it has to stay open until all is stored."""

    passes = 2

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits

    def items(self, source: BinaryIO) -> Iterator[Item]:
        """Yield the person's own schemas, then each version, in their order. One damaged member refuses all of it."""
        try:
            with _opened(source, self._limits) as (packed, manifest):
                for member in manifest.members:
                    _check_member(packed, member)
                yield from _own_schemas(packed, manifest)
                files = {member.sha256: member for member in manifest.members if member.path.startswith("files/")}
                yield from _restored(packed, manifest, files)
        except _Wrong as wrong:
            yield wrong.refused


def _own_schemas(packed: ZipFile, manifest: Manifest) -> Iterator[GivenSchema]:
    """Yield the schemas that do not ship with the package, lower versions first."""
    builtin = {schema_path(name) for name in builtin_names()}
    found = [each for each in manifest.members if each.path.startswith("schemas/") and each.path not in builtin]
    # Of two versions, the longer path is the later one: versions have no leading zeros.
    for member in sorted(found, key=lambda each: (len(each.path), each.path)):
        yield GivenSchema(_whole(packed, member, _MAX_SCHEMA))


@contextmanager
def _opened(source: BinaryIO, limits: Limits) -> Iterator[tuple[ZipFile, Manifest]]:
    try:
        _check_count(source, limits.members)
        # It is left open: a file of a record is read from it when that record is stored.
        packed = ZipFile(source)
    except _BROKEN as error:
        raise _Wrong("the export", f"it is not a whole zip: {str(error)[:100]}") from None
    yield packed, _manifest(packed, limits)


def _check_count(source: BinaryIO, most: int) -> None:
    """Read how many members there are, before ``zipfile`` makes an object for each."""
    source.seek(0, 2)
    start = max(0, source.tell() - 65_536 - _END.size - _LOCATOR.size)
    source.seek(start)
    tail = source.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0:
        raise BadZipFile("its end is missing; was it cut?")
    count: int = _END.unpack_from(tail, at)[4]
    if at >= _LOCATOR.size and tail[at - _LOCATOR.size :].startswith(b"PK\6\7"):
        source.seek(_LOCATOR.unpack_from(tail, at - _LOCATOR.size)[2])
        count = max(count, _END64.unpack(source.read(_END64.size))[7])
    if count > most:
        raise BadZipFile(f"it has {count:,} members, and {most:,} are allowed")


def _manifest(packed: ZipFile, limits: Limits) -> Manifest:
    names = packed.namelist()
    if len(set(names)) != len(names) or len(names) > limits.members:
        raise _Wrong("the export", "a name stands twice in it, or it has too many members")
    if unsafe := next((name for name in names if not _PATH.fullmatch(name)), None):
        raise _Wrong(repr(unsafe), "such a path could lead out of the folder")
    if MANIFEST not in names:
        raise _Wrong(MANIFEST, "it is missing; this zip is no export, or was cut")
    raw = b"".join(_pieces(packed, MANIFEST, MAX_MANIFEST))
    try:
        manifest = decode_manifest(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _Wrong(MANIFEST, f"it is malformed: {str(error)[:150]}") from None
    paths = [member.path for member in manifest.members]
    if differing := sorted({*paths, MANIFEST} ^ set(names)):
        raise _Wrong(differing[0], "it stands only in the zip, or only in its manifest")
    if len(set(paths)) != len(paths) or RECORDS not in paths:
        raise _Wrong(MANIFEST, "a member stands twice in it, or there are no records")
    if (total := sum(member.bytes for member in manifest.members)) > limits.bytes:
        raise _Wrong(MANIFEST, f"the export unpacks to {total:,} bytes, and {limits.bytes:,} are allowed")
    return manifest


def _check_member(packed: ZipFile, member: Member) -> None:
    digest, size = sha256(), 0
    for piece in _pieces(packed, member.path, member.bytes):
        digest.update(piece)
        size += len(piece)
    if (size, digest.hexdigest()) != (member.bytes, member.sha256):
        raise _Wrong(member.path, "its bytes are not those of the manifest; it was damaged or altered")


def _pieces(packed: ZipFile, path: str, most: int) -> Iterator[bytes]:
    try:
        with packed.open(path) as raw:
            size = 0
            while piece := raw.read(_CHUNK):
                size += len(piece)
                if size > most:
                    raise _Wrong(path, f"it unpacks to more than {most:,} bytes")
                yield piece
    except _BROKEN as error:
        raise _Wrong(path, f"it cannot be unpacked: {str(error)[:100]}") from None


def _whole(packed: ZipFile, member: Member, most: int) -> bytes:
    if member.bytes > most:
        raise _Wrong(member.path, f"it is larger than {most:,} bytes")
    return b"".join(_pieces(packed, member.path, member.bytes))


def _restored(packed: ZipFile, manifest: Manifest, files: dict[str, Member]) -> Iterator[Item]:
    number = 0
    for number, raw in enumerate(_lines(packed), 1):
        yield _item(packed, raw, f"line {number}", files)
    if number != manifest.versions:
        yield Refused(RECORDS, None, f"it has {number:,} lines, and the manifest says {manifest.versions:,}")


def _lines(packed: ZipFile) -> Iterator[bytes]:
    try:
        with packed.open(RECORDS) as lines:
            yield from iter(lambda: lines.readline(MAX_LINE + 1), b"")
    except _BROKEN as error:
        # All of it could be read a moment ago.
        message = f"the export changed while it was read: {str(error)[:100]}"
        raise InvalidInput(message, "Nothing was imported. Import it again.") from None


def _item(packed: ZipFile, raw: bytes, at: str, files: dict[str, Member]) -> Item:
    if len(raw) > MAX_LINE or depth_of(raw) > MAX_BODY_DEPTH + 1:
        return Refused(at, None, "it is too long, or nests too deeply")
    try:
        line = decode_line(raw)
        inline, large = _file(packed, line, files)
        if large is not None and line.body is None:
            # Until its file is sealed, a record of a file alone has nothing in it. An empty body stands for it.
            line = msgspec.structs.replace(line, body={})
        record = record_of(line, inline)
        return Restored(record, large, version_key(record), at)
    except _Wrong as wrong:
        return Refused(at, "file", wrong.refused.why)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, Malformed) as error:
        return Refused(at, None, str(error)[:200])


def _file(packed: ZipFile, line: Line, files: dict[str, Member]) -> tuple[FileRef | None, FileSource | None]:
    note = line.file
    if note is None:
        return None, None
    member = files.get(note.sha256)
    if member is None or member.bytes != note.bytes:
        raise _Wrong("", "its content is not in the export")
    if note.bytes > MAX_INLINE_FILE:
        return None, _source(packed, note, member.path)
    data = base64.b64encode(b"".join(_pieces(packed, member.path, member.bytes))).decode()
    return FileRef(note.name, note.media_type, note.bytes, note.sha256, data), None


def _source(packed: ZipFile, note: FileNote, path: str) -> FileSource:
    def opened() -> BinaryIO:
        return cast(BinaryIO, packed.open(path))

    return FileSource(note.name, note.media_type, note.bytes, note.sha256, opened)
