"""A vault's folder: its newest index, its lock, this home's name, and the working copy that follows the index."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from typing import TypeVar

from registry.core.crypto.seeds import owner_identity, search_key, vault_key
from registry.core.errors import StorageUnavailable, WorkingCopyLost
from registry.core.sealed.documents import open_document, public_key_of
from registry.core.sealed.files import Budget, read_stored
from registry.core.sealed.heads import SegmentRef
from registry.core.sealed.index import MAX_BOOK, OwnStream, VaultBook, VaultIndex
from registry.core.sealed.records import FileRef, Record, check_home
from registry.fs.files import file_lock, make_folder, read_bounded, replace_file
from registry.storage.base import BlockStore
from registry.vault.changes import Change, Owner, read_index
from registry.vault.copy.store import FactsOf
from registry.vault.copy.working_copy import WorkingCopy
from registry.vault.journal import Journal
from registry.vault.large_files import open_file
from registry.vault.place import Place, Whereabouts
from registry.vault.streams import Streams

LOCK_SECONDS = 60.0
_HOME_BYTES = 8
_PIECE = 1 << 20
_MAX_HOME_FILE = 100
# The working copy takes so many versions at a time. After a crash it goes on behind these.
_FILLED_AT_ONCE = 100_000
# Reads of a state that other processes replace meanwhile.
_MAX_READS = 5

_T = TypeVar("_T")
_Lacking = list[tuple[OwnStream, SegmentRef]]


class VaultFolder:
    """The files of a vault in ``directory``; its blocks lie in ``store``. Reading makes no file but the working copy.

    ``facts_of`` reads what is searched of a record. ``place`` names the store, so that the folder notes where the
    blocks lie; None notes nothing.
    """

    def __init__(
        self, directory: Path, seed: bytes, store: BlockStore, facts_of: FactsOf, place: Place | None = None
    ) -> None:
        self._directory, self._store, self._facts_of = directory, store, facts_of
        self._whereabouts = Whereabouts(directory, store, place)
        self._key, self._identity, self._search_key = vault_key(seed), owner_identity(seed), search_key(seed)
        self._copy: WorkingCopy | None = None

    @property
    def directory(self) -> Path:
        """Where the vault's own files lie."""
        return self._directory

    @property
    def store(self) -> BlockStore:
        """Where the vault's blocks lie."""
        return self._store

    @property
    def journal(self) -> Journal:
        """What the last change left."""
        return Journal(self._directory, self._store)

    def index(self) -> VaultIndex | None:
        """Read the newest index; None for a vault that was never changed."""
        return self._newest(self._index)

    def book(self) -> VaultBook:
        """Read the newest book; an empty one where there is none."""
        return self._newest(self._book) or VaultBook()

    def copy(self) -> WorkingCopy | None:
        """Return the working copy, which then has all that the newest index names; None for an empty vault."""
        return self._newest(self._copy_of)

    def _newest(self, read: Callable[[str], _T]) -> _T | None:
        """Read the newest state; None for a vault that was never changed.

        ``StorageUnavailable`` if others replace it _MAX_READS times meanwhile, or if it lies in another store.
        """
        for _ in range(_MAX_READS):
            if not (root := self.journal.index):
                return None
            try:
                return read(root)
            except StorageUnavailable as error:
                # Another process may have replaced and erased this state since its name was read.
                if self.journal.index == root:
                    # Its subclasses tell that the store itself failed: it says nothing of where the vault lies.
                    is_absent = type(error) is StorageUnavailable
                    raise (self._whereabouts.trouble(root) if is_absent else None) or error from None
        raise StorageUnavailable("the vault keeps changing", "Try again when no other process changes it.")

    def _index(self, root: str) -> VaultIndex:
        return read_index(self._owner(""), self._store, root)

    def _book(self, root: str) -> VaultBook:
        book = self._index(root).book
        if book is None:
            return VaultBook()
        sealed = read_stored(book, self._store.get, MAX_BOOK, Budget())
        return open_document(VaultBook, sealed, self._identity, public_key_of(self._key))

    def _copy_of(self, root: str) -> WorkingCopy:
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
            # A gateway may show the index of another store, but a change must not split the vault between stores.
            self._whereabouts.check(self.journal.index)
            self.journal.settle()
            # The working copy opens where it is needed: what changes the book alone does not need it.
            keep = lambda record: _is_kept(self.copy(), record)  # noqa: E731
            yield Change(self._owner(self._home()), self._store, self.journal, keep)

    @contextmanager
    def moving(self, place: Place) -> Iterator[None]:
        """Hold the vault still while its blocks are copied; then note ``place`` as theirs, durably."""
        with self.change():
            yield
            self._whereabouts.note(place)

    def commit(self, change: Change) -> str:
        """Make a change the newest state, and let an open working copy follow; return the CID of its index."""
        self._whereabouts.note()
        root = change.commit()
        if self._copy is not None:
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
        for group in _groups([named[cid] for cid in copy.lacking(named)]):
            copy.put(
                chain.from_iterable(streams.records(stream, ref) for stream, ref in group),
                "",
                [ref.cid for _, ref in group],
            )
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
