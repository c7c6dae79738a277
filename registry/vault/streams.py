"""Streams, the own ones and those of bundles: read them, add versions to them, and merge their small segments."""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry.core.age.recipients import generate_identity, recipient_of
from registry.core.errors import Malformed
from registry.core.ipld.cid import Block
from registry.core.ipld.unixfs import file_blocks
from registry.core.sealed.documents import Signed, public_key_of, seal_document, signed
from registry.core.sealed.files import Budget, read_stored
from registry.core.sealed.heads import MAX_LISTS, MAX_SEGMENTS, SegmentList, SegmentRef, StreamHead, StreamReader
from registry.core.sealed.index import OwnStream
from registry.core.sealed.records import Record
from registry.core.sealed.segments import MAX_SEGMENT, make_segments, read_segment

# So many segments of one size are merged into one of the next size, as long as that holds at most so many versions.
FANOUT, MOST_MERGED = 8, 512
# A merge for one new record must stay cheap: segments of large records stay as they are.
MAX_MERGED_BYTES = 128 * 1024
# The oldest segments of a full head go into a list, so many at once.
_SPILLED = MAX_SEGMENTS // 2
# A vault is its owner's own: no bound but against a loop.
_MAX_OPENED = 1 << 44

Keep = Callable[[Record], bool]


_RANDOM_BYTES = 8


class NewStream(NamedTuple):
    """A stream that no index names yet."""

    stream: str
    category: str
    identity: str


class Grown(NamedTuple):
    """A stream after a change: its entry in the index, and the files that nothing names any more."""

    stream: OwnStream
    replaced: tuple[str, ...]


def new_stream(category: str, home: str) -> NewStream:
    """Make the name and the key of a stream. Its name begins with that of the home, which alone writes to it."""
    return NewStream(home + secrets.token_hex(_RANDOM_BYTES), category, generate_identity())


