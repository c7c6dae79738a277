"""The homes of one vault: devices with one seed and one store, each of which leaves there the name of its newest index.

A home first leaves its own name, and only then reads those of others: so all others know of it before it takes
anything over that they might erase.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from registry.core.age.recipients import recipient_of
from registry.core.errors import CouldNotCheck, DamagedSeal, InvalidInput, Malformed, SealedDataError
from registry.core.sealed.documents import public_key_of, seal_document, signed
from registry.core.sealed.homes import HomeName, open_name
from registry.core.sealed.index import VaultIndex
from registry.core.sealed.records import check_home
from registry.fs.files import replace_file
from registry.storage.base import BlockStore, Names
from registry.vault.changes import Owner, read_book, read_index
from registry.vault.journal import check_cid
from registry.vault.merging import State

# What another home has may be away or damaged; that must keep nobody from changing their own.
UNREADABLE = (CouldNotCheck, SealedDataError, Malformed)


class Merged(NamedTuple):
    """What a merge found: all other homes, and why what some of them have could not be read."""

    homes: tuple[str, ...] = ()
    unread: Mapping[str, str] = {}


class Noted(NamedTuple):
    """What was last taken over from a home; of the own one, what it last left."""

    counter: int
    cid: str
    digest: str


class Seen(NamedTuple):
    """What a home names now, and how to remember that it was taken over."""

    noted: Noted
    state: State


class Homes:
    """The names that homes leave in ``store`` under ``name``, and this home's list of what it knows of them.

    The list is the file ``homes`` in ``directory``. If it is lost, everything is read once more.
    """

    def __init__(self, directory: Path, store: BlockStore, names: Names, name: str, owner: Owner) -> None:
        self._file, self._store, self._names, self._name, self._owner = directory / "homes", store, names, name, owner

    def read_names(self) -> tuple[dict[str, bytes], bytes | None]:
        """Return what other homes left, and this one, sealed. `StorageUnavailable` if the store cannot be asked."""
        names = dict(self._names.names(self._name))
        own = names.pop(self._owner.home, None)
        return names, own

    def publish(self, cid: str, index: VaultIndex) -> None:
        """Leave the name of this home's newest index."""
        made = HomeName(home=self._owner.home, counter=index.counter, index=cid)
        sealed = seal_document(signed(made, self._owner.key), recipient_of(self._owner.identity))
        self._names.set_name(self._name, self._owner.home, sealed)
        self.note({self._owner.home: Noted(index.counter, cid, _digest(sealed))})

    def look(self, cid: str) -> tuple[dict[str, bytes], bool]:
        """Return what other homes left, and whether this home's name is older than its index (``cid``; "" for none).

        ``InvalidInput`` where it is newer: then this folder is an old copy, and two homes would write under one name.
        """
        others, sealed = self.read_names()
        noted = self._noted().get(self._owner.home)
        if sealed is not None and noted and (noted.cid, noted.digest) == (cid, _digest(sealed)):
            return others, False
        try:
            left = open_name(sealed or b"", self._owner.home, self._owner.identity, public_key_of(self._owner.key))
        except (SealedDataError, Malformed):
            return others, True
        counter = noted.counter if noted and noted.cid == cid else self._counter(cid)
        if left.index != cid and left.counter >= counter:
            raise older_copy(self._file.parent)
        return others, left.index != cid

    def is_new(self, home: str, sealed: bytes) -> bool:
        """Whether a home left something that was not taken over yet."""
        noted = self._noted().get(home)
        return noted is None or noted.digest != _digest(sealed)

    def read_states(self, names: Mapping[str, bytes]) -> tuple[dict[str, Seen], dict[str, str]]:
        """Read what other homes name, and say of which one that could not be done, and why."""
        states, unread = dict[str, Seen](), dict[str, str]()
        for home, sealed in sorted(names.items()):
            try:
                states[home] = self._read(home, sealed)
            except UNREADABLE as error:
                unread[home] = str(error)
        return states, unread

    def note(self, taken: Mapping[str, Noted]) -> None:
        """Remember what was taken over."""
        if not taken:
            return
        known = {**self._noted(), **taken}
        lines = "".join(f"{home} {one.counter} {one.cid} {one.digest}\n" for home, one in sorted(known.items()))
        replace_file(self._file, lines.encode())

    def forget(self, home: str) -> None:
        """Remove a home's name: nobody waits for it any more."""
        self._names.set_name(self._name, home, None)

    def _read(self, home: str, sealed: bytes) -> Seen:
        left = open_name(sealed, home, self._owner.identity, public_key_of(self._owner.key))
        noted = self._noted().get(home)
        if noted and (left.counter < noted.counter or (left.counter == noted.counter and left.index != noted.cid)):
            seen = f"change {noted.counter:,} was seen of it, and the store has change {left.counter:,}"
            raise DamagedSeal(f"its name is older than it was: {seen}")
        index = read_index(self._owner, self._store, left.index)
        book = read_book(self._owner, self._store, index.book)
        state = State({one.stream: one for one in index.streams}, book)
        return Seen(Noted(left.counter, left.index, _digest(sealed)), state)

    def _counter(self, cid: str) -> int:
        """Return the counter of an index; 0 for one that the store does not hold: it was replaced."""
        return read_index(self._owner, self._store, cid).counter if cid and self._store.has(cid) else 0

    def _noted(self) -> dict[str, Noted]:
        if not self._file.exists():
            return {}
        lines = [line.split() for line in self._file.read_text("ascii", "replace").splitlines()]
        return {words[0]: self._parsed(words) for words in lines}

    def _parsed(self, words: list[str]) -> Noted:
        try:
            home, counter, index, digest = words
            check_home(home)
            return Noted(int(counter), check_cid(index, self._file), digest)
        except (ValueError, Malformed):
            message = f"the vault's {self._file.name} is damaged"
            raise InvalidInput(message, f"Delete {self._file}: the other homes are then read once more.") from None


def older_copy(directory: Path) -> InvalidInput:
    """The error where a folder lacks what its home has done since."""
    message = f"{directory} is an older copy of this vault: the store has changes that this home made later"
    return InvalidInput(message, "Move it away: an empty folder takes over all that is in the store, as a new home.")


def _digest(sealed: bytes) -> str:
    return hashlib.sha256(sealed).hexdigest()
