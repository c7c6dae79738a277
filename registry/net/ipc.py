"""A node behind its Unix socket, as geth, anvil and others make it (IPC)."""

from __future__ import annotations

import os
import socket
import time

import msgspec

from registry.core import codec
from registry.core.errors import InvalidInput, Malformed
from registry.net.http import TooLarge, Unreachable, reason

# The operating system's limit of a socket's address is 104 bytes on macOS, its final zero included.
_MAX_PATH = 103
_PIECE = 256 * 1024

_anything = msgspec.json.Decoder(msgspec.Raw)


class Ipc:
    """One socket, with a connection for each request: the rest of an answer that was cut reaches no other request."""

    def __init__(self, path: str, timeout: float, max_bytes: int) -> None:
        self._path = path
        self._timeout, self._max_bytes = timeout, max_bytes
        if not hasattr(socket, "AF_UNIX"):
            raise InvalidInput("this system has no Unix sockets", "Give the node's address as http://HOST:PORT.")
        if not path or not self._path.isprintable() or len(os.fsencode(self._path)) > _MAX_PATH:
            advice = f"Give the path of the node's socket, of at most {_MAX_PATH} bytes, as ipc:PATH."
            raise InvalidInput("that is not the path of a socket", advice)
        self.name = f"ipc:{self._path}"

    def exchange(self, body: bytes) -> bytes:
        ends_at = time.monotonic() + self._timeout
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(self._timeout)
                connection.connect(self._path)
                connection.sendall(body + b"\n")
                return _read(connection, ends_at, self._max_bytes)
        except TimeoutError:
            raise
        except OSError as error:
            raise Unreachable(f"not reachable ({reason(error)})") from None


def _read(connection: socket.socket, ends_at: float, max_bytes: int) -> bytes:
    raw = bytearray()
    while not _is_whole(raw, max_bytes):
        left = ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        piece = connection.recv(_PIECE)
        if not piece:
            raise Unreachable("it hung up before its answer was whole")
        raw += piece
        if len(raw) > max_bytes:
            raise TooLarge(f"its answer has more than {max_bytes:,} bytes")
    return bytes(raw)


def _is_whole(raw: bytearray, max_bytes: int) -> bool:
    """Whether the answer has ended: with a line, or where a node ends no line, with its JSON."""
    if raw.endswith(b"\n"):
        return True
    if not raw.endswith((b"]", b"}")):
        return False
    try:
        codec.loads(bytes(raw), _anything, max_bytes)
    except Malformed:
        return False
    return True
