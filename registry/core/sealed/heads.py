"""Heads and lists: which segments a stream has, newest first, so that one more costs the same in any vault.

Their form is in docs/formats.md, "The personal database".
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from typing import Annotated, ClassVar, Literal, TypeVar

from msgspec import Meta, Struct

from registry.core.age.recipients import Identity, parse_identity
from registry.core.errors import DamagedSeal, Malformed, WrongCapsule
from registry.core.scalars import check_distinct
from registry.core.sealed.documents import Signed, check_hex, open_document
from registry.core.sealed.files import Budget, read_stored
from registry.core.sealed.records import Count, Record, check_cid
from registry.core.sealed.segments import MAX_RECORDS, MAX_SEGMENT, read_segment

MAX_SEGMENTS = 64
MAX_LISTS = 1_024
MAX_SEALED = 64 * 1024


class SegmentRef(Struct, frozen=True, forbid_unknown_fields=True):
    """A segment: the CID of its sealed file, and how many versions it holds."""

    cid: str
    records: Annotated[int, Meta(ge=1, le=MAX_RECORDS)]

    def __post_init__(self) -> None:
        check_cid(self.cid)


class _Segments(Signed, frozen=True, kw_only=True):
    MAX_SEALED: ClassVar[int] = MAX_SEALED
    MAX_PLAIN: ClassVar[int] = MAX_SEALED

    stream: str
    segments: tuple[SegmentRef, ...]
    older: str | None = None

    def __post_init__(self) -> None:
        check_hex(self.stream, 16, "the stream's name")
        if len(self.segments) > MAX_SEGMENTS:
            raise Malformed(f"it lists more than {MAX_SEGMENTS} segments")
        if self.older is not None:
            check_cid(self.older)

    def check_lists(self) -> None:
        check_distinct(_cids(self), "a CID")


class StreamHead(_Segments, frozen=True, kw_only=True):
    """The newest segments of a stream at version ``number``, newest first, and the list of the older ones."""

    number: Count
    type: Literal["StreamHead"] = "StreamHead"
    version: Literal[1] = 1


class SegmentList(_Segments, frozen=True, kw_only=True):
    """Older segments of a stream, newest first, and the list of the ones before."""

    type: Literal["SegmentList"] = "SegmentList"
    version: Literal[1] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.segments:
            raise Malformed("a list of segments is empty")


_Part = TypeVar("_Part", bound=_Segments)


class StreamReader:
    """Reads one stream: ``identity`` opens it, ``signer`` is the public key that must have signed it.

    ``get`` returns the block of a CID. ``budget`` bounds what is read in all.
    """

    def __init__(
        self,
        stream: str,
        identity: str | Identity,
        signer: str,
        get: Callable[[str], bytes],
        budget: Budget | None = None,
    ) -> None:
        self.stream, self._signer, self._get = stream, signer, get
        self._identity = parse_identity(identity) if isinstance(identity, str) else identity
        self._budget = budget or Budget()

    def head(self, cid: str) -> StreamHead:
        """Read a head; ``WrongCapsule`` if it is another stream's, or not signed by the vault."""
        return self._checked(StreamHead, cid)

    def older(self, cid: str) -> SegmentList:
        """Read a list of older segments, with the errors of `head`."""
        return self._checked(SegmentList, cid)

    def segments(self, head: StreamHead) -> Iterator[SegmentRef]:
        """Yield all segments, newest first; ``Malformed`` for a CID that stands twice in the head and its lists."""
        for part in self.parts(head):
            yield from part.segments

    def parts(self, head: StreamHead, known: Container[str] = ()) -> Iterator[StreamHead | SegmentList]:
        """Yield the head and its lists, newest first, until a list that is ``known``: it never changes.

        ``Malformed`` for a CID that stands twice in them.
        """
        seen: set[str] = set()
        part: StreamHead | SegmentList = head
        for _ in range(MAX_LISTS + 1):
            _add_cids(seen, part)
            yield part
            if part.older is None or part.older in known:
                return
            part = self.older(part.older)
        raise Malformed(f"a stream has more than {MAX_LISTS:,} lists of segments")

    def records(self, segment: SegmentRef) -> Iterator[Record]:
        """Yield the versions of one segment, with the errors and the warning of `read_segment`."""
        sealed = read_stored(segment.cid, self._get, MAX_SEGMENT, self._budget)
        count = 0
        for record in read_segment(sealed, self._identity, self._budget.opened):
            count += 1
            yield record
        if count != segment.records:
            raise DamagedSeal(f"a segment holds {count:,} records, its list says {segment.records:,}")

    def _checked(self, kind: type[_Part], cid: str) -> _Part:
        sealed = read_stored(cid, self._get, MAX_SEALED, self._budget)
        part = open_document(kind, sealed, self._identity, self._signer)
        if part.stream != self.stream:
            raise WrongCapsule("it belongs to another stream")
        return part


def _add_cids(seen: set[str], part: _Segments) -> None:
    cids = _cids(part)
    if not seen.isdisjoint(cids):
        raise Malformed("a stream's lists repeat a CID", "Ask its author for a new one: software of ours writes none.")
    seen.update(cids)


def _cids(part: _Segments) -> list[str]:
    older = [] if part.older is None else [part.older]
    return [one.cid for one in part.segments] + older
