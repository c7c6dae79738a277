"""Where a JSON-RPC node is: behind a URL, or behind its Unix socket."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from registry.core.errors import InvalidInput
from registry.net.http import TooLarge, Unreachable, fetch
from registry.net.ipc import Ipc

# The request is too large, or a gateway would not wait for the answer to so much at once.
_TOO_MUCH = (413, 504)
_TOO_OFTEN = 429


class Busy(Unreachable):
    """The node takes no more requests for now."""


class Endpoint(Protocol):
    """Carries one request to a node and brings its answer; each request has a connection of its own."""

    @property
    def name(self) -> str:
        """The node as messages name it, without secrets."""

    def exchange(self, body: bytes) -> bytes:
        """Return the raw answer to ``body``. `Unreachable`, `Busy`, `TooLarge`, or TimeoutError."""


class HttpEndpoint:
    """An http or https URL, named without user name, password, path or query. Safe for threads."""

    def __init__(self, url: str, timeout: float, max_bytes: int) -> None:
        parts = _split(url)
        host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
        self.name = f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}"
        self._url = f"{self.name}{parts.path or '/'}" + (f"?{parts.query}" if parts.query else "")
        self._timeout, self._max_bytes = timeout, max_bytes
        self._headers = {"Content-Type": "application/json", "Accept": "application/json", **_login(parts)}

    def exchange(self, body: bytes) -> bytes:
        status, _, raw = fetch(
            "POST",
            self._url,
            body=body,
            headers=self._headers,
            seconds=self._timeout,
            max_bytes=self._max_bytes,
            needs_length=False,
        )
        if status in _TOO_MUCH:
            raise TooLarge(f"HTTP status {status}")
        if status == _TOO_OFTEN:
            raise Busy(f"HTTP status {_TOO_OFTEN}: it is asked too often")
        # Many nodes send their errors with another status.
        if status != 200 and not raw.lstrip().startswith((b"{", b"[")):
            raise Unreachable(f"HTTP status {status}")
        return raw


def endpoint_of(url: str, timeout: float, max_bytes: int) -> Endpoint:
    """Return the endpoint at an http or https URL, ``ipc:PATH`` or a path that ends in ``.ipc``; else `InvalidInput`.

    ``timeout`` (seconds) and ``max_bytes`` (of an answer) bound each exchange.
    """
    if url.startswith("ipc:") or (url.endswith(".ipc") and "://" not in url):
        return Ipc(url.removeprefix("ipc:"), timeout, max_bytes)
    return HttpEndpoint(url, timeout, max_bytes)


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
