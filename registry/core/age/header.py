"""The textual header of an age v1 file: a version line, stanzas, a MAC (c2sp.org/age, "Header").

recipients.py interprets stanzas, and stream.py checks the MAC. Every second encoding of a header is DamagedSeal.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple

from registry.core.errors import DamagedSeal

# About 660 post-quantum stanzas. Bounds the memory and the number of unwrappings that a hostile file can cause.
MAX_HEADER_BYTES = 1 << 20

_VERSION = b"age-encryption.org/v1\n"
_ARGUMENTS = re.compile(rb"-> ([!-~]+(?: [!-~]+)*)\n")
_MAC_LINE = re.compile(rb"--- ([A-Za-z0-9+/]{43})\n")
_COLUMNS = 64


class Stanza(NamedTuple):
    """One recipient's entry: ASCII arguments, of which the first is the type, and the wrapped file key."""

    args: tuple[str, ...]
    body: bytes


class Header(NamedTuple):
    """A parsed header: its stanzas, the bytes under the MAC, and the MAC (32 bytes, not yet checked)."""

    stanzas: list[Stanza]
    signed: bytes
    mac: bytes


def signed_part(stanzas: Iterable[Stanza]) -> bytes:
    """The bytes that the MAC covers: everything up to and including ``---``."""
    return _VERSION + b"".join(map(_stanza_bytes, stanzas)) + b"---"


def with_mac(signed: bytes, mac: bytes) -> bytes:
    """The whole header, including its last line feed."""
    return signed + b" " + encode64(mac).encode() + b"\n"


def read_header(source: BinaryIO) -> Header:
    """Parse a header and leave ``source`` right behind it. Raises DamagedSeal."""
    seen = bytearray()
    if _line(source, seen) != _VERSION:
        raise DamagedSeal("the header is not that of a binary age v1 file")
    stanzas: list[Stanza] = []
    while (line := _line(source, seen)).startswith(b"-> "):
        stanzas.append(_stanza(line, source, seen))
    if not stanzas or not (end := _MAC_LINE.fullmatch(line)):
        raise DamagedSeal("the header has no stanza, or a malformed last line")
    return Header(stanzas, bytes(seen[: len("---") - len(line)]), decode64(end[1].decode()))


def encode64(data: bytes) -> str:
    """Base64 without padding (RFC 4648, section 4)."""
    return base64.b64encode(data).rstrip(b"=").decode()


def decode64(text: str) -> bytes:
    """Decode what `encode64` writes; everything else is DamagedSeal."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise DamagedSeal("the header holds malformed base64") from None
    if encode64(data) != text:
        raise DamagedSeal("the header holds base64 that is not canonical")
    return data


def _stanza_bytes(stanza: Stanza) -> bytes:
    text = encode64(stanza.body)
    # A body that fills its last line is followed by an empty line (c2sp.org/age), hence the + 1.
    lines = [text[i : i + _COLUMNS] for i in range(0, len(text) + 1, _COLUMNS)]
    return "\n".join([f"-> {' '.join(stanza.args)}", *lines, ""]).encode()


def _stanza(line: bytes, source: BinaryIO, seen: bytearray) -> Stanza:
    if not (found := _ARGUMENTS.fullmatch(line)):
        raise DamagedSeal("the header has a stanza with malformed arguments")
    body = bytearray()
    while True:
        text = _line(source, seen)[:-1].decode("latin-1")
        if len(text) > _COLUMNS:
            raise DamagedSeal("the header has a line that is too long")
        body += decode64(text)
        if len(text) < _COLUMNS:
            return Stanza(tuple(found[1].decode().split(" ")), bytes(body))


def _line(source: BinaryIO, seen: bytearray) -> bytes:
    line = source.readline(MAX_HEADER_BYTES - len(seen))
    if not line.endswith(b"\n"):
        raise DamagedSeal("the header is cut off, or longer than this reader allows")
    seen += line
    return line
