"""What the folder of a vault says: its newest index and book, this home's name, and the working copy that follows."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import TypeVar

from registry.core.crypto.seeds import (
    owner_identity,
    shredded_marks,
    vault_key,
)
from registry.core.errors import ConsentError, StorageUnavailable, WorkingCopyLost
from registry.core.sealed.homes import HOME_BYTES
from registry.core.sealed.index import OwnSchema, VaultBook, VaultIndex
from registry.core.sealed.records import FileRef, check_home, id_bytes
from registry.fs.files import make_folder, read_bounded, replace_file, turn_lock
from registry.storage.base import BlockStore
from registry.vault.changes import Owner, read_index
from registry.vault.copy.store import FactsOf
from registry.vault.copy.working_copy import WorkingCopy
from registry.vault.journal import Journal
from registry.vault.large_files import open_file
from registry.vault.mirror import Mirror
from registry.vault.place import Place, Whereabouts

LOCK_SECONDS = 60.0
_PIECE = 1 << 20
_MAX_HOME_FILE = 100
# Reads of a state that other processes replace meanwhile.
_MAX_READS = 5

_T = TypeVar("_T")


class VaultState:
    """The files of a vault in ``directory``; its blocks lie in ``store``. Reading makes no file but the working copy.

    ``facts_of`` reads what is searched of a record. ``place`` names the store, so that the folder notes where the
    blocks lie; None notes nothing.
    """

    def __init__(
        self, directory: Path, seed: bytes, store: BlockStore, facts_of: FactsOf, place: Place | None = None
    ) -> None:
        self._directory, self._store, self._seed = directory, store, seed
        self._whereabouts = Whereabouts(directory, store, place)
        self._key, self._identity = vault_key(seed), owner_identity(seed)
        self.mark_of = shredded_marks(seed)
        self._mirror = Mirror(directory / "copy.db", seed, self._owner(""), store, facts_of)
        # Whether other homes had a name when this one looked last, or may have one because it could not look.
        self.has_others = False

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

    @property
    def schemas(self) -> tuple[OwnSchema, ...]:
        """The person's own schemas, as the working copy knows them."""
        if self._mirror.known is None:
            self._mirror.known_at, self._mirror.known = self.journal.index, self.book()
        return self._mirror.known.schemas

    def look_again(self) -> None:
        """Have the schemas read anew if another process has changed the vault since they were read."""
        if self.journal.index != self._mirror.known_at:
            self._mirror.known = None

    def index(self) -> VaultIndex | None:
        """Read the newest index; None for a vault that was never changed."""
        return self._newest(self._index)

    def book(self) -> VaultBook:
        """Read the newest book; an empty one where there is none."""
        return self._newest(self._book) or VaultBook()

    def is_shredded(self) -> Callable[[str], bool]:
        """Return a function that tells whether the record with an id was shredded."""
        marks = set(self.book().shredded)
        return lambda name: bool(marks) and self.mark_of(id_bytes(name)) in marks

    def copy(self) -> WorkingCopy | None:
        """Return the working copy, which then has all that the newest index names; None for an empty vault."""
        return self._newest(self._mirror.at)

    def follow(self) -> None:
        """Have the working copy take what the newest index names. An error says that the change is done."""
        try:
            self.copy()
        except ConsentError as error:
            error.add_note(
                "What you changed is kept. Only the working copy could not follow; the next command tries again."
            )
            raise

    def ask(self, read: Callable[[WorkingCopy], _T]) -> _T | None:
        """Return what the working copy answers; None for an empty vault.

        If a page of it turns out to be damaged, the copy is made again and asked once more.
        """
        if (copy := self.copy()) is None:
            return None
        try:
            return read(copy)
        except WorkingCopyLost:
            return None if (again := self.copy()) is None else read(again)

    def _newest(self, read: Callable[[str], _T]) -> _T | None:
        """Read the newest state; None for a vault that was never changed.

        ``StorageUnavailable`` if others replace it _MAX_READS times meanwhile, or if it lies in another store;
        ``InvalidInput`` for a folder that is an older copy of its home.
        """
        for _ in range(_MAX_READS):
            if not (root := self.journal.index):
                return None
            try:
                return read(root)
            except StorageUnavailable as error:
                # Its subclasses tell that the store itself failed: it says nothing of where the vault lies.
                is_absent = type(error) is StorageUnavailable and self.journal.index == root
                trouble = self._trouble(root) if is_absent else None
                # Another process may have replaced and erased this state since its name was read.
                if self.journal.index == root:
                    raise trouble or error from None
        raise StorageUnavailable("the vault keeps changing", "Try again when no other process changes it.")

    def _trouble(self, root: str) -> ConsentError | None:
        """Return the error that tells why the store lacks what this index names, if more is known of it."""
        return self._whereabouts.trouble(root)

    def _index(self, root: str) -> VaultIndex:
        return read_index(self._owner(""), self._store, root)

    def _book(self, root: str) -> VaultBook:
        return self._mirror.book(self._index(root).book)

    def copy_as_it_is(self) -> WorkingCopy | None:
        """Return the working copy, whatever it mirrors; None where there is none. `WorkingCopyLost` for a bad one."""
        return self._mirror.as_it_is()

    def content(self, file: FileRef, folder: Path) -> Iterator[bytes]:
        """Yield the opened bytes of a file that is sealed apart. They lie in ``folder`` meanwhile, without a name."""
        with TemporaryFile(dir=folder) as opened:
            open_file(file, self._store.get, opened)
            opened.seek(0)
            while piece := opened.read(_PIECE):
                yield piece

    @property
    def owner(self) -> Owner:
        """The keys that sign and open what is the owner's, without a home."""
        return self._owner("")

    def close(self) -> None:
        """Close the working copy. May be called twice."""
        self._mirror.close()

    def _owner(self, home: str) -> Owner:
        return Owner(self._key, self._identity, home)

    def _home(self) -> str:
        """Return this home's name, made at its first change."""
        file = self._directory / "home"
        if not file.exists():
            replace_file(file, f"{secrets.token_hex(HOME_BYTES)}\n".encode())
        return check_home(read_bounded(file, _MAX_HOME_FILE).decode("ascii", "replace").strip())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            make_folder(self._directory)
            lock = turn_lock(self._directory / "lock", LOCK_SECONDS)
        except TimeoutError:
            raise StorageUnavailable(f"another process has changed the vault for {LOCK_SECONDS:.0f} seconds") from None
        except OSError as error:
            advice = "Nothing was changed; keep the home on a disk that can lock files."
            raise StorageUnavailable(f"{self._directory} cannot be locked: {error.strerror}", advice) from None
        with lock:
            yield
