"""Writes again what a check found to be missing or damaged, from the versions that the working copy holds.

Nothing is given up silently: what no copy of ours can bring back is lost only if the person accepts that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

import msgspec

from registry.core.errors import InvalidInput, StorageUnavailable, WorkingCopyLost
from registry.core.sealed.heads import SegmentRef
from registry.core.sealed.index import Bundle, OwnStream, VaultBook
from registry.core.sealed.records import Record, id_in_bundle
from registry.storage.base import BlockStore
from registry.vault.branches import entries_of, moved_on
from registry.vault.bundles import entry_of
from registry.vault.changes import Change
from registry.vault.check import Fault, Health
from registry.vault.copy.query import Query
from registry.vault.copy.working_copy import WorkingCopy
from registry.vault.folder import VaultFolder
from registry.vault.shares import Shares
from registry.vault.streams import Streams
from registry.vault.views import shown

_Key = tuple[str, int, str]
_ADVICE = "Find another copy of these blocks first; --accept-loss goes on without them."


class Repaired(NamedTuple):
    """What a repair did: versions and bundles that were written again, and what is lost for good, in words.

    ``left`` names, also in words, what another home may repair, and this one not.
    """

    versions: int
    bundles: int
    lost: tuple[str, ...]
    left: tuple[str, ...] = ()


class Repair:
    """Repairs what ``health`` names, as one change."""

    def __init__(self, folder: VaultFolder, store: BlockStore, shares: Shares, health: Health) -> None:
        self._folder, self._store, self._shares, self._health = folder, store, shares, health
        self._lost, self._left = list[str](), list[str]()

    def run(self, accept_loss: bool = False) -> Repaired:
        """Write again what can be; ``InvalidInput`` names what would be lost, unless the person accepts it.

        `StorageUnavailable` where the store did not answer for everything: what is there must not be given up.
        """
        faults = self._health.faults
        if not self._health.is_known:
            raise StorageUnavailable("the store did not answer for all blocks, so nothing was repaired")
        self._lost = [f"the file {one.cid}: {one.records} records" for one in faults if one.part == "file"]
        copy, versions, bundles = self._sound_copy(), 0, 0
        if any(one.part not in ("file", "working copy") for one in faults):
            with self._folder.repairing(self._health.index is None) as change:
                versions = self._streams(change, copy)
                change.replace(self._orphans(copy))
                bundles = self._book(change, copy)
                if self._lost and not accept_loss:
                    raise InvalidInput("a repair would give up: " + "; ".join(self._lost), _ADVICE)
                self._store.delete(one.block for one in faults if one.kind == "altered" and one.block)
                self._folder.commit(change)
        if copy is None or any(one.part == "working copy" for one in faults):
            self._folder.forget_copy()
            self._folder.copy()
        return Repaired(versions, bundles, tuple(self._lost), tuple(self._left))

    def _sound_copy(self) -> WorkingCopy | None:
        """Return the working copy if it is whole."""
        if any(one.part == "working copy" for one in self._health.faults):
            return None
        try:
            return self._folder.copy_as_it_is()
        except WorkingCopyLost:
            return None

    def _orphans(self, copy: WorkingCopy | None) -> Iterator[str]:
        """Yield the segments that the copy knows, that can be read, and that no head names any more.

        Where there are other homes, there are none: theirs are read into the copy before an index of this one has them.
        """
        if self._folder.has_others:
            return
        sound = {one.cid for refs in self._health.segments.values() for one in refs}
        bad = {one.cid for one in self._health.faults}
        for cid in copy.segments() if copy else ():
            if cid not in sound | bad and self._store.has(cid):
                yield cid

    def _is_current(self, copy: WorkingCopy | None) -> bool:
        return copy is not None and copy.root == self._folder.journal.index

    def _streams(self, change: Change, copy: WorkingCopy | None) -> int:
        """Write again the versions of each stream that segments which can be read do not have; return how many."""
        if self._health.index is None:
            return self._all_again(change, copy)
        streams, count = Streams(self._folder.owner.key, self._store.get, change.put), 0
        for stream in self._health.index.streams:
            faults = self._faults_of(stream.stream, ("stream", "segment"))
            if not faults:
                continue
            if self._folder.has_others and not stream.stream.startswith(change.home):
                # Only the home that began a stream writes to it.
                self._left.append(f"{sum(one.records for one in faults):,} versions of {stream.category}")
                continue
            sound = self._health.segments[stream.stream]
            lacking = _Counted(self._lacking(streams, stream, copy))
            made = list(streams.store(stream, lacking))
            change.rewrite(stream, [*reversed(made), *sound], self._readable(stream, sound))
            count += lacking.count
            self._note_loss(stream, faults, lacking.count, self._is_current(copy))
        return count

    def _lacking(self, streams: Streams, stream: OwnStream, copy: WorkingCopy | None) -> Iterator[Record]:
        """Yield the versions of the stream's category that the copy has and no segment that can be read."""
        index = self._health.index
        alike = [one for one in (index.streams if index else ()) if one.category == stream.category]
        read = (streams.records(one, ref) for one in alike for ref in self._health.segments[one.stream])
        known = {_key(one) for one in chain.from_iterable(read)}
        if copy is not None:
            yield from (one for one in copy.versions_of(stream.category) if _key(one) not in known)

    def _all_again(self, change: Change, copy: WorkingCopy | None) -> int:
        """The index is lost, and with it the keys of all streams: each category gets a new one."""
        if copy is None:
            raise InvalidInput("index and working copy are both lost", "Restore the home from a backup.")
        if not self._is_current(copy):
            self._lost.append("records that the working copy did not have yet")
        count = 0
        for category in copy.categories():
            versions = _Counted(copy.versions_of(category))
            change.add(category, versions)
            count += versions.count
        return count

    def _note_loss(self, stream: OwnStream, faults: list[Fault], found: int, is_current: bool) -> None:
        missing = sum(one.records for one in faults) - found
        if is_current or missing <= 0:
            return
        self._lost.append(f"up to {missing:,} versions of {stream.category}")

    def _book(self, change: Change, copy: WorkingCopy | None) -> int:
        """Write the book again; return how many bundles were mended."""
        book, bundles, count = self._health.book, list[Bundle](), 0
        if book is None:
            self._lost.append("the book: bundles, own schemas, accounts, restrictions, marks of shredded records")
            change.set_book(VaultBook(), is_lost=True)
            return 0
        for bundle in book.bundles:
            names = (bundle.name, *(one.head for one in bundle.apart))
            is_bad = not bundle.ended and any(self._faults_of(name, ("bundle",)) for name in names)
            bundles.append(self._bundle(change, bundle, copy) if is_bad else bundle)
            count += bool(is_bad)
        if count:
            change.set_book(msgspec.structs.replace(book, bundles=tuple(bundles)))
        return count

    def _bundle(self, change: Change, bundle: Bundle, copy: WorkingCopy | None) -> Bundle:
        """Put again what the readable segments of a bundle lack of what its view shows."""
        if not bundle.view.continuing:
            # Nobody knows any more what it showed then, and the view of today may show what was never granted.
            self._lost.append(f"a part of what was handed over once to {bundle.controller}")
        elif copy is None:
            self._lost.append(f"a part of the bundle for {bundle.controller}, until it is brought up to date")
        streams = Streams(self._shares.party(bundle).key, self._store.get, change.put)
        entry, sound = entry_of(bundle), self._health.segments[bundle.name]
        # What another home added apart is outdone as a whole.
        known = set[str]() if bundle.apart else {one.id for ref in sound for one in streams.records(entry, ref)}
        segments = [*reversed(list(streams.store(entry, self._again(bundle, streams, known, copy)))), *sound]
        grown = streams.rewrite(entry, segments, chain(*self._files_of_branches(bundle)))
        change.replace(grown.replaced, bundle.name, grown.stream.number)
        return moved_on(bundle, change.home, grown.stream)

    def _again(self, bundle: Bundle, streams: Streams, known: set[str], copy: WorkingCopy | None) -> Iterator[Record]:
        """Yield what the view shows and is not known, and tombstones of what was only added apart and is gone.

        Of a bundle that shows one moment these are tombstones alone: of what was taken back apart.
        """
        # No version has a larger counter than the bundle has heads, so this one is newer than all that a brand read.
        secret, counter, entry = bytes.fromhex(bundle.secret), bundle.number + 1, entry_of(bundle)
        refs = (ref for one in bundle.apart for ref in self._health.segments.get(one.head, ()))
        is_continuing, records = bundle.view.continuing, (one for ref in refs for one in streams.records(entry, ref))
        left = {one.id for one in records if is_continuing or one.deleted}
        shows = copy.select(Query(categories=(bundle.view.category,))) if copy and is_continuing else ()
        for record in shows:
            if id_in_bundle(secret, record.id) not in known and (
                made := shown(record, bundle.view, secret, counter, bundle.controller)
            ):
                left.discard(made.id)
                yield made
        yield from (Record(id=name, counter=counter, deleted=True) for name in sorted(left))

    def _files_of_branches(self, bundle: Bundle) -> Iterator[Iterator[str]]:
        for entry in entries_of(bundle):
            of = bundle.name if entry.head == bundle.head else entry.head
            yield self._readable(entry, self._health.segments.get(of, []), of)

    def _faults_of(self, name: str, parts: Iterable[str]) -> list[Fault]:
        return [one for one in self._health.faults if one.of == name and one.part in parts]

    def _readable(self, stream: OwnStream, sound: list[SegmentRef], of: str = "") -> Iterator[str]:
        """Yield the files of a stream that can be read: the others cannot be taken apart to be erased."""
        yield from self._health.lists.get(of or stream.stream, ())
        yield from (one.cid for one in sound)
        if not any(one.cid == stream.head for one in self._health.faults):
            yield stream.head


class _Counted(Iterable[Record]):
    """Versions that are counted as they pass."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._records, self.count = records, 0

    def __iter__(self) -> Iterator[Record]:
        for record in self._records:
            self.count += 1
            yield record


def _key(record: Record) -> _Key:
    return record.id, *record.version
