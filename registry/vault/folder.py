"""A vault's folder: its newest index, its lock, this home's name, and the working copy that follows the index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial

import msgspec

from registry.core.crypto.seeds import homes_name, relationship_key
from registry.core.errors import ConsentError, InvalidInput, StorageUnavailable, WorkingCopyLost
from registry.core.sealed.index import Bundle, VaultBook, VaultIndex
from registry.core.sealed.records import Record
from registry.fs.files import replace_file
from registry.storage.base import Names
from registry.vault.bundles import Party, files_of
from registry.vault.changes import Change
from registry.vault.copy.working_copy import WorkingCopy
from registry.vault.holds import without_shredded
from registry.vault.homes import UNREADABLE, Homes, Merged, Seen, older_copy
from registry.vault.journal import Free, Waiting, all_of, none_of, own_of
from registry.vault.merging import State, erasable, is_older, merge_states
from registry.vault.place import Place
from registry.vault.rewriting import let_go, take_back
from registry.vault.state import VaultState
from registry.vault.streams import Keep


class VaultFolder(VaultState):
    """Changes the vault in a folder, and merges it with what other homes of the person have in the same store."""

    @contextmanager
    def change(self) -> Iterator[Change]:
        """Hold the vault's lock, take over what other homes have, and yield the next change.

        What of them cannot be read now comes with a later change. ``InvalidInput`` for a folder that is an older copy
        of its home.
        """
        with self._locked():
            # A gateway may show the index of another store, but a change must not split the vault between stores.
            self._whereabouts.check(self.journal.index)
            self._merge()
            # The working copy opens where it is needed: what changes the book alone does not need it.
            yield self._change(self._is_kept)

    @contextmanager
    def moving(self, place: Place) -> Iterator[None]:
        """Hold the vault still while its blocks are copied; then note ``place`` as theirs, durably."""
        with self.change():
            yield
            self._whereabouts.note(place)

    @contextmanager
    def repairing(self, is_new: bool) -> Iterator[Change]:
        """Yield a change as `change` does, where the working copy cannot follow, or the index cannot be read.

        It looks for other homes, as their blocks must stay, and takes nothing over. ``InvalidInput`` for a folder that
        is an older copy of its home: it would write over what the home has done since.
        With ``is_new`` the vault begins anew, as another home, so that its index may count from 1.
        """
        with self._locked():
            try:
                if homes := self._homes():
                    homes.look(self.journal.index)
                self.journal.settle()
            except StorageUnavailable:
                self.journal.defer()
            before, root, others = self._home(), self.journal.index, self.others()
            if is_new and others is None:
                raise StorageUnavailable(
                    "the store does not tell whether this folder is an older copy", "Try again later."
                )
            if is_new:
                (self._directory / "home").unlink(missing_ok=True)
            # Nobody can read what this home named, so it is no other home, and its name goes once it is another one.
            self.has_others = others is None or any(one != before for one in others)
            try:
                yield Change(self._owner(self._home()), self._store, self.journal, is_new=is_new)
            finally:
                if self.journal.index == root:
                    replace_file(self._directory / "home", f"{before}\n".encode())
            if is_new and (homes := self._homes()):
                with suppress(StorageUnavailable):
                    homes.forget(before)

    def forget_copy(self) -> None:
        """Make the working copy anew, empty: it fills itself when it is needed."""
        self._mirror.make()

    def merge(self) -> Merged:
        """Take over what other homes have, and say what of them could not be read."""
        with self._locked():
            return self._merge()

    def forget(self, home: str, is_lost: bool = False) -> None:
        """Take over what another home has, and wait for it no more; `StorageUnavailable` if that cannot be read.

        If it ``is_lost``, forget it though it cannot be read.
        """
        with self._locked():
            merged = self._merge()
            if home not in merged.homes:
                raise InvalidInput(f"the vault has no other home {home[:80]!r}", "`merge` tells their names.")
            if why := not is_lost and merged.unread.get(home):
                raise StorageUnavailable(f"what the home {home} has could not be read: {why}", "Try again later.")
            if homes := self._homes():
                homes.forget(home)

    def commit(self, change: Change) -> str:
        """Make a change the newest state, tell the other homes, erase what nobody needs; return its index's CID.

        An open working copy follows.
        """
        self._whereabouts.note()
        root = change.commit()
        assert change.index is not None
        self._settle(self._tell(root, change.index))
        if self._mirror.is_open:
            self.follow()
        else:
            self._mirror.known = None
        return root

    def _trouble(self, root: str) -> ConsentError | None:
        return self._older(root) or super()._trouble(root)

    def _older(self, root: str) -> InvalidInput | None:
        """Return the error of an older copy, if this home's name in the store is newer than its index."""
        # Without a file `home` there is no name to compare, and reading makes none.
        if (self._directory / "home").exists() and (homes := self._homes()):
            try:
                homes.look(root)
            except InvalidInput as error:
                return error
            except StorageUnavailable:
                return None
        return None

    def _is_kept(self, record: Record) -> bool:
        """Whether a merge of small segments keeps a version: those of a deleted record go, and its tombstone stays."""
        if record.deleted or (record.file is not None and record.file.cid):
            # Only its versions name a file: without them nobody could erase it. Compaction lets both go.
            return True
        copy = self.copy()
        newest = copy.newest(record.id) if copy else None
        return copy is None or newest is None or not newest.deleted or record.id in copy.restricted()

    def _change(self, keep: Keep = lambda record: True) -> Change:
        return Change(self._owner(self._home()), self._store, self.journal, keep)

    def _homes(self) -> Homes | None:
        if not isinstance(self._store, Names):
            return None
        owner = self._owner(self._home())
        return Homes(self._directory, self._store, self._store, homes_name(self._seed), owner)

    def others(self) -> tuple[str, ...] | None:
        """Return the other homes that have a name in the store; None if the store does not tell."""
        try:
            return () if (homes := self._homes()) is None else tuple(homes.read_names()[0])
        except StorageUnavailable:
            return None

    def _settle(self, free: Free = none_of) -> None:
        try:
            self.journal.settle(free)
        except StorageUnavailable:
            # The state is written. Whoever got an error would do it again, so the blocks wait for a later change.
            self.journal.defer()

    def _tell(self, root: str, index: VaultIndex) -> Free:
        """Leave the name of this index for the other homes; return which of the waiting blocks may go by now."""
        homes = self._homes()
        if homes is None:
            return all_of
        try:
            homes.publish(root, index)
            # Read behind: a home that comes later than this finds the new index, and nothing of what goes.
            return own_of if homes.read_names()[0] else all_of
        except StorageUnavailable:
            # The next change tries again.
            return none_of

    def _merge(self) -> Merged:
        """Erase what an interrupted change left, and take over what other homes have."""
        homes = self._homes()
        # Until this is known: without a look, what others may name must stay.
        self.has_others = homes is not None
        try:
            # First of all: an older copy of this folder would erase what has become needed since.
            others, is_behind = homes.look(self.journal.index) if homes else ({}, False)
        except StorageUnavailable as error:
            # Where that cannot be told, nothing is erased.
            self.journal.defer()
            return Merged(unread={"": str(error)})
        self._settle((none_of if is_behind else own_of) if others else all_of)
        if homes is None:
            return Merged()
        if is_behind and (others or self.journal.index):
            try:
                others = self._announce(homes)
            except StorageUnavailable as error:
                return Merged(tuple(others), {"": str(error)})
        self.has_others = bool(others)
        return self._take_new(homes, others)

    def _announce(self, homes: Homes) -> dict[str, bytes]:
        """Leave this home's name in the store; then return those of the others.

        In this order: a home must be known before it reads, or others might erase what it is about to take over.
        """
        root, index = self.journal.index, self.index()
        if index is None:
            change = self._change()
            root, index = change.commit(), change.index
            self._settle()
        assert index is not None
        homes.publish(root, index)
        return homes.read_names()[0]

    def _take_new(self, homes: Homes, others: Mapping[str, bytes]) -> Merged:
        if not any(homes.is_new(*one) for one in others.items()):
            return Merged(tuple(others))
        states, unread = homes.read_states(others)
        states = self._take_over(states, unread)
        homes.note({home: one.noted for home, one in states.items()})
        if not unread:
            self._settle(partial(self._erasable, states.values()))
        return Merged(tuple(others), unread)

    def _take_over(self, states: Mapping[str, Seen], unread: dict[str, str]) -> dict[str, Seen]:
        """Name what other homes name. Of a home of which something cannot be read, take nothing, and say so."""
        before, taken = self._state(), dict[str, Seen]()
        now, copy = before, self.copy() or self._mirror.make()
        for home, seen in states.items():
            if is_older(self._home(), now, seen.state):
                raise older_copy(self._directory)
            wanted = self._without_shredded(merge_states(self._home(), now, seen.state))
            try:
                copy = self._mirror.prepare(copy, now, wanted)
            except WorkingCopyLost:
                raise
            except UNREADABLE as error:
                unread[home], self._mirror.known = str(error), None
            else:
                now, taken[home] = wanted, seen
        if now != before:
            self._commit_merged(copy, before, now)
        return taken

    def _without_shredded(self, state: State) -> State:
        """Return the state without what was shredded, which another home may still have in its book."""
        return state._replace(book=without_shredded(state.book, self.mark_of))

    def _commit_merged(self, copy: WorkingCopy, before: State, now: State) -> None:
        new = set(now.book.shredded).difference(before.book.shredded)
        gone = self._mirror.marked(new)
        ids = {name for name in copy.ids() if gone(name)} if new else set[str]()
        if ids:
            copy.erase(ids, "")
        change = self._change()
        change.adopt(now.streams.values())
        let_go(change, self._store, self._party, before.book.bundles, now.book.bundles)
        if (book := self._taken_back(change, now.book, ids)) != before.book:
            change.set_book(book)
        if new:
            change.drop(lambda record: gone(record.id))
        self.commit(change)

    def _taken_back(self, change: Change, book: VaultBook, ids: set[str]) -> VaultBook:
        """Put tombstones into bundles in place of what another home shredded: this one may have gone on with them."""
        bundles = list[Bundle]()
        for bundle in book.bundles:
            try:
                bundles.append(take_back(change, self._store, self._party(bundle), bundle, ids)[0] if ids else bundle)
            except UNREADABLE:
                bundles.append(bundle)
        return msgspec.structs.replace(book, bundles=tuple(bundles))

    def _party(self, bundle: Bundle) -> Party:
        return Party(bundle.subject, bundle.controller, relationship_key(self._seed, bundle.subject, bundle.controller))

    def _erasable(self, states: Iterable[Seen], waiting: set[Waiting]) -> set[Waiting]:
        def reached(bundle: Bundle) -> set[str] | None:
            try:
                return set(files_of(self._store, self._party(bundle), bundle))
            except UNREADABLE:
                return None

        return erasable(waiting, self._state(), [one.state for one in states], reached)

    def _state(self) -> State:
        index = self.index()
        return State({one.stream: one for one in (index.streams if index else ())}, self.book())
