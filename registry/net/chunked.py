"""HTTP's chunked coding (RFC 9112, section 7.1), decoded by the receive instead of by the chunk.

Kubo sends chunks of 4 KiB, and http.client takes 20 us for each: that is most of the time that reading a file takes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

RECEIVE_BYTES = 256 << 10
# What a node sends lies within these; smaller chunks, or more of them, would take longer to look at than to take.
MAX_ROW, MAX_ROW_LINE, MIN_SIZE = 64, 16, 1024
MAX_LINE_BYTES = 1024
MAX_TRAILER_BYTES = 16 << 10

_END = b"\r\n\r\n"
# Data ends with a line break of its own, which is read here with the line that follows it.
_HEAD = re.compile(rb"\r\n([0-9A-Fa-f]{1,12})(?:[ \t]*;[^\r\n]*)?\r\n")


class ChunkError(Exception):
    """The connection ended before the body did, or what came is no chunked body."""


def unchunked(receive: Callable[[int], bytes]) -> Iterator[bytes]:
    """The body, in the pieces in which it arrives; ``receive`` returns up to so many bytes, none at the end.

    Nothing is asked for after the body's end. Raises ChunkError, and whatever ``receive`` does.
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
    """Where whole chunks begin that all have this line, from the first one on; empty where the next has another.

    All are looked at together: a node's chunks have one size, but for the last.
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
