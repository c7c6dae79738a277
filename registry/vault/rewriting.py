"""Streams without some of their versions: the segments that hold them are sealed again, the others stay as they are."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from registry.core.sealed.heads import SegmentRef
from registry.core.sealed.index import Bundle, OwnStream
from registry.core.sealed.records import Record, id_in_bundle
from registry.storage.base import BlockStore
from registry.vault.bundles import Party, entry_of
from registry.vault.changes import Change
from registry.vault.streams import Keep, Streams


class Rewritten(NamedTuple):
    """The segments of a stream, newest first, and how many versions were left out."""

    segments: list[SegmentRef]
    dropped: int


def without(streams: Streams, stream: OwnStream, keep: Keep) -> Rewritten:
    """Seal again each segment that holds a version which ``keep`` does not. Memory holds one segment."""
    segments, dropped = list[SegmentRef](), 0
    for ref in streams.segments(stream):
        if lost := sum(not keep(one) for one in streams.records(stream, ref)):
            left = (one for one in streams.records(stream, ref) if keep(one))
            segments += reversed(list(streams.store(stream, left)))
            dropped += lost
        else:
            segments.append(ref)
    return Rewritten(segments, dropped)


def take_back(
    change: Change, store: BlockStore, party: Party, bundle: Bundle, ids: set[str]
) -> tuple[Bundle, set[str]]:
    """Put tombstones in place of these records (own ids) in a live bundle.

    Return the bundle and which of the ids it held; the same bundle where it held none.
    """
    streams, entry, newest = Streams(party.key, store.get, change.put), entry_of(bundle), dict[str, Record]()
    names = {id_in_bundle(bytes.fromhex(bundle.secret), one): one for one in ids}

    def keep(record: Record) -> bool:
        if record.id not in names:
            return True
        if record.id not in newest or newest[record.id].counter < record.counter:
            newest[record.id] = record
        return record.deleted

    left = without(streams, entry, keep)
    stones = [Record(id=one.id, counter=one.counter + 1, deleted=True) for one in newest.values() if not one.deleted]
    if not left.dropped and not stones:
        return bundle, set()
    segments = [*reversed(list(streams.store(entry, stones))), *left.segments]
    grown = streams.rewrite(entry, segments, streams.files(entry))
    change.replace(grown.replaced, bundle.name, grown.stream.number)
    made = msgspec.structs.replace(bundle, number=grown.stream.number, head=grown.stream.head)
    return made, {names[one] for one in newest}
