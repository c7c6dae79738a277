"""Where a JSON-RPC node is: behind a URL, or behind its Unix socket, as geth, anvil and others make it (IPC)."""

from __future__ import annotations

import os
import re
import socket
import time
from base64 import b64encode
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

from registry.core import codec
from registry.core.errors import InvalidInput, Malformed
from registry.net.http import CutOff, TooLarge, Unreachable, fetch, reason

# The request is too large, or a gateway would not wait for the answer to so much at once.
_TOO_MUCH = (413, 504)
_TOO_OFTEN, _UNAVAILABLE = 429, 503
# These say nothing about what was asked: the login is missing, or the node is away.
_NOT_THE_REQUEST = (401, 407, 502, _UNAVAILABLE)
# The operating system's limit of a socket's address is 104 bytes on macOS, its final zero included.
_MAX_PATH = 103
_PIECE = 256 * 1024

_anything = msgspec.json.Decoder(msgspec.Raw)


# What nodes say beside a refusal: Infura "backoff_seconds", godwoken "please wait 23s", Ankr "retry in 10s".
_PAUSE_TOLD = re.compile(
    r"(?:backoff_seconds\W{1,4}|(?:retry|again) (?:in|after) |wait (?:for )?)([0-9]{1,9}(?:\.[0-9]{1,9})?) ?(ms)?",
    re.IGNORECASE,
)


class Busy(Unreachable):
    """The node takes no more requests for now. ``seconds`` is the pause that it asks for, if it names one."""

    def __init__(self, why: str, seconds: float | None = None) -> None:
        super().__init__(why)
        self.seconds = seconds


class NotJsonRpc(Unreachable):
    """The node answered, but not in JSON-RPC. Some refuse a batch so, and answer each of its calls."""


def pause_told(words: str) -> float | None:
    """Return the pause, in seconds, that a node's words ask for; None if they name none."""
    found = _PAUSE_TOLD.search(words)
    return None if found is None else float(found[1]) / (1_000 if found[2] else 1)


class HttpEndpoint:
    """An http or https URL, named without user name, password, path or query. Safe for threads."""

    def __init__(self, url: str, timeout: float, max_bytes: int) -> None:
        parts = _split(url)
        host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
        self.name = f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}"
        self._url = f"{self.name}{parts.path or '/'}" + (f"?{parts.query}" if parts.query else "")
        self._timeout, self._max_bytes = timeout, max_bytes
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if parts.username is not None:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = f"Basic {b64encode(login.encode()).decode()}"

    def exchange(self, body: bytes) -> bytes:
        """Return the raw answer to ``body``. `Unreachable`, `Busy`, `NotJsonRpc`, `TooLarge`, or TimeoutError."""
        answer = fetch(
            "POST",
            self._url,
            body=body,
            headers=self._headers,
            seconds=self._timeout,
            max_bytes=self._max_bytes,
            needs_length=False,
        )
        status, headers, raw = answer
        if status in _TOO_MUCH:
            raise TooLarge(f"HTTP status {status}")
        told = "Retry-After" in headers
        if status == _TOO_OFTEN or (status == _UNAVAILABLE and told):
            seconds = answer.retry_after if told else pause_told(raw.decode("latin-1"))
            raise Busy(f"HTTP status {status}: it is asked too often", seconds)
        # Many nodes send their errors with another status.
        if status != 200 and not raw.lstrip().startswith((b"{", b"[")):
            raise (Unreachable if status in _NOT_THE_REQUEST else NotJsonRpc)(f"HTTP status {status}")
        return raw


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


class Ipc:
    """One socket, with a connection for each request: the rest of an answer that was cut reaches no other request."""

    def __init__(self, address: str, timeout: float, max_bytes: int) -> None:
        path = address.removeprefix("ipc:")
        self._path, self._timeout, self._max_bytes = path, timeout, max_bytes
        if not hasattr(socket, "AF_UNIX"):
            raise InvalidInput("this system has no Unix sockets", "Give the node's address as http://HOST:PORT.")
        if not path or not path.isprintable() or len(os.fsencode(path)) > _MAX_PATH:
            advice = f"Give the path of the node's socket, of at most {_MAX_PATH} bytes, as ipc:PATH."
            raise InvalidInput("that is not the path of a socket", advice)
        self.name = f"ipc:{path}"

    def exchange(self, body: bytes) -> bytes:
        """Return the raw answer to ``body``. `Unreachable`, `TooLarge`, or TimeoutError."""
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
        if (left := ends_at - time.monotonic()) <= 0:
            raise TimeoutError
        connection.settimeout(left)
        if not (piece := connection.recv(_PIECE)):
            raise CutOff("it hung up before its answer was whole")
        raw += piece
        if len(raw) > max_bytes:
            raise TooLarge(f"its answer has more than {max_bytes:,} bytes")
    return bytes(raw)


def _is_whole(raw: bytearray, max_bytes: int) -> bool:
    """Whether the answer has ended: with a line, or where a node ends no line, with its JSON."""
    if not raw.endswith((b"]", b"}")):
        return raw.endswith(b"\n")
    try:
        codec.loads(bytes(raw), _anything, max_bytes)
    except Malformed:
        return False
    return True
