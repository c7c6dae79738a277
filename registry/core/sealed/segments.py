"""Segments: sealed sets of record versions, one line of JSON each (docs/formats.md, "The personal database").

A reader takes the newest version of each id, so the order of the lines and of the segments does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from registry.core.age.recipients import Identity
from registry.core.age.stream import open_bytes, seal_bytes
from registry.core.errors import DamagedSeal, InvalidInput, Malformed
from registry.core.sealed.frame import FrameWriter, unpack_pieces
from registry.core.sealed.records import MAX_LINE, Record, parse_record, write_record

MAX_FRAME = 4 << 20
MAX_RECORDS = 16_384
MAX_UNPACKED = 64 << 20
# A frame, its chunks' tags, and a header for a few recipients.
MAX_SEGMENT = MAX_FRAME + (16 << 10)


class Segment(NamedTuple):
    """A sealed segment, as it is stored in a file of its own, and how many versions it holds."""

    sealed: bytes
    records: int


class _Open:
    """A segment that is being filled."""

    def __init__(self) -> None:
        self.frame = FrameWriter(MAX_FRAME)
        self.versions: set[tuple[str, int, str | None]] = set()

    def has_room(self, line: bytes) -> bool:
        full = len(self.versions) == MAX_RECORDS or self.frame.size + len(line) > MAX_UNPACKED
        return not full and self.frame.fits(len(line))

    def add(self, record: Record, line: bytes) -> None:
        _add_version(self.versions, record)
        self.frame.add(line)

    def sealed(self, recipient: str) -> Segment:
        return Segment(seal_bytes(self.frame.finish(), [recipient]), len(self.versions))


def make_segments(records: Iterable[Record], recipient: str) -> Iterator[Segment]:
    """Seal versions to a stream's recipient, in as few segments as the limits allow; none for no versions.

    Memory holds one segment. ``Malformed`` for a record that cannot be written, and for one version twice in a segment.
    """
    segment = _Open()
    for record in records:
        line = write_record(record) + b"\n"
        if segment.versions and not segment.has_room(line):
            yield segment.sealed(recipient)
            segment = _Open()
        segment.add(record, line)
    if segment.versions:
        yield segment.sealed(recipient)


def read_segment(
    sealed: bytes, identity: str | Identity, opened: Callable[[int], None] = lambda count: None
) -> Iterator[Record]:
    """Yield the versions of a sealed segment, line by line, in little memory. ``opened`` hears how much it unpacks.

    Until it ends without an error, keep nothing of it: use a transaction. ``NotARecipient`` for another identity,
    ``DamagedSeal`` for what is no segment, ``Malformed`` for a version that stands twice in it.
    """
    if len(sealed) > MAX_SEGMENT:
        raise DamagedSeal(f"a segment is longer than {MAX_SEGMENT:,} bytes")
    versions: set[tuple[str, int, str | None]] = set()
    for line in _lines(unpack_pieces(open_bytes(sealed, [identity]), MAX_UNPACKED), opened):
        try:
            record = parse_record(line)
        except (InvalidInput, Malformed) as error:
            raise DamagedSeal(f"line {len(versions) + 1} of a segment is no record: {error}") from None
        if len(versions) == MAX_RECORDS:
            raise DamagedSeal(f"a segment holds more than {MAX_RECORDS:,} records")
        _add_version(versions, record)
        yield record
    if not versions:
        raise DamagedSeal("a segment holds no record")


def _add_version(versions: set[tuple[str, int, str | None]], record: Record) -> None:
    known = len(versions)
    versions.add((record.id, record.counter, record.home))
    if len(versions) == known:
        raise Malformed("a segment repeats a version", "Ask its author for a new one: software of ours writes none.")


def _lines(pieces: Iterator[bytes], opened: Callable[[int], None]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        opened(len(piece))
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
        if len(rest) > MAX_LINE:
            raise DamagedSeal(f"a line of a segment is longer than {MAX_LINE:,} bytes")
    if rest:
        raise DamagedSeal("the last line of a segment does not end in a line feed")
