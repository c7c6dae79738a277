"""Streams without some of their versions: the segments that hold them are sealed again, the others stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Literal, NamedTuple

from registry.core.errors import CouldNotCheck, Malformed, SealedDataError
from registry.core.sealed.heads import SegmentRef
from registry.core.sealed.index import Bundle, OwnStream
from registry.core.sealed.records import Record, id_in_bundle
from registry.storage.base import BlockStore
from registry.vault.branches import Held
from registry.vault.bundles import Party, entry_of, files_left, held_in_branches, replaced, united
from registry.vault.changes import Change
from registry.vault.streams import Keep, Streams

# What is being erased, and how much of it is done: at, of.
Told = Callable[[Literal["segments", "copy", "stores"], int, int], object]


class Counting:
    """Tells how many of ``total`` segments are done, each time that it is called."""

    def __init__(self, told: Told, total: int) -> None:
        self._told, self._total, self._done = told, total, 0

    def __call__(self) -> None:
        self._done += 1
        self._told("segments", self._done, self._total)


class Rewritten(NamedTuple):
    """The segments of a stream, newest first, and how many versions were left out."""

    segments: list[SegmentRef]
    dropped: int


def without(streams: Streams, stream: OwnStream, keep: Keep, told: Callable[[], object] = lambda: None) -> Rewritten:
    """Seal again each segment that holds a version which ``keep`` does not. Memory holds one segment.

    ``told`` is called behind each segment.
    """
    segments, dropped = list[SegmentRef](), 0
    for ref in streams.segments(stream):
        if lost := sum(not keep(one) for one in streams.records(stream, ref)):
            left = (one for one in streams.records(stream, ref) if keep(one))
            segments += reversed(list(streams.store(stream, left)))
            dropped += lost
        else:
            segments.append(ref)
        told()
    return Rewritten(segments, dropped)


def take_back(
    change: Change, store: BlockStore, party: Party, bundle: Bundle, ids: set[str]
) -> tuple[Bundle, set[str]]:
    """Put tombstones in place of these records (own ids) in a live bundle.

    Return the bundle and which of the ids it held; the same bundle where it held none. Of a bundle that another home
    went on with apart, the new head takes account of that too, and tells nothing that no brand was told before.
    """
    streams, entry = Streams(party.key, store.get, change.put), entry_of(bundle)
    names = {id_in_bundle(bytes.fromhex(bundle.secret), one): one for one in ids}
    held = held_in_branches(store, party, bundle) if bundle.apart else Held({})
    newest = {name: one for name, one in held.newest.items() if name in names}

    def keep(record: Record) -> bool:
        if record.id not in names:
            return True
        if record.id not in newest or newest[record.id].counter < record.counter:
            newest[record.id] = record
        return record.deleted

    left = without(streams, entry, keep)
    gone = [one for one in newest.values() if not one.deleted or one.id in held.doubtful]
    stones = [Record(id=one.id, counter=one.counter + 1, deleted=True) for one in gone]
    # A branch that holds one of the records must go whole, so the new head outdoes all that it says.
    if not left.dropped and not stones and not (bundle.apart and newest):
        return bundle, set()
    new = [*stones, *(one for one in united(held) if one.id not in names)]
    segments = [*reversed(list(streams.store(entry, new))), *left.segments]
    grown = streams.rewrite(entry, segments, streams.files(entry))
    return replaced(change, store, party, bundle, grown), {names[one] for one in newest}


def let_go(
    change: Change,
    store: BlockStore,
    party_of: Callable[[Bundle], Party],
    before: Iterable[Bundle],
    now: Iterable[Bundle],
) -> None:
    """Let the blocks of bundles go that left the book, because another home shredded all of their grants.

    They go once no home names them. What cannot be read any more was erased by that home, or is left to it.
    """
    left = {one.name for one in now}
    for bundle in before:
        if bundle.name not in left:
            with suppress(CouldNotCheck, SealedDataError, Malformed):
                change.replace(files_left(store, party_of(bundle), bundle), bundle.name, bundle.number)
