"""A vault's folder: its newest index, its lock, this home's name, and the working copy that follows the index."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile

from registry.core.crypto.seeds import owner_identity, search_key, vault_key
from registry.core.errors import StorageUnavailable, WorkingCopyLost
from registry.core.sealed.documents import open_document, public_key_of
from registry.core.sealed.files import Budget, read_stored
from registry.core.sealed.heads import SegmentRef
from registry.core.sealed.index import MAX_BOOK, OwnStream, VaultBook, VaultIndex
from registry.core.sealed.records import FileRef, Record, check_home
from registry.fs.files import file_lock, make_folder, read_bounded, replace_file
from registry.storage.base import BlockStore
from registry.vault.bulk import rarely_collecting
from registry.vault.changes import Change, Owner, read_index
from registry.vault.copy.store import FactsOf
from registry.vault.copy.working_copy import WorkingCopy
from registry.vault.journal import Journal
from registry.vault.large_files import open_file
from registry.vault.streams import Streams

LOCK_SECONDS = 60.0
_HOME_BYTES = 8
_PIECE = 1 << 20
_MAX_HOME_FILE = 100
# The working copy takes so many versions at a time. After a crash it goes on behind these.
_FILLED_AT_ONCE = 100_000

_Lacking = list[tuple[OwnStream, SegmentRef]]


class VaultFolder:
    """The files of a vault in ``directory``; its blocks lie in ``store``. Reading makes no file but the working copy.

    ``facts_of`` reads what is searched of a record.
    """

    def __init__(self, directory: Path, seed: bytes, store: BlockStore, facts_of: FactsOf) -> None:
        self._directory, self._store, self._facts_of = directory, store, facts_of
        self._key, self._identity, self._search_key = vault_key(seed), owner_identity(seed), search_key(seed)
        self._copy: WorkingCopy | None = None

    @property
    def journal(self) -> Journal:
        """What the last change left."""
        return Journal(self._directory, self._store)

    def index(self) -> VaultIndex | None:
        """Read the newest index; None for a vault that was never changed."""
        root = self.journal.index
        return read_index(self._owner(""), self._store, root) if root else None

    def book(self) -> VaultBook:
        """Read the newest book; an empty one where there is none."""
        index = self.index()
        if index is None or index.book is None:
            return VaultBook()
        sealed = read_stored(index.book, self._store.get, MAX_BOOK, Budget())
        return open_document(VaultBook, sealed, self._identity, public_key_of(self._key))

    def copy(self) -> WorkingCopy | None:
        """Return the working copy, which then has all that the newest index names; None for an empty vault."""
        if not (root := self.journal.index):
            return None
        try:
            return self._current(root)
        except WorkingCopyLost:
            self.close()
            self._copy = WorkingCopy.create(self._copy_file, self._search_key, self._facts_of)
            return self._current(root)

    def content(self, file: FileRef, folder: Path) -> Iterator[bytes]:
        """Yield the opened bytes of a file that is sealed apart. They lie in ``folder`` meanwhile, without a name."""
        with TemporaryFile(dir=folder) as opened:
            open_file(file, self._store.get, opened)
            opened.seek(0)
            while piece := opened.read(_PIECE):
                yield piece

    @contextmanager
    def change(self) -> Iterator[Change]:
        """Hold the vault's lock, erase what an interrupted change left, and yield the next change."""
        with self._locked():
            self.journal.settle()
            copy = self.copy()
            change = Change(self._owner(self._home()), self._store, self.journal, lambda record: _is_kept(copy, record))
            yield change

    def commit(self, change: Change) -> str:
        """Make a change the newest state, and let the working copy follow; return the CID of its index."""
        root = change.commit()
        self.copy()
        return root

    def close(self) -> None:
        """Close the working copy. May be called twice."""
        if self._copy is not None:
            self._copy.close()
            self._copy = None

    @property
    def _copy_file(self) -> Path:
        return self._directory / "copy.db"

    def _owner(self, home: str) -> Owner:
        return Owner(self._key, self._identity, home)

    def _home(self) -> str:
        """Return this home's name, made at its first change."""
        file = self._directory / "home"
        if not file.exists():
            replace_file(file, f"{secrets.token_hex(_HOME_BYTES)}\n".encode())
        return check_home(read_bounded(file, _MAX_HOME_FILE).decode("ascii", "replace").strip())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            make_folder(self._directory)
            lock = file_lock(self._directory / "lock", LOCK_SECONDS)
        except TimeoutError:
            raise StorageUnavailable(f"another process has changed the vault for {LOCK_SECONDS:.0f} seconds") from None
        except OSError as error:
            advice = "Nothing was changed; keep the home on a disk that can lock files."
            raise StorageUnavailable(f"{self._directory} cannot be locked: {error.strerror}", advice) from None
        with lock:
            yield

    def _current(self, root: str) -> WorkingCopy:
        if self._copy is None:
            self._copy = WorkingCopy(self._copy_file, self._search_key, self._facts_of)
        if self._copy.root != root:
            self._fill(self._copy, root)
        return self._copy

    def _fill(self, copy: WorkingCopy, root: str) -> None:
        """Put what the copy lacks of this index, the oldest first."""
        streams = Streams(self._key, self._store.get, _put_nothing)
        index = read_index(self._owner(""), self._store, root)
        named = {ref.cid: (stream, ref) for stream in index.streams for ref in reversed(streams.segments(stream))}
        with rarely_collecting():
            for group in _groups([named[cid] for cid in copy.lacking(named)]):
                records = chain.from_iterable(streams.records(stream, ref) for stream, ref in group)
                copy.put(records, "", [ref.cid for _, ref in group])
        copy.put((), root)


def _groups(lacking: _Lacking) -> Iterator[_Lacking]:
    group, count = list[tuple[OwnStream, SegmentRef]](), 0
    for one in lacking:
        group.append(one)
        count += one[1].records
        if count >= _FILLED_AT_ONCE:
            yield group
            group, count = [], 0
    if group:
        yield group


def _is_kept(copy: WorkingCopy | None, record: Record) -> bool:
    newest = copy.newest(record.id) if copy and not record.deleted else None
    return newest is None or not newest.deleted


def _put_nothing(blocks: Iterable[object]) -> None:
    raise AssertionError("reading puts nothing")
