"""The textual header of an age v1 file: a version line, stanzas, a MAC (c2sp.org/age, "Header").

Only the format: what a stanza means is for recipients.py, and whether the MAC is right for sealing.py. One
encoding is accepted for each header; all else is DamagedSeal.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple

from registry.core.errors import DamagedSeal

# Some 660 post-quantum stanzas; bounds memory and the number of unwrappings a stranger's file can ask for.
MAX_HEADER_BYTES = 1 << 20

_VERSION = b"age-encryption.org/v1\n"
_ARGUMENTS = re.compile(rb"-> ([!-~]+(?: [!-~]+)*)\n")
_MAC_LINE = re.compile(rb"--- ([A-Za-z0-9+/]{43})\n")
_COLUMNS = 64


class Stanza(NamedTuple):
    """One recipient's entry: ASCII arguments, the first naming the type, and the wrapped file key."""

    args: tuple[str, ...]
    body: bytes


class Header(NamedTuple):
    """A parsed header: its stanzas, the bytes under the MAC, and the MAC (32 bytes, not yet checked)."""

    stanzas: list[Stanza]
    signed: bytes
    mac: bytes


def signed_part(stanzas: Iterable[Stanza]) -> bytes:
    """What the MAC covers: everything up to and including ``---``."""
    return _VERSION + b"".join(map(_stanza_bytes, stanzas)) + b"---"


def with_mac(signed: bytes, mac: bytes) -> bytes:
    """The whole header, its last line feed included."""
    return signed + b" " + encode64(mac).encode() + b"\n"


def read_header(source: BinaryIO) -> Header:
    """Parses a header, leaving ``source`` right after it. Raises DamagedSeal."""
    seen = bytearray()
    if _line(source, seen) != _VERSION:
        raise DamagedSeal("The header is not that of a binary age v1 file.")
    stanzas: list[Stanza] = []
    while (line := _line(source, seen)).startswith(b"-> "):
        stanzas.append(_stanza(line, source, seen))
    if not stanzas or not (end := _MAC_LINE.fullmatch(line)):
        raise DamagedSeal("The header has no stanza, or a malformed last line.")
    return Header(stanzas, bytes(seen[: len("---") - len(line)]), decode64(end[1].decode()))


def encode64(data: bytes) -> str:
    """Base64 without padding (RFC 4648, section 4)."""
    return base64.b64encode(data).rstrip(b"=").decode()


def decode64(text: str) -> bytes:
    """Strict inverse of ``encode64``: DamagedSeal for padding, other characters and stray bits."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise DamagedSeal("The header holds malformed base64.") from None
    if encode64(data) != text:
        raise DamagedSeal("The header holds base64 that is not canonical.")
    return data


def _stanza_bytes(stanza: Stanza) -> bytes:
    text = encode64(stanza.body)
    # A body that fills its lines is followed by an empty one (c2sp.org/age): hence the one step more.
    lines = [text[i : i + _COLUMNS] for i in range(0, len(text) + 1, _COLUMNS)]
    return "\n".join([f"-> {' '.join(stanza.args)}", *lines, ""]).encode()


def _stanza(line: bytes, source: BinaryIO, seen: bytearray) -> Stanza:
    if not (found := _ARGUMENTS.fullmatch(line)):
        raise DamagedSeal("The header has a stanza with malformed arguments.")
    body = bytearray()
    while True:
        text = _line(source, seen)[:-1].decode("latin-1")
        if len(text) > _COLUMNS:
            raise DamagedSeal("The header has a line that is too long.")
        body += decode64(text)
        if len(text) < _COLUMNS:
            return Stanza(tuple(found[1].decode().split(" ")), bytes(body))


def _line(source: BinaryIO, seen: bytearray) -> bytes:
    line = source.readline(MAX_HEADER_BYTES - len(seen))
    if not line.endswith(b"\n"):
        raise DamagedSeal("The header is cut off, or longer than this reader allows.")
    seen += line
    return line
