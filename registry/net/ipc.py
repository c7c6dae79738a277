"""A node behind its Unix socket, as geth, anvil and others make it."""

from __future__ import annotations

import os
import socket
import time

import msgspec

from registry.core import codec
from registry.core.errors import InvalidInput, Malformed
from registry.net.transport import MAX_ANSWER_BYTES, TooLarge, Unreachable, plain

# What the operating system has room for in a socket's address (104 on macOS), with its end.
_MAX_PATH = 103
_PIECE = 256 * 1024

_anything = msgspec.json.Decoder(msgspec.Raw)


class Ipc:
    """One socket. A connection for each request: what is left of an answer that was cut can reach no other."""

    def __init__(self, path: str, timeout: float, most_bytes: int = MAX_ANSWER_BYTES) -> None:
        self._path = path
        self._timeout, self._most = timeout, most_bytes
        if not hasattr(socket, "AF_UNIX"):
            raise InvalidInput("this system has no Unix sockets", "Give the node's address as http://HOST:PORT.")
        if not path or not self._path.isprintable() or len(os.fsencode(self._path)) > _MAX_PATH:
            advice = f"Give the path of the node's socket, of at most {_MAX_PATH} bytes, as ipc:PATH."
            raise InvalidInput("that is not the path of a socket", advice)
        self.name = f"ipc:{self._path}"

    def exchange(self, body: bytes) -> bytes:
        until = time.monotonic() + self._timeout
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(self._timeout)
                connection.connect(self._path)
                connection.sendall(body + b"\n")
                return _answer(connection, until, self._most)
        except TimeoutError:
            raise
        except OSError as error:
            raise Unreachable(f"not reachable ({plain(error)})") from None


def _answer(connection: socket.socket, until: float, most: int) -> bytes:
    raw = bytearray()
    while not _whole(raw, most):
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        piece = connection.recv(_PIECE)
        if not piece:
            raise Unreachable("it hung up before its answer was whole")
        raw += piece
        if len(raw) > most:
            raise TooLarge(f"its answer has more than {most:,} bytes")
    return bytes(raw)


def _whole(raw: bytearray, most: int) -> bool:
    """A line, as geth and anvil send it; where a node ends no line, nothing but the end of the JSON says it."""
    if raw.endswith(b"\n"):
        return True
    if not raw.endswith((b"]", b"}")):
        return False
    try:
        codec.loads(bytes(raw), _anything, most)
    except Malformed:
        return False
    return True
