"""The text of a file: its encoding, which is seen and never guessed, and its lines, each of bounded length."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from typing import BinaryIO

from registry.core.errors import InvalidInput
from registry.vault.importers.base import CHUNK

HEAD = 1024 * 1024
MAX_LINE = 1024 * 1024
# Without a byte order mark, these are offered; nobody can tell them apart by the bytes alone.
OTHERS = ("windows-1252", "iso-8859-15", "windows-1251", "shift_jis", "gb18030", "big5", "euc-kr", "windows-1250")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def encoding_of(head: bytes) -> str:
    """Return the encoding of a file that begins so: UTF-8 or UTF-16, with or without a byte order mark.

    ``InvalidInput`` for other bytes, whose encoding the person has to name.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    # UTF-16 text of any language has line feeds and commas, and with them zeros at every second place.
    zeros = [head[start:4096:2].count(0) for start in (0, 1)]
    if max(zeros) * 8 > len(head[:4096]) and min(zeros) * 8 < max(zeros):
        return "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"the file is not UTF-8 (byte {error.start:,}), and has no byte order mark",
            f"Name its encoding; exports of older programs have {', '.join(OTHERS[:3])} or {OTHERS[3]}.",
        ) from None
    return "utf-8"


def check_encoding(name: str) -> str:
    """Return the name if it is a text encoding that Python knows; otherwise ``InvalidInput``."""
    try:
        "".encode(name)
        if b"".decode(name) == "":
            return name
    except (LookupError, ValueError, TypeError):
        pass
    raise InvalidInput(f"{name!r} is not a text encoding", f"Name one, such as {', '.join(OTHERS[:2])}.")


class CutText(Exception):
    """The text cannot go on: its last character is cut, or its bytes are not of this encoding."""


class TooLong(Exception):
    """A line is longer than MAX_LINE characters; the next call goes on behind it."""


class Lines:
    """The lines of a file with their line ends.

    ``number`` is that of the last line. ``spent`` counts characters until its user sets it to 0 again: it bounds what
    a record over several lines may have.

    Bytes that are no UTF-8 come as lone surrogates: encoding the text again fails, and names the line.
    """

    def __init__(self, source: BinaryIO, encoding: str) -> None:
        lenient = "surrogatepass" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
        # Next month's file may begin with a byte order mark, whatever the first one did.
        encoding = "utf-8-sig" if encoding.replace("_", "-").lower() in ("utf-8", "utf8") else encoding
        text = io.TextIOWrapper(_Unclosed(source), encoding, lenient, newline="")  # type: ignore[type-var]
        text._CHUNK_SIZE = CHUNK  # type: ignore[attr-defined]
        self._readline, self.number, self.spent, self.last = text.readline, 0, 0, ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            line = self._readline(MAX_LINE)
        except UnicodeDecodeError as error:
            raise CutText(f"the bytes end inside a character, or are not {error.encoding}") from None
        if not line:
            raise StopIteration
        self.last = line
        self.number += 1
        self.spent += len(line)
        if self.spent >= MAX_LINE:
            self._skip(line)
        return line

    def _skip(self, line: str) -> None:
        while len(line) >= MAX_LINE and not line.endswith(("\n", "\r")):
            line = self._readline(MAX_LINE)
        raise TooLong(f"it is longer than {MAX_LINE:,} characters")


class _Unclosed(io.BufferedIOBase):
    """Passes reads on. A text wrapper closes what it reads when it is dropped, and the file is not ours to close."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        return self._source.read(-1 if size is None else size)

    def read1(self, size: int = -1) -> bytes:
        return self._source.read(size)
