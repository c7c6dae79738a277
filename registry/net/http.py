"""A node behind HTTP or HTTPS: a connection for each request, bounded in time and size."""

from __future__ import annotations

import http.client
import re
import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import SplitResult, unquote, urlsplit

from registry.core.errors import InvalidInput
from registry.net.deadline import Deadline
from registry.net.transport import MAX_ANSWER_BYTES, Busy, TooLarge, Unreachable, plain

# The request is too large, or a gateway would not wait for the answer to so much at once.
_TOO_MUCH = (413, 504)
_TOO_OFTEN = 429


class Http:
    """One URL, named without user name, password, path or query. Safe for threads."""

    def __init__(self, url: str, timeout: float, most_bytes: int = MAX_ANSWER_BYTES) -> None:
        parts = _split(url)
        host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
        self.name = f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}"
        self._timeout, self._most = timeout, most_bytes
        self._secure = ssl.create_default_context() if parts.scheme == "https" else None
        self._host, self._port = str(parts.hostname), parts.port
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._headers = {"Content-Type": "application/json", "Accept": "application/json", **_login(parts)}

    def exchange(self, body: bytes) -> bytes:
        try:
            with self._connected() as connection:
                connection.request("POST", self._target, body, self._headers)
                response = connection.getresponse()
                raw = response.read(self._most + 1)
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unreachable(f"not reachable ({plain(error)})") from None
        if response.status in _TOO_MUCH:
            raise TooLarge(f"HTTP status {response.status}")
        if response.status == _TOO_OFTEN:
            raise Busy(f"HTTP status {_TOO_OFTEN}: it is asked too often")
        if response.status != 200 and not raw.lstrip().startswith((b"{", b"[")):
            raise Unreachable(f"HTTP status {response.status}")
        if len(raw) > self._most:
            raise TooLarge(f"its answer has more than {self._most:,} bytes")
        return raw

    @contextmanager
    def _connected(self) -> Iterator[http.client.HTTPConnection]:
        with closing(self._connection()) as connection, Deadline(self._timeout) as watch:
            try:
                connection.connect()
                watch.over(connection.sock)
                yield connection
            except (OSError, http.client.HTTPException):
                if watch.struck:
                    raise TimeoutError from None
                raise
            # An answer of unknown length looks whole when its connection is ended.
            if watch.struck:
                raise TimeoutError

    def _connection(self) -> http.client.HTTPConnection:
        if self._secure is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=self._secure)


def _split(url: str) -> SplitResult:
    advice = "Give the node's address as http://HOST:PORT or https://HOST, or its socket as ipc:PATH."
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not url.isascii() or re.search(r"[\s\x00-\x1f\x7f]", url):
        raise InvalidInput("that is not the URL of a node", advice)
    return parts


def _login(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
