"""What a vault knows of evidence: what is kept and not used until a day, and what was shredded.

The evidence itself lies in the person's home. The book notes its digest while it is restricted, and after its
shredding a mark that tells nothing without the seed. The grant's bundles and its capsule lie in the store, and go here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from registry.core.errors import InvalidInput, StorageUnavailable
from registry.core.scalars import unhex
from registry.core.sealed.certificate import CopySearched, Searched
from registry.core.sealed.index import Restricted, VaultBook
from registry.storage.base import BlockStore
from registry.vault.changes import Change
from registry.vault.folder import VaultFolder
from registry.vault.holds import (
    check_day,
    day_of,
    due,
    evidence_in_force,
    forgotten,
    held,
    marked,
    restricted,
    without_grants,
)
from registry.vault.shares import Shares
from registry.vault.traces import look_for, look_into_stores


class Answered(NamedTuple):
    """A statement of the person's: its digest, the lock of its bundles, and the CID of its capsule, or "" for none."""

    digest: str
    lock: str = ""
    capsule: str = ""


class EvidenceMarks:
    """Notes in the book which evidence is restricted or shredded, and erases what a shredded grant handed over."""

    def __init__(self, folder: VaultFolder, store: BlockStore, shares: Shares, clock: Callable[[], float]) -> None:
        self._folder, self._store, self._shares, self._clock = folder, store, shares, clock

    def restrictions(self) -> dict[str, Restricted]:
        """Return the evidence that is kept and not used, by its digest."""
        return {one.record: one for one in evidence_in_force(self._folder.book())}

    def held(self) -> dict[str, Restricted]:
        """Return the evidence on a legal hold whose day has not come, by its digest."""
        return held(evidence_in_force(self._folder.book()), self._today())

    def due(self) -> list[str]:
        """Return the digests of the restricted evidence whose day has come."""
        return due(evidence_in_force(self._folder.book()), self._today())

    def is_shredded(self) -> Callable[[str], bool]:
        """Return what tells whether the evidence with a digest was shredded, by any home of this seed."""
        marks, mark_of = set(self._folder.book().shredded), self._folder.mark_of
        return lambda digest: bool(marks) and mark_of(unhex(digest)) in marks

    def restrict(self, digests: Collection[str], until: str, reason: str | None = None) -> None:
        """Note that evidence is kept and not used until a day (UTC); with a ``reason`` it is a legal hold."""
        self.check_until(until)
        with self._folder.change() as change:
            change.set_book(restricted(self._folder.book(), digests, until, reason))
            self._folder.commit(change)

    def check_until(self, until: str) -> None:
        """Raise ``InvalidInput`` for what is no day, or not in the future."""
        check_day(until)
        if until <= self._today():
            raise InvalidInput(f"{until} is not in the future", "Name a later day.")

    def release(self, digests: Collection[str]) -> set[str]:
        """Note that evidence is in use again, and end its holds; return the digests of what was restricted."""
        with self._folder.change() as change:
            book = self._folder.book()
            if found := {one.record for one in evidence_in_force(book)} & set(digests):
                change.set_book(restricted(book, found, None))
                self._folder.commit(change)
        return found

    def shred(self, some: Collection[Answered]) -> list[str]:
        """Mark evidence as shredded, and erase its capsules and the bundles that only it handed over, as one change.

        A bundle that another grant hands over too stays, without this one. Return the CIDs of all blocks that go, some
        of them when no other home names them any more. ``InvalidInput`` for evidence on a legal hold. After an error
        of the store before the new state was written, nothing has changed. It may be repeated.
        """
        with self._folder.change() as change:
            book = self._folder.book()
            self._check_holds(book, [one.digest for one in some])
            locks = {one.lock for one in some if one.lock}
            left = without_grants(book, locks.__contains__)
            self._replace_bundles(change, book, left)
            capsules = [one.capsule for one in some if one.capsule]
            change.replace(one for one in capsules if self._store.has(one))
            marks = [self._folder.mark_of(unhex(one)) for one in (*locks, *(one.digest for one in some))]
            left = marked(forgotten(left, {one.digest for one in some}.__contains__), marks)
            if left != book or change.replaced:
                change.set_book(left)
                self._commit(change)
            return list(dict.fromkeys((*capsules, *change.replaced)))

    def traces_in_book(self, traces: Iterable[bytes]) -> set[bytes]:
        """Return those of these traces that the newest book holds, unsealed."""
        raw = msgspec.json.encode(self._folder.book())
        return {one for one in traces if one in raw}

    def studies(self) -> frozenset[str]:
        """Return the digests of the requests of studies that were given something."""
        return frozenset(one.request for one in self._folder.book().spent)

    def look_into_stores(
        self, blocks: Sequence[str], place: str, others: Mapping[str, BlockStore]
    ) -> tuple[Searched, ...]:
        """Ask the vault's store, which is called ``place``, and ``others`` for each block; see `traces`."""
        return look_into_stores(blocks, {place: self._store}, others)

    def look_into_copy(self, traces: Sequence[bytes]) -> CopySearched:
        """Look for these byte strings in the decrypted pages of the working copy."""
        return look_for(self._folder, traces)

    @property
    def is_logged(self) -> bool:
        """Whether a log of the store may still hold blocks that were deleted."""
        return self._folder.journal.is_logged

    def now(self) -> int:
        """Return the present in unix seconds, by the vault's clock."""
        return int(self._clock())

    def _check_holds(self, book: VaultBook, digests: Iterable[str]) -> None:
        on_hold = held(evidence_in_force(book), self._today())
        for digest in digests:
            if digest in on_hold:
                one = on_hold[digest]
                what = f"{digest[:14]} is on a legal hold until {one.until} ({one.reason})"
                raise InvalidInput(what, "`consent evidence release` ends a hold.")

    def _replace_bundles(self, change: Change, book: VaultBook, left: VaultBook) -> None:
        names = {one.name for one in left.bundles}
        for bundle in book.bundles:
            if bundle.name not in names:
                files = self._shares.files_left(bundle)
                if self._folder.has_others:
                    change.replace(files, bundle.name, bundle.number)
                else:
                    change.replace(files)

    def _commit(self, change: Change) -> None:
        before = self._folder.journal.index
        try:
            self._folder.commit(change)
        except StorageUnavailable:
            # The new state is written, and some blocks could not be erased: the certificate counts them.
            if self._folder.journal.index == before:
                raise

    def _today(self) -> str:
        return day_of(self._clock())
