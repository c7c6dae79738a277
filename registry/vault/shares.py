"""What the vault shares with whom: bundles made, continued and ended, each for its grants.

The caller asks the chain: a bundle leaves the store, and is brought up to date, only while a grant for it is live.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry.core.errors import InvalidInput
from registry.core.instants import microseconds
from registry.core.sealed.bundles import BundleKey, View
from registry.core.sealed.index import Bundle, VaultBook
from registry.core.sealed.records import Record
from registry.storage.base import BlockStore
from registry.vault.bulk import rarely_collecting
from registry.vault.bundles import Party, begin, bring_up_to_date, files_left, files_of, key_of
from registry.vault.changes import Change
from registry.vault.copy.query import Query
from registry.vault.folder import VaultFolder
from registry.vault.granting import Granting
from registry.vault.views import shown

_KeyFor = Callable[[str, str], Ed25519PrivateKey]
State = tuple[tuple[str, int], ...]
_NO_SECRET = bytes(32)


class Shares:
    """The bundles of a vault. ``key_for`` returns the key of a relationship (subject, controller)."""

    def __init__(self, folder: VaultFolder, store: BlockStore, key_for: _KeyFor) -> None:
        self._folder, self._store, self.key_for = folder, store, key_for
        self.granting = Granting(folder.directory)

    def records(self, category: str) -> Iterator[Record]:
        """Yield the newest versions of all records of this category, newest event first."""
        copy = self._folder.copy()
        return iter(()) if copy is None else copy.select(Query(categories=(category,)))

    def state(self) -> State:
        """Return what changes with each change of a record."""
        index = self._folder.index()
        return () if index is None else tuple((one.stream, one.number) for one in index.streams)

    def preview(self, view: View) -> Iterator[Record]:
        """Yield what a brand would get, newest first, with ids that mean nothing."""
        return (one for it in self._records(view) if (one := shown(it, view, _NO_SECRET, 1)) is not None)

    def begin(
        self,
        subject: str,
        controller: str,
        views: Sequence[View],
        lock: str,
        continued: str | None = None,
        state: State | None = None,
    ) -> tuple[BundleKey, ...]:
        """Make a bundle of each view, for the grant with this lock that is about to be signed.

        A view that shows nothing gets none, unless it is continuing. ``continued`` is the lock of a live grant that
        this one replaces: its continuing bundles with the same view go on. ``InvalidInput`` where the grant has
        bundles already, or where the records changed since `state` was read: the person has not seen all that goes.
        """
        party = Party(subject, controller, self.key_for(subject, controller))
        with rarely_collecting(), self._folder.change() as change:
            book = self._folder.book()
            if _of(book, lock):
                raise InvalidInput("this grant has its bundles already")
            if state is not None and state != self.state():
                raise InvalidInput("your vault has changed since you read what goes", "Do it again.")
            old = {one.view: one for one in _of(book, continued) if _goes_on(one, subject, controller)}
            made = dict[str, Bundle]()
            for view in views:
                if (bundle := self._begun(change, party, view, lock, old.get(view))) is not None:
                    made[bundle.name] = bundle
            if made:
                self._commit(change, book, {one.name: one for one in book.bundles} | made)
        return tuple(key_of(bundle) for bundle in made.values())

    def bring_up_to_date(self, lock: str) -> tuple[BundleKey, ...]:
        """Add to a live grant's continuing bundles what is new, changed or gone; the keys of all, with their heads."""
        with rarely_collecting(), self._folder.change() as change:
            book, mine = self._folder.book(), _of(self._folder.book(), lock)
            # One alone may have ended: of two homes' bundles with the same view, one goes on.
            live = [one for one in mine if not one.ended] or mine
            new = {one.name: one for one in mine}
            new |= {one.name: self._updated(change, self.party(one), one) for one in live}
            if any(one not in book.bundles for one in new.values()):
                self._commit(change, book, {one.name: one for one in book.bundles} | new)
        return tuple(key_of(bundle) for bundle in new.values())

    def end(self, *locks: str) -> int:
        """Mark the bundles of grants that ended: nothing is ever added to them. Return how many ended now.

        A bundle that another grant hands over too goes on, without this grant. What other homes have is taken over
        first: one of them may have made the bundles.
        """
        if not locks:
            return 0
        with self._folder.change() as change:
            book = self._folder.book()
            new = {one.name: _without(one, locks) for one in book.bundles if _ends(one, locks)}
            if new:
                self._commit(change, book, {one.name: one for one in book.bundles} | new)
        return sum(one.ended for one in new.values())

    def discard(self, lock: str) -> None:
        """Erase the bundles of a grant that was never anchored: nobody has their keys. Others' go on without it."""
        if not _of(self._folder.book(), lock):
            return
        with self._folder.change() as change:
            book = self._folder.book()
            made = {one.name: one for one in book.bundles}
            for bundle in _of(book, lock):
                if len(bundle.locks) > 1:
                    made[bundle.name] = _without(bundle, (lock,))
                elif self._folder.has_others:
                    # Another home may know it already, and would bring it back.
                    made[bundle.name] = msgspec.structs.replace(bundle, ended=True)
                else:
                    change.replace(files_of(self._store, self.party(bundle), bundle))
                    del made[bundle.name]
            self._commit(change, book, made)

    def of(self, lock: str) -> tuple[Bundle, ...]:
        """Return the bundles of a grant."""
        return tuple(_of(self._folder.book(), lock))

    def all(self) -> tuple[Bundle, ...]:
        """Return all bundles, ended ones too."""
        return self._folder.book().bundles

    def _begun(self, change: Change, party: Party, view: View, lock: str, old: Bundle | None) -> Bundle | None:
        if old is None:
            return begin(change, self._store, party, view, lock, self._records(view))
        updated = self._updated(change, party, old)
        return msgspec.structs.replace(updated, locks=(*updated.locks, lock))

    def _updated(self, change: Change, party: Party, bundle: Bundle) -> Bundle:
        return bring_up_to_date(change, self._store, party, bundle, self._records(bundle.view))

    def _records(self, view: View) -> Iterator[Record]:
        copy = self._folder.copy()
        since, until = (None if time is None else microseconds(time) for time in (view.from_, view.until))
        # The period is asked for too: most records of a category may lie outside of it.
        asked = Query(categories=(view.category,), since=since, until=until)
        return iter(()) if copy is None else copy.select(asked)

    def files_left(self, bundle: Bundle) -> list[str]:
        """Return the files of a bundle that the store has: those of an ended one may be gone."""
        return files_left(self._store, self.party(bundle), bundle)

    def party(self, bundle: Bundle) -> Party:
        """Return the relationship of a bundle, with the key that signs it."""
        key = self.key_for(bundle.subject, bundle.controller)
        return Party(bundle.subject, bundle.controller, key)

    def _commit(self, change: Change, book: VaultBook, bundles: dict[str, Bundle]) -> None:
        change.set_book(msgspec.structs.replace(book, bundles=tuple(bundles.values())))
        self._folder.commit(change)


def _of(book: VaultBook, lock: str | None) -> list[Bundle]:
    return [one for one in book.bundles if lock in one.locks]


def _goes_on(bundle: Bundle, subject: str, controller: str) -> bool:
    """Whether a grant that replaces a live one may hand it over: one that is not continuing stays as it was."""
    return bundle.view.continuing and not bundle.ended and (bundle.subject, bundle.controller) == (subject, controller)


def _ends(bundle: Bundle, locks: Iterable[str]) -> bool:
    return not bundle.ended and not set(bundle.locks).isdisjoint(locks)


def _without(bundle: Bundle, locks: Iterable[str]) -> Bundle:
    """Return a bundle without these grants; where no other one has it, it has ended."""
    left = tuple(one for one in bundle.locks if one not in locks)
    return msgspec.structs.replace(bundle, locks=left) if left else msgspec.structs.replace(bundle, ended=True)