class Streams:
    """Reads and writes streams that ``key`` signs: the owner's, or that of a relationship.

    ``get`` and ``put`` are the store's. ``keep`` tells whether a merged segment still holds a version: those of a
    deleted record go.
    """

    def __init__(
        self,
        key: Ed25519PrivateKey,
        get: Callable[[str], bytes],
        put: Callable[[Iterable[Block]], None],
        keep: Keep = lambda record: True,
    ) -> None:
        self._key, self._get, self._put, self._keep = key, get, put, keep
        self._signer = public_key_of(key)

    def segments(self, stream: OwnStream) -> list[SegmentRef]:
        """Return all segments of a stream, newest first."""
        reader = self._reader(stream)
        return list(reader.segments(reader.head(stream.head)))

    def lists(self, stream: OwnStream) -> list[str]:
        """Return the CIDs of a stream's lists of older segments."""
        reader, found = self._reader(stream), list[str]()
        older = reader.head(stream.head).older
        for _ in range(MAX_LISTS):
            if older is None:
                return found
            found.append(older)
            older = reader.older(older).older
        raise Malformed(f"a stream has more than {MAX_LISTS:,} lists of segments")

    def records(self, stream: OwnStream, segment: SegmentRef) -> Iterator[Record]:
        """Yield the versions of a segment; until this ends without an error, keep nothing of it."""
        return self._reader(stream).records(segment)

    def store(self, stream: OwnStream | NewStream, records: Iterable[Record]) -> Iterator[SegmentRef]:
        """Seal and put versions as segments, each as soon as it is full. No head names them yet."""
        for segment in make_segments(records, recipient_of(stream.identity)):
            yield SegmentRef(self._put_file(segment.sealed), segment.records)

    def grow(self, stream: OwnStream | NewStream, new: Sequence[SegmentRef]) -> Grown:
        """Put a head that names these segments too, given oldest first, and merge small ones."""
        old = self._reader(stream).head(stream.head) if isinstance(stream, OwnStream) else None
        segments = [*reversed(new), *(old.segments if old else ())]
        replaced = self._merge(stream, segments)
        entry = self._put_head(stream, segments, old.older if old else None, old.number + 1 if old else 1)
        gone = [*replaced, stream.head] if isinstance(stream, OwnStream) else replaced
        return Grown(entry, tuple(gone))

    def rewrite(self, stream: OwnStream, segments: Sequence[SegmentRef], old: Iterable[str]) -> Grown:
        """Put a head that names exactly these segments, newest first. Of the ``old`` files, those that it leaves go."""
        entry = self._put_head(stream, list(segments), None, stream.number + 1)
        named = {one.cid for one in segments}
        return Grown(entry, tuple(one for one in old if one not in named))

    def files(self, stream: OwnStream) -> list[str]:
        """Return the CIDs of all files of a stream: its head, its lists and its segments."""
        return [stream.head, *self.lists(stream), *(one.cid for one in self.segments(stream))]

    def without(self, stream: OwnStream, is_gone: Callable[[Record], bool]) -> Grown | None:
        """Put a head of segments that hold none of these versions; None where none of them stands there.

        It reads the whole stream.
        """
        segments, replaced = list[SegmentRef](), list[str]()
        for segment in self.segments(stream):
            records = list(self.records(stream, segment))
            kept = [one for one in records if not is_gone(one)]
            if len(kept) == len(records):
                segments.append(segment)
            else:
                replaced.append(segment.cid)
                segments += reversed(list(self.store(stream, kept)))
        if not replaced:
            return None
        entry = self._put_head(stream, segments, None, stream.number + 1)
        return Grown(entry, (*replaced, *self.lists(stream), stream.head))

    def _reader(self, stream: OwnStream | NewStream) -> StreamReader:
        return StreamReader(stream.stream, stream.identity, self._signer, self._get, Budget(_MAX_OPENED))

    def _merge(self, stream: OwnStream | NewStream, segments: list[SegmentRef]) -> list[str]:
        """Merge the newest segments in place, as long as there are enough of one size; return those that went."""
        replaced = list[str]()
        while run := _mergeable(segments):
            files = [read_stored(one.cid, self._get, MAX_SEGMENT, Budget()) for one in segments[:run]]
            if sum(map(len, files)) > MAX_MERGED_BYTES:
                break
            made = list(self.store(stream, self._united(stream, files)))
            replaced += [one.cid for one in segments[:run]]
            segments[:run] = reversed(made)
            if len(made) > 1:
                break
        return replaced

    def _united(self, stream: OwnStream | NewStream, files: Sequence[bytes]) -> Iterable[Record]:
        versions = dict[tuple[str, tuple[int, str]], Record]()
        for file in reversed(files):
            versions |= {(one.id, one.version): one for one in read_segment(file, stream.identity) if self._keep(one)}
        return versions.values()

    def _put_head(
        self, stream: OwnStream | NewStream, segments: list[SegmentRef], older: str | None, number: int
    ) -> OwnStream:
        older = self._spill(stream, segments, older)
        head = StreamHead(stream=stream.stream, number=number, segments=tuple(segments), older=older)
        return OwnStream(stream.stream, stream.category, stream.identity, self._put_document(stream, head), number)

    def _spill(self, stream: OwnStream | NewStream, segments: list[SegmentRef], older: str | None) -> str | None:
        """Move the oldest segments into lists until the rest fits a head; return the newest list."""
        while len(segments) > MAX_SEGMENTS:
            part = SegmentList(stream=stream.stream, segments=tuple(segments[-_SPILLED:]), older=older)
            older = self._put_document(stream, part)
            del segments[-_SPILLED:]
        return older

    def _put_document(self, stream: OwnStream | NewStream, document: Signed) -> str:
        return self._put_file(seal_document(signed(document, self._key), recipient_of(stream.identity)))

    def _put_file(self, sealed: bytes) -> str:
        blocks = list(file_blocks(io.BytesIO(sealed)))
        self._put(blocks)
        return blocks[-1].cid


def _mergeable(segments: Sequence[SegmentRef]) -> int:
    """Return how many of the newest segments to merge: those of the newest one's size, if there are enough."""
    if not segments:
        return 0
    size = _size(segments[0])
    run = next((at for at, one in enumerate(segments) if _size(one) != size), len(segments))
    # Tried at every eighth only: segments that are too large for a merge must not be read at each change.
    return run if run % FANOUT == 0 and sum(one.records for one in segments[:run]) <= MOST_MERGED else 0


def _size(segment: SegmentRef) -> int:
    return (segment.records.bit_length() - 1) // 3
