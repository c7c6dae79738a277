"""Read an answer that is as long as it likes, piece by piece. `registry.net.http` reads answers of a bounded size."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

from registry.net.http import CutOff, Unreachable, reason

PIECE, MAX_LINE = 64 << 10, 64 << 10


class Streamed:
    """The answer to one ``POST``, or ``GET`` without a body; use it in a ``with``. It follows no redirect.

    ``silence`` is for how many seconds nothing may come before the reading is given up. `close` ends a read that waits.
    """

    def __init__(self, url: str, body: bytes, headers: Mapping[str, str], silence: float) -> None:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname or "", parts.port, timeout=silence)
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._body, self._headers = body, dict(headers)
        self._socket: socket.socket | None = None
        self.status = 0

    def __enter__(self) -> Self:
        """Send the request, and read the answer's status. `Unreachable` where nothing answers."""
        try:
            method = "POST" if self._body else "GET"
            self._connection.request(method, self._target, self._body or None, self._headers)
            # The connection forgets its socket where the answer is to be its last.
            self._socket = self._connection.sock
            self._response = self._connection.getresponse()
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            raise Unreachable(f"not reachable ({reason(error)})") from None
        self.status = self._response.status
        return self

    def __exit__(self, *_: object) -> None:
        self._response.close()
        self._connection.close()

    def close(self) -> None:
        """End the answer, from any thread."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def lines_as_they_come(self) -> Iterator[str]:
        """Yield each line of an endless answer at once, without its end. `CutOff` where it ends or is too long."""
        while True:
            try:
                line = self._response.readline(MAX_LINE)
            except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
                # What another thread has closed has no file any more: that is the AttributeError.
                raise CutOff(f"the stream ended ({reason(error)})") from None
            if not line.endswith(b"\n"):
                raise CutOff("the stream ended" if len(line) < MAX_LINE else "a line is too long")
            yield line.rstrip(b"\r\n").decode("utf-8", "replace")

    def pieces(self) -> Iterator[bytes]:
        """Yield the body. `CutOff` where it ends too early: only its length or its last chunk shows its end."""
        if self._response.length is None and not self._response.chunked:
            raise CutOff("the answer does not tell its end")
        try:
            while piece := self._response.read(PIECE):
                yield piece
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise CutOff(f"the answer was cut off ({reason(error)})") from None
        if self._response.length:
            raise CutOff("the answer was cut off")

    def lines(self) -> Iterator[bytes]:
        """Yield the body's lines, with their ends; `CutOff` as for `pieces`, and where the last line has no end."""
        rest = b""
        for piece in self.pieces():
            *whole, rest = (rest + piece).split(b"\n")
            yield from (line + b"\n" for line in whole)
        if rest:
            raise CutOff("the answer was cut off")
