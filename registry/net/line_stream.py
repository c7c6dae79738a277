"""Reads an endless answer line by line, as server-sent events come. `registry.net.http` reads answers that end."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

from registry.net.http import CutOff, Unreachable, reason

MAX_LINE = 64 * 1_024


class LineStream:
    """The lines of one ``GET``; use it in a ``with``. `close` ends a read that waits, from any thread.

    ``silence`` is for how many seconds nothing may come before the read is given up. It follows no redirect.
    """

    def __init__(self, url: str, headers: Mapping[str, str], silence: float) -> None:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname or "", parts.port, timeout=silence)
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._headers = dict(headers)
        self.status = 0

    def __enter__(self) -> Self:
        """Connect, and read the answer's status. `Unreachable` where nothing answers."""
        try:
            self._connection.request("GET", self._target, headers=self._headers)
            self._response = self._connection.getresponse()
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            raise Unreachable(f"not reachable ({reason(error)})") from None
        self.status = self._response.status
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._response.close()

    def body(self, limit: int) -> bytes:
        """Return the beginning of an answer that ends, which explains why there is no stream."""
        with suppress(OSError, http.client.HTTPException):
            return self._response.read(limit)
        return b""

    def __iter__(self) -> Iterator[str]:
        """Yield the lines without their ends. `CutOff` where the stream ends, is silent, or has a line too long."""
        while True:
            try:
                line = self._response.readline(MAX_LINE)
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise CutOff(f"the stream ended ({reason(error)})") from None
            if not line.endswith(b"\n"):
                raise CutOff("the stream ended" if len(line) < MAX_LINE else "a line is too long")
            yield line.rstrip(b"\r\n").decode("utf-8", "replace")

    def close(self) -> None:
        """End the stream."""
        sock = self._connection.sock
        with suppress(OSError, AttributeError):
            sock.shutdown(socket.SHUT_RDWR)
