"""Look for what must not be there: in files, logs and traffic, in every spelling that software writes by itself."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

_MEMBER = re.compile(rb"\x1f\x8b\x08")
_HEX = re.compile(r"0x([0-9a-fA-F]{2}){4,}")
_MAX_UNPACKED = 64 * 1024 * 1024
_SHORTEST = 4  # fewer bytes stand everywhere by chance
_PREFIX = _SHORTEST
# These must be found letter by letter; the others are found in both cases.
_EXACT = ("bytes", "reversed bytes", "base64", "base64url")


class Found(NamedTuple):
    """A secret in a place: its name, how it is spelled there, and where."""

    name: str
    spelling: str
    place: str


class Scanner:
    """``secrets`` are bytes or texts by name. A hex text or an address is looked for as its bytes too.

    A scan takes about a second for 10 MB, however many secrets there are.
    """

    def __init__(self, secrets: Mapping[str, bytes | str]) -> None:
        needles = [(name, *spelled) for name, secret in secrets.items() for spelled in spellings(secret)]
        self._exact = _Needles((name, kind, one) for name, kind, one in needles if kind in _EXACT)
        self._folded = _Needles((name, kind, one.lower()) for name, kind, one in needles if kind not in _EXACT)

    def scan(self, places: Iterable[tuple[str, bytes]]) -> list[Found]:
        """Return every secret in these named bytes, once for each place and spelling."""
        return [found for name, data in places for found in self._in(name, data)]

    def _in(self, place: str, data: bytes) -> Iterator[Found]:
        parts = (data, *_unpacked(data))
        found = {hit for part in parts for hit in self._exact.within(part) | self._folded.within(part.lower())}
        yield from (Found(name, spelling, place) for name, spelling in sorted(found))


class _Needles:
    """Finds many byte strings in one pass: by their first bytes, and then whole."""

    def __init__(self, needles: Iterable[tuple[str, str, bytes]]) -> None:
        self._by_prefix: dict[bytes, list[tuple[str, str, bytes]]] = defaultdict(list)
        for needle in needles:
            self._by_prefix[needle[2][:_PREFIX]].append(needle)

    def within(self, data: bytes) -> set[tuple[str, str]]:
        known = self._by_prefix.keys()
        places = [at for at in range(len(data) - _PREFIX + 1) if data[at : at + _PREFIX] in known]
        return {
            (name, spelling)
            for at in places
            for name, spelling, needle in self._by_prefix[data[at : at + _PREFIX]]
            if data.startswith(needle, at)
        }


def spellings(secret: bytes | str) -> Iterator[tuple[str, bytes]]:
    """Yield (kind, bytes to look for) of a secret, whatever its length at least four bytes."""
    if isinstance(secret, str):
        yield from _of_text(secret)
        if _HEX.fullmatch(secret) is None:
            return
        secret = bytes.fromhex(secret[2:])
    assert len(secret) >= _SHORTEST, "so short a secret stands everywhere by chance"
    yield "bytes", secret
    yield "reversed bytes", secret[::-1]
    yield "hex", secret.hex().encode()
    yield from _in_base32(secret)
    yield from _in_base64(secret)
    if len(secret) >= 16:
        yield "number", str(int.from_bytes(secret, "big")).encode()


def _of_text(text: str) -> Iterator[tuple[str, bytes]]:
    raw = text.encode()
    assert len(raw) >= _SHORTEST, "so short a secret stands everywhere by chance"
    yield "text", raw
    yield "escaped", json.dumps(text)[1:-1].encode()
    yield "quoted", quote(text, safe="").encode()
    yield "in a page", html.escape(text).encode()
    yield "wide text", text.encode("utf-16-le")
    yield "wide text", text.encode("utf-16-be")
    for each in {raw, raw.lower()} if _HEX.fullmatch(text) else {raw}:
        yield "hex of text", each.hex().encode()  # as calldata and databases show it
        yield from _in_base32(each)
        yield from _in_base64(each)


def _in_base64(secret: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the digits that no neighbour shares, for each of the three places where a secret may begin."""
    for shift in range(3):
        padded = bytes(shift) + secret
        whole = padded[: len(padded) // 3 * 3]
        first = (shift * 8 + 5) // 6
        yield "base64", base64.b64encode(whole)[first:]
        yield "base64url", base64.urlsafe_b64encode(whole)[first:]


def _in_base32(secret: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the same of base32, which has five places."""
    for shift in range(5):
        padded = bytes(shift) + secret
        whole = base64.b32encode(padded).rstrip(b"=")[(shift * 8 + 4) // 5 : len(padded) * 8 // 5]
        if len(whole) >= 2 * _SHORTEST:
            yield "base32", whole


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
