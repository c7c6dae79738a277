"""Writes an export: one zip, as a stream, with a manifest that holds the SHA-256 of each of its members."""

from __future__ import annotations

import binascii
import io
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from registry.core import codec
from registry.core.errors import InvalidInput
from registry.core.sealed.records import FileRef, Record
from registry.fs.streams import PieceReader
from registry.vault.export.layout import (
    MANIFEST,
    RECORDS,
    Manifest,
    Member,
    csv_path,
    encode_line,
    file_path,
    schema_path,
)
from registry.vault.export.pages import Pages
from registry.vault.export.spool import Spool
from registry.vault.export.tables import Tables

Content = Callable[[FileRef], Iterable[bytes]]
_BUFFER = 256 * 1024
_LEVEL = 4  # half the time of the default, for a twentieth more bytes
_FILES = "\0files"  # no schema has this name


class Exported(NamedTuple):
    """How much was written; ``records`` without the deleted ones."""

    records: int
    versions: int
    files: int


def write_export(
    sink: BinaryIO,
    versions: Iterable[Record],
    schemas: Mapping[str, bytes],
    content: Content,
    created_at: int,
    folder: Path,
    language: str = "en",
) -> Exported:
    """Write the zip. The versions of one record follow each other, the oldest first.

    ``schemas`` are those of the records, by name. ``content`` yields the opened bytes of a file that does not lie in
    its record. ``folder`` is where the zip is written, and where its temporary file may lie; the zip is plain text, so
    the caller chose a place for it. Use `fs.files.replacing`, so that it appears whole or not at all.
    """
    with Spool(folder) as spool, ZipFile(sink, "w", ZIP_DEFLATED, compresslevel=_LEVEL) as packed:
        archive = _Archive(packed, created_at)
        tables, pages, files = Tables(spool, schemas), Pages(), _Files(spool, content)
        with archive.member(RECORDS) as write:
            records, lines = _write_records(versions, write, tables, pages, files)
        for schema in (name for name in spool.names if name != _FILES):
            archive.add(csv_path(schema), spool.read(schema))
        for path, pieces in files.contents():
            archive.add(path, pieces, is_packed=True)
        for schema, document in sorted(schemas.items()):
            archive.add(schema_path(schema), [document])
        for path, page in pages.render(created_at, language):
            archive.add(path, [page])
        archive.finish(Manifest(created_at, records, lines, tuple(archive.members)))
        return Exported(records, lines, len(files.known))


def _write_records(
    versions: Iterable[Record], write: Callable[[bytes], None], tables: Tables, pages: Pages, files: _Files
) -> tuple[int, int]:
    records = lines = 0
    for _, group in groupby(versions, key=lambda record: record.id):
        newest = None
        for version in group:
            if newest and (newest.counter, newest.home or "") >= (version.counter, version.home or ""):
                raise InvalidInput(f"the versions of {version.id} do not stand in their order")
            newest = version
            write(encode_line(version))
            lines += 1
            if version.file:
                files.note(version.file)
        if newest and not newest.deleted:
            tables.add(newest)
            pages.add(newest)
            records += 1
    return records, lines


class _Files:
    """The files of all versions, each content once. Those that lie in records wait in the spool."""

    def __init__(self, spool: Spool, content: Content) -> None:
        self.known: set[bytes] = set()
        self._spool, self._content = spool, content
        self._inline: list[tuple[str, int]] = []
        self._sealed: list[FileRef] = []

    def note(self, file: FileRef) -> None:
        digest = bytes.fromhex(file.sha256)
        if digest in self.known:
            return
        self.known.add(digest)
        if file.data is None:
            self._sealed.append(file)
            return
        content = binascii.a2b_base64(file.data)
        self._spool.write(_FILES, content)
        self._inline.append((file_path(file), len(content)))

    def contents(self) -> Iterator[tuple[str, Iterable[bytes]]]:
        waiting = io.BufferedReader(PieceReader(self._spool.read(_FILES)))
        for path, size in self._inline:
            yield path, [waiting.read(size)]
        for file in self._sealed:
            yield file_path(file), self._content(file)


class _Archive:
    """A zip that is being written, and the sizes and hashes of what it holds so far."""

    def __init__(self, packed: ZipFile, created_at: int) -> None:
        self._packed, self.members = packed, list[Member]()
        # A zip knows the years from 1980, in two-second steps, without a zone.
        year, *rest = time.gmtime(max(created_at, 315_532_800))[:6]
        self._date = (min(year, 2107), *rest)

    @contextmanager
    def member(self, path: str, *, is_packed: bool = False) -> Iterator[Callable[[bytes], None]]:
        info = ZipInfo(path, self._date)  # type: ignore[arg-type]
        info.compress_type = ZIP_STORED if is_packed else ZIP_DEFLATED
        info._compresslevel = _LEVEL  # type: ignore[attr-defined]
        info.external_attr = 0o600 << 16
        digest, size, waiting = sha256(), 0, bytearray()
        with self._packed.open(info, "w", force_zip64=True) as raw:

            def flush() -> None:
                nonlocal size
                digest.update(waiting)
                raw.write(waiting)
                size += len(waiting)
                waiting.clear()

            def write(piece: bytes) -> None:
                waiting.extend(piece)
                if len(waiting) >= _BUFFER:
                    flush()

            yield write
            flush()
        self.members.append(Member(path, size, digest.hexdigest()))

    def add(self, path: str, pieces: Iterable[bytes], *, is_packed: bool = False) -> None:
        with self.member(path, is_packed=is_packed) as write:
            for piece in pieces:
                write(piece)

    def finish(self, manifest: Manifest) -> None:
        self.add(MANIFEST, [codec.encode(manifest)])
