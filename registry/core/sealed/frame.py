"""The frame inside every sealed file of ours (docs/formats.md, "The personal database").

Four bytes with the length of one gzip member, the member, and zeros, so that the length of a sealed file tells little.
``ipfs cat CID | age -d -i KEY | tail -c +5 | gunzip`` reads it without our software.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from registry.core.errors import DamagedSeal, InvalidInput

SMALLEST = 4_096
LENGTH_BYTES = 4

# RFC 1952: the two magic bytes, deflate, no flags, no time, no extra flags, an unknown system.
_HEADER = bytes.fromhex("1f8b08 00 00000000 00 ff")
# The extra flags and the system are free when opening: libraries cannot choose them.
_FIXED = 8
_TRAILER = 8
_RAW, _GZIP = -15, 31
# Level 6 takes half as long again for 3% fewer bytes, less than the padding adds.
_LEVEL = 5
_PIECE = 1 << 18
# Many short lines are compressed at once.
_GATHERED = 1 << 16
# zlib holds back at most 64 KiB of input and as much of output until it is flushed; the rest is for safety.
_HELD_BACK = 1 << 18


def padme(length: int) -> int:
    """The length to which Padmé pads ``length`` bytes: at most 12% more (Nikitin et al. 2019, algorithm 1)."""
    step = _step(length)
    return (length + step - 1) // step * step


class FrameWriter:
    """Compresses what is added, piece by piece, into one frame of at most ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # The longest that still pads to the limit at most.
        self._room = limit // _step(limit) * _step(limit) - _TRAILER - _HELD_BACK
        self._compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW)
        self._out = bytearray(LENGTH_BYTES) + _HEADER
        self._crc = self._size = 0
        self._waiting: list[bytes] = []
        self._waits = 0

    @property
    def size(self) -> int:
        """How many bytes were added."""
        return self._size

    def fits(self, more: int) -> bool:
        """Whether ``more`` bytes surely fit. A frame may have room for some more than this says."""
        new = self._waits + more
        return len(self._out) + new + (new >> 10) <= self._room

    def add(self, data: bytes) -> None:
        """Add the next bytes."""
        self._waiting.append(data)
        self._waits += len(data)
        self._size += len(data)
        if self._waits >= _GATHERED:
            self._compress()

    def finish(self) -> bytes:
        """Return the frame; ``InvalidInput`` if it is over the limit."""
        self._compress()
        self._out += self._compressor.flush()
        self._out += self._crc.to_bytes(4, "little") + (self._size & 0xFFFFFFFF).to_bytes(4, "little")
        padded = padme(max(SMALLEST, len(self._out)))
        if padded > self._limit:
            raise InvalidInput(f"it is larger than {self._limit:,} bytes, though compressed", "Divide it.")
        self._out[:LENGTH_BYTES] = (len(self._out) - LENGTH_BYTES).to_bytes(LENGTH_BYTES)
        return bytes(self._out.ljust(padded, b"\0"))

    def _compress(self) -> None:
        data = b"".join(self._waiting)
        self._out += self._compressor.compress(data)
        self._crc = zlib.crc32(data, self._crc)
        self._waiting.clear()
        self._waits = 0


def pack(data: bytes, limit: int) -> bytes:
    """Return the frame of ``data``; ``InvalidInput`` if it is longer than ``limit`` bytes."""
    writer = FrameWriter(limit)
    writer.add(data)
    return writer.finish()


def unpack(framed: bytes, limit: int) -> bytes:
    """Return what a frame holds, at most ``limit`` bytes; ``DamagedSeal`` for anything but one strict frame."""
    return b"".join(unpack_pieces(framed, limit))


def unpack_pieces(framed: bytes, limit: int) -> Iterator[bytes]:
    """Yield like `unpack`, in pieces of at most 256 KiB. Until it ends without an error, trust nothing of it."""
    member = _member(framed)
    gunzip = zlib.decompressobj(_GZIP)
    given, left = memoryview(member), limit
    while not gunzip.eof:
        piece, given = _next_piece(gunzip, given)
        left -= len(piece)
        if left < 0:
            raise DamagedSeal(f"it unpacks to more than {limit:,} bytes")
        if piece:
            yield piece
    if gunzip.unused_data or given:
        raise DamagedSeal("something follows the gzip member in its frame")


def _step(length: int) -> int:
    """What Padmé rounds up to a multiple of: of a length with E + 1 bits, the bits of E at the top stay free."""
    exponent = max(length, 2).bit_length() - 1
    return 1 << exponent - exponent.bit_length()


def _next_piece(gunzip: zlib._Decompress, given: memoryview) -> tuple[bytes, memoryview]:
    # An empty answer without a rest of input means that the member ends early.
    try:
        piece = gunzip.decompress(given[:_PIECE], _PIECE)
    except zlib.error as error:
        raise DamagedSeal(f"it does not unpack: {error}") from None
    taken = min(len(given), _PIECE) - len(gunzip.unconsumed_tail)
    if not (piece or taken or gunzip.eof):
        raise DamagedSeal("the gzip member in its frame ends early")
    return piece, given[taken:]


def _member(framed: bytes) -> memoryview:
    """The gzip member, after all bytes around it were checked."""
    length = int.from_bytes(framed[:LENGTH_BYTES])
    end = LENGTH_BYTES + length
    # Compared with a length that is computed from the frame's own first bytes: a cut frame fails here.
    if len(framed) < SMALLEST or len(framed) != padme(max(SMALLEST, end)):
        raise DamagedSeal("the frame has not the length that its first bytes ask for")
    if framed.count(0, end) != len(framed) - end:
        raise DamagedSeal("the frame is not filled up with zeros")
    member = memoryview(framed)[LENGTH_BYTES:end]
    if length < len(_HEADER) + _TRAILER or member[:_FIXED] != _HEADER[:_FIXED]:
        raise DamagedSeal("the frame holds no gzip member without flags and time")
    return member
