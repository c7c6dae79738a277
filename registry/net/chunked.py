"""Decode HTTP's chunked coding (RFC 9112, section 7.1), many chunks at a time.

Kubo sends chunks of 4 KiB. Reading a file of 500 MB chunk by chunk, as http.client and urllib3 do, takes 20 % more
processor time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

RECEIVE_BYTES = 256 << 10
# Looking ahead pays for at most this many chunks, of at least this size, with lines of at most this length.
MAX_ROW, MAX_ROW_LINE, MIN_SIZE = 64, 16, 1024
MAX_LINE_BYTES = 1024
MAX_TRAILER_BYTES = 16 << 10

_END = b"\r\n\r\n"
# Each chunk ends with a line break, which is matched here together with the next chunk's line.
_HEAD = re.compile(rb"\r\n([0-9A-Fa-f]{1,12})(?:[ \t]*;[^\r\n]*)?\r\n")


class ChunkError(Exception):
    """The connection ended before the body did, or the body is not chunked correctly."""


def unchunked(receive: Callable[[int], bytes]) -> Iterator[bytes]:
    """Yield the body in the pieces in which it arrives.

    ``receive`` takes a number of bytes, and returns at most so many, or none at the end. It is not called after the
    body's end. Raises ChunkError, and every error of ``receive``.
    """
    buffer, left = b"\r\n", 0
    while True:
        buffer += _some(receive)
        view = memoryview(buffer)
        parts, at = [view[:left]], min(left, len(buffer))
        left -= at
        while not left and (head := _HEAD.match(buffer, at)):
            line, left = head[0], int(head[1], 16)
            if not left:
                yield b"".join(parts)
                _skip_trailer(buffer[head.end() - 2 :], receive)
                return
            if left >= MIN_SIZE and (places := _in_a_row(buffer, at, line, left)):
                parts += [view[place + len(line) : place + places.step] for place in places]
                at, left = places.stop, 0
            else:
                parts.append(view[head.end() : head.end() + left])
                at, left = head.end() + len(parts[-1]), left - len(parts[-1])
        buffer = buffer[at:]
        if len(buffer) > MAX_LINE_BYTES:
            raise ChunkError
        yield b"".join(parts)


def _in_a_row(buffer: bytes, at: int, line: bytes, size: int) -> range:
    """Return the places of consecutive whole chunks that begin with this line; empty if the next line differs.

    They are compared together, because all of a node's chunks but the last have the same size.
    """
    step = len(line) + size
    count = min((len(buffer) - at) // step, MAX_ROW)
    places = range(at, at + count * step, step)
    alike = (buffer[at + i : places.stop : step] == line[i : i + 1] * count for i in range(len(line)))
    return places if len(line) <= MAX_ROW_LINE and all(alike) else range(0)


def _skip_trailer(trailer: bytes, receive: Callable[[int], bytes]) -> None:
    while _END not in trailer:
        if len(trailer) > MAX_TRAILER_BYTES:
            raise ChunkError
        trailer += _some(receive)


def _some(receive: Callable[[int], bytes]) -> bytes:
    if not (data := receive(RECEIVE_BYTES)):
        raise ChunkError
    return data
