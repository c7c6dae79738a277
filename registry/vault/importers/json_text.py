"""Splits a JSON array into the bytes of its objects without reading it whole, and decodes each strictly.

The brackets alone decide where an object ends. So an object that is no JSON is refused by itself, and the next one is
read; and nothing is decoded that nests too deeply.
"""

from __future__ import annotations

import codecs
import io
import json
import math
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Any, BinaryIO, NamedTuple

from registry.core.sealed.records import MAX_BODY_DEPTH
from registry.fs.streams import PieceReader
from registry.vault.importers.amounts import safe_integer
from registry.vault.importers.base import CHUNK
from registry.vault.importers.text import encoding_of

MAX_OBJECT = 4 * 1024 * 1024
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:(")|\\?\Z)|[\[{]|[\]}]', re.DOTALL)
_QUOTE, _BRACKET, _BRACE = b'"[{'
_OPENING, _CLOSING = b"[{", 0x5D


class BrokenJson(Exception):
    """The brackets do not match, or the text ends too early: nothing behind this place can be read."""


class Piece(NamedTuple):
    """The bytes of one element of the array, and how deeply it nests; ``raw`` is empty for what is no object."""

    raw: bytes
    depth: int


def utf8(source: BinaryIO) -> BinaryIO:
    """Return the text of the source as UTF-8 without a byte order mark; ``InvalidInput`` for another encoding."""
    head = source.read(CHUNK)
    encoding = encoding_of(head)
    head = head.removeprefix(codecs.BOM_UTF8)
    pieces: Iterator[bytes] = chain([head], iter(lambda: source.read(CHUNK), b""))
    if encoding not in ("utf-8", "utf-8-sig"):
        pieces = _recoded(pieces, codecs.getincrementaldecoder(encoding)("surrogatepass"))
    return io.BufferedReader(PieceReader(pieces), CHUNK)


def _recoded(pieces: Iterator[bytes], decoder: codecs.IncrementalDecoder) -> Iterator[bytes]:
    for piece in pieces:
        yield decoder.decode(piece).encode("utf-8", "surrogatepass")
    with suppress(UnicodeDecodeError):
        # A character that is cut leaves a text whose brackets are open, and that is reported.
        yield decoder.decode(b"", True).encode("utf-8", "surrogatepass")


def split_array(source: BinaryIO) -> Iterator[Piece]:
    """Yield the elements of an array, or the one object that the text is. ``BrokenJson`` where it cannot go on."""
    splitter = _Splitter()
    while piece := source.read(CHUNK):
        yield from splitter.feed(piece)
    splitter.end()


def split_lines(source: BinaryIO) -> Iterator[Piece | None]:
    """Yield a piece for each line, None for a blank one. ``BrokenJson`` for a line that is too long."""
    while line := source.readline(MAX_OBJECT + 1):
        if len(line) > MAX_OBJECT:
            raise BrokenJson(f"the line is longer than {MAX_OBJECT:,} bytes")
        yield Piece(line, depth_of(line)) if line.strip() else None


class _Splitter:
    """Counts brackets. ``_level`` is the depth at which elements lie: 1 in an array, 0 for an object alone."""

    def __init__(self) -> None:
        self._buffer, self._scanned, self._start = b"", 0, 0
        self._depth = self._deepest = self._level = 0
        self._gap: tuple[bytes, ...] = (b"",)  # what may stand before the next element

    def feed(self, piece: bytes) -> Iterator[Piece]:
        self._buffer = self._buffer[self._start :] + piece
        self._scanned, self._start = self._scanned - self._start, 0
        if len(self._buffer) > MAX_OBJECT + len(piece):
            raise BrokenJson(f"an element is longer than {MAX_OBJECT:,} bytes")
        buffer, scanned = self._buffer, len(self._buffer)
        for token in _TOKEN.finditer(buffer, self._scanned):
            byte = buffer[token.start()]
            if byte == _QUOTE:
                if token[1] is None:  # its end is in the next piece
                    scanned = token.start()
            elif byte in _OPENING:
                if self._depth <= self._level:
                    yield from self._open(token.start(), byte)
                self._depth += 1
                self._deepest = max(self._deepest, self._depth)
            else:
                self._depth -= 1
                if self._depth <= self._level:
                    yield from self._close(token.end())
        self._scanned = scanned

    def _open(self, place: int, byte: int) -> Iterator[Piece]:
        yield from self._between(place)
        if self._depth == 0 and byte == _BRACKET:
            self._level, self._start, self._gap = 1, place + 1, (b"",)
        else:
            self._start, self._gap = place, (b",",)
        self._deepest = self._depth

    def _close(self, end: int) -> Iterator[Piece]:
        if self._depth == self._level:
            raw = self._buffer[self._start : end]
            yield Piece(raw if raw[0] == _BRACE else b"", self._deepest - self._level)
        elif self._depth == 0:
            yield from self._between(end - 1, (b"",))
            if self._buffer[end - 1] != _CLOSING:
                raise BrokenJson("the array is closed by another bracket")
        if self._depth < 0:
            raise BrokenJson("a bracket is closed that was never opened")
        self._start = end
        if self._depth == 0:
            self._level, self._gap = 0, ()

    def _between(self, place: int, allowed: tuple[bytes, ...] | None = None) -> Iterator[Piece]:
        """Check what stands before an element: nothing or a comma. Other values are one piece without bytes."""
        gap = self._buffer[self._start : place].strip()
        if gap in (self._gap if allowed is None else allowed):
            return
        if (self._depth == 0 and self._level == 0) or not gap.strip(b", \t\r\n"):
            raise BrokenJson("text stands outside of the array, or a comma is missing or stands twice")
        yield Piece(b"", 0)

    def end(self) -> None:
        """Check that all is closed, and that nothing stands behind."""
        if self._depth or self._gap or self._buffer[self._start :].strip():
            raise BrokenJson("the text ends inside the array, or is no array of objects; was it cut?")


def read_object(raw: bytes, as_text: bool = False) -> dict[str, Any]:
    """Decode one object strictly; with ``as_text`` numbers become their `Digits`. ``ValueError`` says what is wrong.

    A member that stands twice, NaN, and numbers that lose digits in other programs are refused.
    """
    number: Callable[[str], Any] = Digits if as_text else float_of
    integer: Callable[[str], Any] = Digits if as_text else integer_of
    value = json.loads(
        raw.decode(), object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=integer, parse_float=number
    )
    if not isinstance(value, dict):
        raise ValueError("it is not an object")
    return value


class Digits(str):
    """A number as it is spelled in JSON: an amount must keep its digits."""

    __slots__ = ()

    def plain(self) -> int | float:
        """Return the number."""
        return integer_of(self) if self.lstrip("-").isdigit() else float_of(self)


def float_of(digits: str) -> float:
    """Return a JSON number as a float; ``ValueError`` where it is too large for one."""
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:40]} is too large a number")
    return value


def integer_of(digits: str) -> int:
    """Return a JSON integer; ``ValueError`` where other programs would not keep it exactly."""
    if len(digits) > 17:
        raise ValueError("a whole number has at most 15 digits; keep a longer one as text")
    return safe_integer(int(digits))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member's name stands twice in one object")
    return members


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def depth_of(raw: bytes) -> int:
    """Return how deeply this text nests, by its brackets outside of strings."""
    if raw.count(b"{") + raw.count(b"[") <= MAX_BODY_DEPTH:
        return 0  # it cannot be too deep
    depth = deepest = 0
    for token in _TOKEN.finditer(raw):
        byte = raw[token.start()]
        depth += (byte in _OPENING) - (byte in b"]}")
        deepest = max(deepest, depth)
    return deepest
