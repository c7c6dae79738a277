"""Look for what must not be there: in files, logs and traffic, in every spelling that software writes by itself."""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

_MEMBER = re.compile(rb"\x1f\x8b\x08")
_MAX_UNPACKED = 64 * 1024 * 1024
_SHORTEST = 4  # fewer bytes stand everywhere by chance


class Found(NamedTuple):
    """A secret in a place: its name, how it is spelled there, and where."""

    name: str
    spelling: str
    place: str


class Scanner:
    """``secrets`` are bytes or texts by name. A hex text or an address is looked for as its bytes too."""

    def __init__(self, secrets: Mapping[str, bytes | str]) -> None:
        self._needles = [(name, *spelled) for name, secret in secrets.items() for spelled in spellings(secret)]

    def scan(self, places: Iterable[tuple[str, bytes]]) -> list[Found]:
        """Return every secret in these named bytes, once for each place and spelling."""
        return [found for name, data in places for found in self._in(name, data)]

    def _in(self, place: str, data: bytes) -> Iterator[Found]:
        for part in (data, *_unpacked(data)):
            folded = part.lower()
            for name, spelling, needle in self._needles:
                if (needle in part) if spelling in _EXACT else (needle.lower() in folded):
                    yield Found(name, spelling, place)


_EXACT = ("bytes", "reversed bytes", "base64", "base64url")


def spellings(secret: bytes | str) -> Iterator[tuple[str, bytes]]:
    """Yield (kind, bytes to look for) of a secret, whatever its length at least four bytes."""
    if isinstance(secret, str):
        yield "text", secret.encode()
        yield "escaped", json.dumps(secret)[1:-1].encode()
        yield "quoted", quote(secret, safe="").encode()
        yield "wide text", secret.encode("utf-16-le")
        if re.fullmatch(r"0x([0-9a-fA-F]{2}){4,}", secret) is None:
            yield from _in_base64(secret.encode())
            return
        secret = bytes.fromhex(secret[2:])
    assert len(secret) >= _SHORTEST, "so short a secret stands everywhere by chance"
    yield "bytes", secret
    yield "reversed bytes", secret[::-1]
    yield "hex", secret.hex().encode()
    yield "base32", base64.b32encode(secret).rstrip(b"=")[:-1]
    yield from _in_base64(secret)


def _in_base64(secret: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the digits that no neighbour shares, for each of the three places where a secret may begin."""
    for shift in range(3):
        padded = bytes(shift) + secret
        whole = padded[: len(padded) // 3 * 3]
        first = (shift * 8 + 5) // 6
        yield "base64", base64.b64encode(whole)[first:]
        yield "base64url", base64.urlsafe_b64encode(whole)[first:]


def _unpacked(data: bytes) -> Iterator[bytes]:
    for match in _MEMBER.finditer(data):
        try:
            yield zlib.decompressobj(31).decompress(data[match.start() :], _MAX_UNPACKED)
        except zlib.error:
            continue  # three bytes that only look like a member


def files_below(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file's name and bytes, and the names of all files as one more place."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    yield "names of files", "\n".join(str(path.relative_to(folder)) for path in found).encode()
    yield from ((str(path.relative_to(folder)), path.read_bytes()) for path in found)


def packed(data: bytes) -> bytes:
    """Return a gzip member without a time, as our own files have them."""
    return gzip.compress(data, mtime=0)
