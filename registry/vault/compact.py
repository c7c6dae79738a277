"""Compaction: small segments become full ones, and what no reader needs any more goes.

History stays. What goes is the content of deleted records, the blocks of ended bundles, and files that nothing names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, groupby
from typing import NamedTuple

import msgspec

from registry.core.errors import InvalidInput
from registry.core.sealed.bundles import FILE
from registry.core.sealed.files import Budget, read_stored
from registry.core.sealed.heads import SegmentRef
from registry.core.sealed.index import Bundle, OwnStream
from registry.core.sealed.records import Record, id_bytes
from registry.core.sealed.segments import MAX_FRAME, MAX_RECORDS, MAX_SEGMENT
from registry.storage.base import BlockStore
from registry.vault.bundles import held_by_brand
from registry.vault.changes import Change
from registry.vault.copy.working_copy import WorkingCopy
from registry.vault.folder import VaultFolder
from registry.vault.shares import Shares
from registry.vault.streams import Streams

Told = Callable[[int, int], object]


class Compacted(NamedTuple):
    """What a compaction did. ``bytes`` is how much less the store holds than before."""

    segments_before: int
    segments_after: int
    versions: int
    bundles: int
    files: int
    bytes: int


class _Work(NamedTuple):
    """The segments of one category that are sealed again, and those that stay, newest first."""

    again: list[tuple[OwnStream, SegmentRef]]
    stays: list[SegmentRef]
    dropped: int


class Compaction:
    """Compacts a vault. ``told`` hears how many of how many segments were read."""

    def __init__(self, folder: VaultFolder, store: BlockStore, shares: Shares, told: Told = lambda *_: None) -> None:
        self._folder, self._store, self._shares, self._told = folder, store, shares, told
        self._read = self._all = 0

    def run(self) -> Compacted:
        """Compact as one change, and the working copy after it. Where nothing is to do, nothing is written."""
        with self._folder.change() as change:
            copy, before = self._folder.copy(), self._store.stat().bytes
            if copy is None or change.index is None:
                raise InvalidInput("the vault is empty")
            streams = Streams(self._folder.owner.key, self._store.get, change.put)
            had = {one.stream: streams.segments(one) for one in self._own(change)}
            self._all = sum(map(len, had.values()))
            deleted, files = self._deleted(copy)
            groups = _by_category(self._own(change))
            done = [self._category(change, streams, group, had, deleted) for group in groups]
            ended = self._end_bundles(change)
            change.replace(files)
            if any(one is not None for one in done) or ended or files:
                self._folder.commit(change)
            copy.erase_content(deleted)
            made = [one for one in done if one is not None]
            segments = self._all + sum(after - first for first, after, _ in made)
            dropped = sum(lost for *_, lost in made)
            saved = before - self._store.stat().bytes
        return Compacted(self._all, segments, dropped, len(ended), len(files), saved)

    def _own(self, change: Change) -> list[OwnStream]:
        """Return the streams that this home may write to, its own first: another home's is that home's alone."""
        streams = change.index.streams if change.index else ()
        own = [one for one in streams if one.stream.startswith(change.home)]
        return own + ([] if self._folder.has_others else [one for one in streams if one not in own])

    def _category(
        self,
        change: Change,
        streams: Streams,
        group: list[OwnStream],
        had: dict[str, list[SegmentRef]],
        deleted: set[str],
    ) -> tuple[int, int, int] | None:
        """Compact the streams of a category into the first; how many segments, how many after, versions dropped."""
        main, *others = group
        work = self._work(streams, group, had, deleted)
        if not others and not work.dropped and len(work.again) < 2:
            return None
        versions = _united(streams, work.again, deleted)
        made = [*work.stays, *reversed(list(streams.store(main, versions)))]
        change.rewrite(main, made, streams.files(main))
        for other in others:
            change.rewrite(other, [], streams.files(other), stays=self._folder.has_others)
        return sum(len(had[one.stream]) for one in group), len(made), work.dropped

    def _work(
        self, streams: Streams, group: list[OwnStream], had: dict[str, list[SegmentRef]], deleted: set[str]
    ) -> _Work:
        again, stays, dropped = list[tuple[OwnStream, SegmentRef]](), list[SegmentRef](), 0
        for stream in group:
            for ref in had[stream.stream]:
                lost = sum(_goes(one, deleted) for one in streams.records(stream, ref)) if deleted else 0
                if lost or stream is not group[0] or self._is_small(ref):
                    again.append((stream, ref))
                else:
                    stays.append(ref)
                dropped += lost
                self._read += 1
                self._told(self._read, self._all)
        return _Work(again, stays, dropped)

    def _is_small(self, ref: SegmentRef) -> bool:
        if ref.records > MAX_RECORDS // 2:
            return False
        return len(read_stored(ref.cid, self._store.get, MAX_SEGMENT, Budget())) < MAX_FRAME // 2

    def _end_bundles(self, change: Change) -> list[Bundle]:
        """Let the blocks and keys of ended bundles go."""
        book = self._folder.book()
        # Another home would bring them back.
        ended = [one for one in book.bundles if one.ended and not self._folder.has_others]
        for bundle in ended:
            change.replace(self._shares.files_left(bundle))
        if ended:
            left = tuple(one for one in book.bundles if not one.ended)
            change.set_book(msgspec.structs.replace(book, bundles=left))
        return ended

    def _deleted(self, copy: WorkingCopy) -> tuple[set[str], list[str]]:
        """Return the deleted records whose content goes, and their files that nothing else names.

        A record whose file a live bundle still names stays: without it, nobody would know of that file afterwards.
        So it does while there are other homes: one that has edited it meanwhile brings it back, and needs the file.
        """
        # What is on a hold, or withdrawn, was deleted by a home that did not know it. Only shredding lets it go.
        deleted, files = copy.deleted() - copy.restricted(), list(copy.files())
        if self._folder.has_others:
            deleted -= {name for name, _ in files}
        named = {file.cid for name, file in files if name not in deleted}
        if any(name in deleted for name, _ in files):
            in_bundles = set(self._files_of_bundles())
            deleted -= {name for name, file in files if file.cid in in_bundles}
        gone = {file.cid for name, file in files if name in deleted} - named
        return deleted, sorted(one for one in gone if one and self._store.has(one))

    def _files_of_bundles(self) -> Iterator[str]:
        for bundle in self._folder.book().bundles:
            if not bundle.ended and FILE in bundle.view.members:
                held = held_by_brand(self._store, self._shares.party(bundle), bundle)
                yield from (one.file.cid for one in held.values() if one.file is not None and one.file.cid)


def _by_category(streams: Iterable[OwnStream]) -> Iterator[list[OwnStream]]:
    ordered = sorted(streams, key=lambda one: one.category)  # which keeps a home's own streams first
    for _, group in groupby(ordered, key=lambda one: one.category):
        yield list(group)


def _united(streams: Streams, parts: Iterable[tuple[OwnStream, SegmentRef]], deleted: set[str]) -> Iterator[Record]:
    """Yield each version once, the oldest segments first."""
    seen = set[bytes]()
    for record in chain.from_iterable(streams.records(stream, ref) for stream, ref in reversed(list(parts))):
        key = id_bytes(record.id) + record.counter.to_bytes(8) + bytes.fromhex(record.home or "")
        if key not in seen and not _goes(record, deleted):
            seen.add(key)
            yield record


def _goes(record: Record, deleted: set[str]) -> bool:
    return not record.deleted and record.id in deleted
