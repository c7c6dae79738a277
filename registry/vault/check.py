"""Reads every block that a vault names, and says what is missing, altered or damaged, and which records that concerns.

A store that does not answer is "could not check", and never "damaged".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO, Literal, NamedTuple, TypeVar, cast

from registry.core.errors import (
    BlockMismatch,
    ConsentError,
    InvalidInput,
    StorageUnavailable,
    WorkingCopyLost,
)
from registry.core.sealed.documents import Signed, open_document, public_key_of
from registry.core.sealed.files import Budget, read_stored
from registry.core.sealed.heads import MAX_LISTS, SegmentRef, StreamReader
from registry.core.sealed.index import MAX_BOOK, MAX_INDEX, Bundle, OwnStream, VaultBook, VaultIndex
from registry.core.sealed.records import FileRef
from registry.storage.base import BlockStore
from registry.vault.branches import entries_of
from registry.vault.folder import VaultFolder
from registry.vault.large_files import open_file
from registry.vault.shares import Shares

_Document = TypeVar("_Document", bound=Signed)
Told = Callable[[int], object]
Part = Literal["index", "book", "stream", "segment", "bundle", "file", "working copy"]
Kind = Literal["missing", "altered", "damaged", "unknown"]

_MAX_OPENED = 1 << 44
# A store that did not answer so often in a row is away.
_MOST_UNKNOWN = 3


class Fault(NamedTuple):
    """What is wrong with one part: of which stream or bundle (``of``), the file and the block (CIDs), and how.

    A bundle's head that another home made apart is named by its CID.
    ``category`` and ``records`` say which records that concerns; 0 where their number is not known.
    """

    part: Part
    of: str
    cid: str
    block: str
    kind: Kind
    category: str
    records: int
    why: str

    def __str__(self) -> str:
        count = f", {self.records:,} records" if self.records else ""
        where = f" of {self.category}{count}" if self.category else ""
        return f"{self.kind}: {self.part}{where}: {self.cid or 'copy.db'} ({self.why})"


@dataclass
class Health:
    """What a check found. ``segments`` and ``lists`` are those that can be read, by stream or bundle."""

    blocks: int = 0
    bytes: int = 0
    versions: int = 0
    faults: list[Fault] = field(default_factory=list)
    segments: dict[str, list[SegmentRef]] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)
    index: VaultIndex | None = None
    book: VaultBook | None = None

    @property
    def is_sound(self) -> bool:
        """Whether everything could be read and is what it should be."""
        return not self.faults

    @property
    def is_known(self) -> bool:
        """Whether the store answered for everything."""
        return all(one.kind != "unknown" for one in self.faults)


class Check:
    """One check of a vault. ``told`` hears how many bytes were read."""

    def __init__(self, folder: VaultFolder, store: BlockStore, shares: Shares, told: Told = lambda _: None) -> None:
        self._folder, self._store, self._shares, self._told = folder, store, shares, told
        self._health, self._unknown = Health(), 0
        self._failed: tuple[str, Kind] = ("", "damaged")  # the block that was read last and how it failed
        self._files = dict[str, tuple[FileRef, str, set[str]]]()

    def run(self) -> Health:
        """Check everything. `StorageUnavailable` where the store answers nothing at all."""
        found = self._health
        if root := self._folder.journal.index:
            with self._part("index", "", root):
                found.index = self._document(VaultIndex, root, MAX_INDEX)
            if found.index is not None:
                self._below(found.index)
            self._copy(root)
        return found

    def _below(self, index: VaultIndex) -> None:
        found, owner = self._health, public_key_of(self._folder.owner.key)
        found.book = VaultBook()
        if index.book is not None:
            found.book = None
            with self._part("book", "", index.book):
                found.book = self._document(VaultBook, index.book, MAX_BOOK)
        for stream in index.streams:
            self._stream(stream, owner, "stream", stream.stream)
        for bundle in found.book.bundles if found.book else ():
            # The blocks of an ended bundle may be gone.
            if not bundle.ended:
                for entry in entries_of(bundle):
                    of = bundle.name if entry.head == bundle.head else entry.head
                    self._stream(entry, self._signer(bundle), "bundle", of)
        for file, category, records in list(self._files.values()):
            self._file(file, category, len(records))

    def _signer(self, bundle: Bundle) -> str:
        return public_key_of(self._shares.party(bundle).key)

    def _stream(self, stream: OwnStream, signer: str, part: Part, of: str) -> None:
        """Read the head and the lists, then each segment that they name; ``of`` is what the faults are of."""
        reader = StreamReader(stream.stream, stream.identity, signer, self._get, Budget(_MAX_OPENED))
        sound, cid = self._health.segments.setdefault(of, []), stream.head
        refs, older = list[SegmentRef](), None
        with self._part(part, of, cid, stream.category):
            head = reader.head(cid)
            refs, older = list(head.segments), head.older
            if head.number != stream.number:
                raise InvalidInput(f"its number is {head.number}, and not {stream.number}")
        for _ in range(MAX_LISTS):
            if older is None:
                break
            cid, older = older, None
            with self._part(part, of, cid, stream.category):
                listed = reader.older(cid)
                refs += listed.segments
                older = listed.older
                self._health.lists.setdefault(of, []).append(cid)
        for ref in refs:
            what: Part = "segment" if part == "stream" else part
            with self._part(what, of, ref.cid, stream.category, ref.records):
                self._segment(reader, ref, stream.category, part)
                sound.append(ref)

    def _segment(self, reader: StreamReader, ref: SegmentRef, category: str, part: Part) -> None:
        for record in reader.records(ref):
            if part == "stream":
                self._health.versions += 1
            if record.file is not None and record.file.cid:
                self._files.setdefault(record.file.cid, (record.file, category, set()))[2].add(record.id)

    def _file(self, file: FileRef, category: str, records: int) -> None:
        with self._part("file", "", file.cid or "", category, records):
            sink = _Digest()
            open_file(file, self._get, cast(BinaryIO, sink))
            if (sink.size, sink.sha256.hexdigest()) != (file.bytes, file.sha256):
                raise InvalidInput("its content is not what its record says")

    def _copy(self, root: str) -> None:
        with self._part("working copy", "", ""):
            copy = self._folder.copy_as_it_is()
            if copy is None:
                raise WorkingCopyLost("there is none; it is made again when it is needed")
            copy.check()
            count = copy.count()
            if copy.root == root and self._health.versions > count and self._different_versions() > count:
                raise WorkingCopyLost("it lacks versions that the store has")

    def _different_versions(self) -> int:
        """Count each version once: one that a home sealed again may stand in the streams of two homes."""
        found, owner = set[tuple[str, tuple[int, str]]](), public_key_of(self._folder.owner.key)
        for one in self._health.index.streams if self._health.index else ():
            reader = StreamReader(one.stream, one.identity, owner, self._store.get, Budget(_MAX_OPENED))
            for ref in self._health.segments[one.stream]:
                found |= {(record.id, record.version) for record in reader.records(ref)}
        return len(found)

    def _document(self, kind: type[_Document], cid: str, most: int) -> _Document:
        sealed, owner = read_stored(cid, self._get, most, Budget()), self._folder.owner
        return open_document(kind, sealed, owner.identity, public_key_of(owner.key))

    @contextmanager
    def _part(self, part: Part, of: str, cid: str, category: str = "", records: int = 0) -> Iterator[None]:
        """Note what fails inside as a fault of this part."""
        self._failed = ("", "damaged")
        try:
            yield
            self._unknown = 0
        except (ConsentError, OSError) as error:
            block, kind = self._last_failure()
            self._health.faults.append(Fault(part, of, cid, block, kind, category, records, str(error)[:300]))
            self._unknown = self._unknown + 1 if kind == "unknown" else 0
            if self._unknown == _MOST_UNKNOWN:
                raise

    def _last_failure(self) -> tuple[str, Kind]:
        return self._failed

    def _get(self, cid: str) -> bytes:
        try:
            data = self._store.get(cid)
        except StorageUnavailable as error:
            self._failed = (cid, self._kind_of(cid, error))
            raise
        self._health.blocks += 1
        self._health.bytes += len(data)
        self._told(self._health.bytes)
        return data

    def _kind_of(self, cid: str, error: StorageUnavailable) -> Kind:
        if isinstance(error, BlockMismatch):
            return "altered"
        try:
            return "unknown" if self._store.has(cid) else "missing"
        except StorageUnavailable:
            return "unknown"


class _Digest:
    """A sink that keeps only the size and the SHA-256 of what is written."""

    def __init__(self) -> None:
        self.size, self.sha256 = 0, hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.size += len(data)
        self.sha256.update(data)
        return len(data)
