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
from registry.vault.bundles import Party, begin, bring_up_to_date, files_of, key_of
from registry.vault.changes import Change
from registry.vault.copy.query import Query
from registry.vault.folder import VaultFolder
from registry.vault.views import shown

_KeyFor = Callable[[str, str], Ed25519PrivateKey]
_NO_SECRET = bytes(32)


class Shares:
    """The bundles of a vault. ``key_for`` returns the key of a relationship (subject, controller)."""

    def __init__(
        self, folder: VaultFolder, store: BlockStore, key_for: Callable[[str, str], Ed25519PrivateKey]
    ) -> None:
        self._folder, self._store, self._key_for = folder, store, key_for

    def preview(self, view: View) -> Iterator[Record]:
        """Yield what a brand would get, with ids that mean nothing."""
        return (one for record in self._records(view) if (one := shown(record, view, _NO_SECRET, 1)) is not None)

    def begin(self, subject: str, controller: str, views: Sequence[View], lock: str) -> tuple[BundleKey, ...]:
        """Make a bundle of each view, for the grant with this lock that is about to be signed.

        ``InvalidInput`` where a view shows nothing, or where that grant has bundles already.
        """
        party = Party(subject, controller, self._key_for(subject, controller))
        with rarely_collecting(), self._folder.change() as change:
            book = self._folder.book()
            if _of(book, lock):
                raise InvalidInput("this grant has its bundles already")
            made = [begin(change, self._store, party, view, lock, self._records(view)) for view in views]
            self._commit(change, book, [*book.bundles, *made])
        return tuple(key_of(bundle) for bundle in made)

    def bring_up_to_date(self, lock: str) -> tuple[BundleKey, ...]:
        """Add to a live grant's bundles what is new, changed or gone; the keys of all of them, with their heads."""
        with rarely_collecting(), self._folder.change() as change:
            book = self._folder.book()
            new = {
                one.name: bring_up_to_date(change, self._store, self._party(one), one, self._records(one.view))
                for one in _of(book, lock)
            }
            if any(one not in book.bundles for one in new.values()):
                self._commit(change, book, [new.get(one.name, one) for one in book.bundles])
        return tuple(key_of(bundle) for bundle in new.values())

    def end(self, lock: str) -> None:
        """Mark the bundles of a grant that ended: nothing is ever added to them."""
        with self._folder.change() as change:
            book = self._folder.book()
            ended = {one.name for one in _of(book, lock) if not one.ended}
            if ended:
                bundles = [msgspec.structs.replace(one, ended=one.ended or one.name in ended) for one in book.bundles]
                self._commit(change, book, bundles)

    def discard(self, lock: str) -> None:
        """Erase the bundles of a grant that was never anchored: nobody has their keys."""
        with self._folder.change() as change:
            book = self._folder.book()
            gone = _of(book, lock)
            if any(len(one.locks) > 1 for one in gone):
                raise InvalidInput("another grant has these bundles too", "End the grant instead.")
            if gone:
                for bundle in gone:
                    change.replace(files_of(self._store, self._party(bundle), bundle))
                self._commit(change, book, [one for one in book.bundles if one not in gone])

    def of(self, lock: str) -> tuple[Bundle, ...]:
        """Return the bundles of a grant."""
        return tuple(_of(self._folder.book(), lock))

    def _records(self, view: View) -> Iterator[Record]:
        copy = self._folder.copy()
        since, until = (None if time is None else microseconds(time) for time in (view.from_, view.until))
        # The period is asked for too: most records of a category may lie outside of it.
        asked = Query(categories=(view.category,), since=since, until=until)
        return iter(()) if copy is None else copy.select(asked)

    def _party(self, bundle: Bundle) -> Party:
        key = self._key_for(bundle.subject, bundle.controller)
        return Party(bundle.subject, bundle.controller, key)

    def _commit(self, change: Change, book: VaultBook, bundles: Iterable[Bundle]) -> None:
        change.set_book(msgspec.structs.replace(book, bundles=tuple(bundles)))
        self._folder.commit(change)


def _of(book: VaultBook, lock: str) -> list[Bundle]:
    return [one for one in book.bundles if lock in one.locks]
