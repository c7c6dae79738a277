"""Imports files of any kind as they are: photos, letters, whatever no other importer reads (file/1)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePath
from stat import S_ISREG
from typing import BinaryIO

from registry.core.media_types import media_type_of
from registry.core.sealed.records import MAX_INLINE_FILE, FileRef
from registry.vault.draft import Draft, FileSource
from registry.vault.importers.base import Defaults, Item, Refused
from registry.vault.importers.keys import FILE_SCHEMA, EqualFacts, fact_key
from registry.vault.importers.times import rfc3339

_MAX_NAME = 200  # bytes: with what a file system adds, at most 255
_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\]|[\ud800-\udfff]")


class FileImporter:
    """Makes one record of one file. ``relative`` is where it lay, below the folder that was imported.

    ``equal`` numbers the equal files of that folder, as those of one file are numbered elsewhere.
    """

    passes = 1

    def __init__(self, path: Path, defaults: Defaults, relative: str = "", equal: EqualFacts | None = None) -> None:
        self._path, self._defaults, self._relative, self._equal = path, defaults, relative, equal or EqualFacts()

    def items(self, source: BinaryIO) -> Iterator[Item]:
        """Yield the draft of the file."""
        said, at = self._defaults, shown_path(self._relative or self._path.name)
        try:
            modified = rfc3339(datetime.fromtimestamp(int(self._path.stat().st_mtime), UTC))
            file = self._file(source)
        except (OSError, ValueError, OverflowError) as error:
            yield Refused(at, None, getattr(error, "strerror", None) or str(error))
            return
        body = {"name": file.name, "dateModified": modified}
        if self._relative and self._relative != file.name:
            body["path"] = at
        key = self._equal.key(fact_key(said.source, FILE_SCHEMA, body, file))
        yield Draft(said.category, FILE_SCHEMA, None, said.source, said.tags, body, file, key, at)

    def _file(self, source: BinaryIO) -> FileRef | FileSource:
        name = safe_name(self._path.name)
        head = source.read(MAX_INLINE_FILE + 1)
        digest, size = hashlib.sha256(head), len(head)
        if size > MAX_INLINE_FILE:
            while piece := source.read(MAX_INLINE_FILE):
                digest.update(piece)
                size += len(piece)
            return FileSource(name, media_type_of(name), size, digest.hexdigest(), lambda: self._path.open("rb"))
        return FileRef(name, media_type_of(name), size, digest.hexdigest(), base64.b64encode(head).decode())


def import_folder(folder: Path, defaults: Defaults) -> Iterator[Item]:
    """Yield a draft for each file below a folder, sorted by path. Links are not followed, and are refused."""
    equal = EqualFacts()
    for path in sorted(folder.rglob("*")):
        relative = str(path.relative_to(folder))
        try:
            if path.is_symlink() or not S_ISREG(path.stat().st_mode):
                if path.is_symlink() or not path.is_dir():
                    yield Refused(shown_path(relative), None, "it is a link, a pipe or a device, and not a file")
                continue
            with path.open("rb") as source:
                yield from FileImporter(path, defaults, relative, equal).items(source)
        except OSError as error:
            yield Refused(shown_path(relative), None, error.strerror or "it cannot be read")


def shown_path(path: str) -> str:
    """Return a relative path as text, with "/" between names that are safe."""
    return "/".join(safe_name(part) for part in PurePath(path).parts)


def safe_name(name: str) -> str:
    """Return a name that no system takes for a path: no slash, no control character, at most 200 bytes."""
    text = _UNSAFE.sub("_", name)
    while len(text.encode()) > _MAX_NAME:
        middle = len(text) // 2
        text = text[: middle - 1] + text[middle:]  # the extension stays
    return text if text.strip(". ") else "_"
