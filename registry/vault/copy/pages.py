"""The decrypted pages of a working copy and of its log, to look for what should not be in them any more.

SQLCipher 4: AES-256-CBC with the raw key, 4,096 bytes a page of which the last 80 hold the IV and a MAC, and 16
bytes of salt in place of the beginning of the first page.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_PAGE, _RESERVED, _SALT, _IV = 4096, 80, 16, 16
_LOG_HEADER, _FRAME_HEADER = 32, 24
_AT_ONCE = 256


class Looked(NamedTuple):
    """How many pages were read, and which of the traces stand in one."""

    pages: int
    found: set[bytes]


def look_for(path: Path, key: bytes, traces: Collection[bytes]) -> Looked:
    """Look for byte strings in all pages. One that is cut by the end of a page is not found."""
    left, found, pages, batch = set(traces), set[bytes](), 0, list[bytes]()
    for page in decrypted_pages(path, key):
        batch.append(page)
        pages += 1
        if len(batch) == _AT_ONCE:
            found |= _in(b"".join(batch), left)
            batch, left = [], left - found
    return Looked(pages, found | _in(b"".join(batch), left))


def decrypted_pages(path: Path, key: bytes) -> Iterator[bytes]:
    """Yield the plaintext of each page, with those of the log. Not checked: what was altered is noise."""
    with path.open("rb") as file:
        yield from (_decrypted(number, page, key) for number, page in enumerate(_pieces(file, _PAGE), 1))
    log = path.with_name(f"{path.name}-wal")
    if log.exists():
        with log.open("rb") as file:
            file.read(_LOG_HEADER)
            for frame in _pieces(file, _FRAME_HEADER + _PAGE):
                yield _decrypted(int.from_bytes(frame[:4]), frame[_FRAME_HEADER:], key)


def _in(text: bytes, traces: set[bytes]) -> set[bytes]:
    return {trace for trace in traces if trace in text}


def _pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    while len(piece := file.read(size)) == size:
        yield piece


def _decrypted(number: int, page: bytes, key: bytes) -> bytes:
    start = _PAGE - _RESERVED
    body = page[_SALT if number == 1 else 0 : start]
    return Cipher(algorithms.AES(key), modes.CBC(page[start : start + _IV])).decryptor().update(body)
