"""The records of one opened bundle: a line of JSON for each that is alive, and their files beside it."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import msgspec
from msgspec import Struct

from registry.core.errors import DamagedSeal, InvalidInput
from registry.core.instants import microseconds
from registry.core.sealed.bundles import FILE, View
from registry.core.sealed.records import FileRef, Record, file_data
from registry.vault.views import is_in

# Bytes; a file's name has at most 255.
MAX_OWN_NAME = 120


class LineFile(Struct, frozen=True, rename="camel"):
    """A record's file. ``path`` is relative to the folder of the grant."""

    name: str
    media_type: str
    bytes: int
    sha256: str
    path: str


class _Line(Struct, frozen=True, omit_defaults=True):
    id: str
    schema: str
    time: str
    source: str | None = None
    tags: tuple[str, ...] = ()
    body: dict[str, Any] | None = None
    file: LineFile | None = None
    # The brand's own name for a record that it sent itself.
    origin: str | None = None


class _KnownLine(Struct, frozen=True):
    """What an update needs of a line that was written before."""

    id: str
    time: str
    file: LineFile | None = None


class NewFile(NamedTuple):
    """A file that has to be written: from ``start`` of the spool, or from where ``sealed`` says."""

    line: LineFile
    start: int
    sealed: FileRef | None


# When a record happened, and where its line lies in the spool: its start and its length.
_Place = tuple[int, int, int]

_encode = msgspec.json.Encoder().encode
_known_lines = msgspec.json.Decoder(_KnownLine)


class BundleLines:
    """The newest versions of a bundle's records. Their lines lie in ``spool``; memory holds their ids and places.

    ``counters`` has the counters of records that are not at their first version, ``removed`` those of tombstones.
    """

    def __init__(
        self, view: View, folder: str, spool: BinaryIO, counters: dict[str, int], removed: dict[str, int]
    ) -> None:
        self._view, self._members, self._folder = view, frozenset(view.members), folder
        self._spool, self._end = spool, 0
        self.counters, self.removed = counters, removed
        self._places = dict[str, _Place]()
        self._before = dict[str, LineFile]()
        self._files = dict[str, LineFile]()
        self._new = dict[str, NewFile]()

    def __len__(self) -> int:
        return len(self._places)

    def load(self, lines: BinaryIO, sha256: str) -> None:
        """Take the lines of an earlier opening; ``InvalidInput`` if they are not those that were written then."""
        hashed = hashlib.sha256()
        try:
            for line in lines:
                hashed.update(line)
                known = _known_lines.decode(line)
                self._places[known.id] = (microseconds(known.time), self._keep(line), len(line))
                if known.file is not None:
                    self._check_path(known.file.path)
                    self._before[known.id] = self._files[known.id] = known.file
        except msgspec.MsgspecError:
            hashed.update(b"\0")
        if hashed.hexdigest() != sha256:
            raise InvalidInput("a file of the opened grant was changed", "Open the grant anew, into another folder.")

    def take(self, record: Record) -> None:
        """Take a version, if it is newer than what is known of its record.

        ``DamagedSeal`` if the bundle's view does not show it.
        """
        name = record.id
        known = self.removed.get(name) or self.counters.get(name) or (name in self._places)
        if record.counter <= known:
            return
        if known:
            self._forget(name)
        if record.deleted:
            self._places.pop(name, None)
            self.removed[name] = record.counter
            return
        check_shown(record, self._view, self._members)
        line = _encode(_line(record, self._file(record))) + b"\n"
        self._places[name] = (microseconds(record.time or ""), self._keep(line), len(line))
        if record.counter > 1:
            self.counters[name] = record.counter

    def sorted_lines(self) -> Iterator[bytes]:
        """Yield the lines, sorted by (time, id)."""
        self._spool.flush()
        if not self._places:
            return
        with mmap.mmap(self._spool.fileno(), 0, access=mmap.ACCESS_READ) as spooled:
            places = ((time, name, start, length) for name, (time, start, length) in self._places.items())
            for _, _, start, length in sorted(places):
                yield spooled[start : start + length]

    def new_files(self) -> list[NewFile]:
        """Return the files that have to be written."""
        return list(self._new.values())

    def content(self, file: NewFile) -> bytes:
        """Return the bytes of a file that lay in its record."""
        self._spool.seek(file.start)
        data = self._spool.read(file.line.bytes)
        self._spool.seek(self._end)
        return data

    def gone_files(self) -> list[str]:
        """Return the paths of files that no record has any more."""
        return sorted({one.path for one in self._before.values()} - {one.path for one in self._files.values()})

    @property
    def files(self) -> int:
        """How many records have a file."""
        return len(self._files)

    def _check_path(self, path: str) -> None:
        # A file that is gone is removed by its path.
        if path.rpartition("/")[0] != self._folder or "\\" in path:
            raise InvalidInput("a file of the opened grant names a path outside of its folder")

    def _forget(self, name: str) -> None:
        for of in (self.removed, self.counters, self._files, self._new):
            of.pop(name, None)

    def _file(self, record: Record) -> LineFile | None:
        if (file := record.file) is None:
            return None
        path = f"{self._folder}/{record.id}-{_shortened(plain(file.name, '._'))}"
        line = LineFile(file.name, file.media_type, file.bytes, file.sha256, path)
        self._files[record.id] = line
        if self._before.get(record.id) != line:
            start = 0 if file.cid else self._keep(file_data(file))
            self._new[record.id] = NewFile(line, start, file if file.cid else None)
        return line

    def _keep(self, data: bytes) -> int:
        start = self._end
        self._spool.write(data)
        self._end += len(data)
        return start


def check_shown(record: Record, view: View, members: frozenset[str]) -> None:
    """``DamagedSeal`` for what is outside of the view: the person said yes to what it shows, and to nothing else.

    ``members`` are the view's.
    """
    is_shown = (
        record.home is None
        and is_in(record, view)
        and (record.source is None or view.source)
        and (not record.tags or view.tags)
        and (record.file is None or FILE in members)
        and members.issuperset(record.body or ())
    )
    if not is_shown:
        raise DamagedSeal("a bundle holds what its view does not show", "Ask the person for a new grant.")


def plain(name: str, also: str = "") -> str:
    """Return a name from another machine, which may hold anything, with letters, digits and ``also`` alone."""
    return "".join(c if c.isalnum() or c in also else "-" for c in name)


def _shortened(name: str) -> str:
    return name.encode()[-MAX_OWN_NAME:].decode(errors="ignore")


def _line(record: Record, file: LineFile | None) -> _Line:
    origin = record.origin.id if record.origin else None
    dated = record.schema or "", record.time or ""
    return _Line(record.id, *dated, record.source, record.tags, record.body, file, origin)
