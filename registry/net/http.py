"""The one HTTP client: an exchange on a connection of its own, bounded in time and size.

It follows no redirect, and reads neither proxies nor credentials from the environment. It stands on the standard
library's http.client: urllib3 would make a process that verifies one consent over JSON-RPC 7% slower, by its import.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from email.utils import parsedate_to_datetime
from functools import cache
from http.client import HTTPMessage
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from registry.net.deadline import Deadline
from registry.net.lookup import find_addresses


class Unreachable(Exception):
    """There is no answer. The message names no address, because addresses may hold access keys."""


class Untrusted(Unreachable):
    """The peer's certificate is not trusted, or it does not speak TLS."""


class CutOff(Unreachable):
    """The connection ended before the answer did, or the answer is not HTTP."""


class TooLarge(Exception):
    """The peer takes less in one request, or its answer is longer than the limit."""


class Response(NamedTuple):
    """An answer. ``headers`` ignore the case of names. Without a length, the connection's end was the body's."""

    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def has_length(self) -> bool:
        return "Content-Length" in self.headers or "Transfer-Encoding" in self.headers

    @property
    def retry_after(self) -> float | None:
        """The seconds of ``Retry-After``, which is a number or a date (RFC 9110, section 10.2.3); None for neither."""
        value = self.headers.get("Retry-After", "").strip()
        if re.fullmatch("[0-9]{1,9}", value):
            return float(value)
        try:
            return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
        except (ValueError, OverflowError):
            return None


def fetch(
    method: str,
    url: str,
    *,
    body: bytes | Iterator[bytes] = b"",
    headers: Mapping[str, str] | None = None,
    seconds: float,
    max_bytes: int,
    needs_length: bool = True,
    resolve_to: str | None = None,
) -> Response:
    """Exchange one request for its answer, whatever its status; ``url`` is an http or https URL without user info.

    ``seconds`` bounds everything from the look-up of the name to the last byte, ``max_bytes`` the body. The body of a
    status that is no success (2xx) is only an explanation: it is truncated there, and may end early. With
    ``needs_length`` a body of unknown length is refused, because it looks whole wherever its connection ends; do
    without for a format that shows its own end, as JSON does, or where a hash shows what is whole. ``resolve_to`` is a
    host to connect to instead of the URL's, which is still the host that the request names and that the certificate
    must show. A ``body`` in pieces comes with its Content-Length in ``headers``. TimeoutError, `CutOff`, `Untrusted`,
    `Unreachable` or `TooLarge`.
    """
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with closing(_connection(parts)) as connection:
        with Deadline(seconds) as deadline:
            try:
                _connect(connection, resolve_to or connection.host, deadline)
                # Who refuses a long body answers before its end, and reads no further.
                with suppress(BrokenPipeError):
                    connection.request(method, target, body or None, _headers(connection, headers))
                response = _read(connection.getresponse(), max_bytes, needs_length)
            except (OSError, http.client.HTTPException, ValueError) as error:
                if deadline.expired or isinstance(error, TimeoutError):
                    raise TimeoutError from None
                kind = Untrusted if isinstance(error, ssl.SSLError) else CutOff if deadline.connection else Unreachable
                raise kind(f"not reachable ({reason(error)})") from None
            # A connection that the deadline shut down looks like one that ended by itself.
            if deadline.expired:
                raise TimeoutError
        return response


def reason(error: Exception) -> str:
    """Return the operating system's words, which hold no part of the address; else only the kind of error."""
    return error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__


@cache
def _tls() -> ssl.SSLContext:
    # Loading the authorities takes some 20 ms, which a process should spend once.
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def zone_name(zone: str) -> str:
    """Return the zone of an IPv6 address in a URL, after its "%": RFC 6874 writes eth0 as 25eth0, many write eth0."""
    return zone[2:] if zone.startswith("25") and zone != "25" else zone


def _connection(parts: SplitResult) -> http.client.HTTPConnection:
    _, host = zoned(parts.hostname or "")
    # The port is always given: http.client would take the end of an IPv6 address for one.
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, parts.port or 443, context=_tls())
    return http.client.HTTPConnection(host, parts.port or 80)


def zoned(host: str) -> tuple[str, str]:
    """Return a URL's host without the zone of an IPv6 address, which only this machine knows, and with it."""
    address, percent, zone = host.partition("%")
    return (address, f"{address}%{zone_name(zone)}") if percent and ":" in address else (host, host)


def _headers(connection: http.client.HTTPConnection, headers: Mapping[str, str] | None) -> dict[str, str]:
    name, connected = zoned(connection.host)
    if name == connected:
        return dict(headers or {})
    return {"Host": f"[{name}]:{connection.port}", **(headers or {})}


def _connect(connection: http.client.HTTPConnection, host: str, deadline: Deadline) -> None:
    connection.sock = _first_socket(host, connection.port, deadline)
    deadline.attach(connection.sock)
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if isinstance(connection, http.client.HTTPSConnection):
        # The handshake comes after attaching, for a peer may drip that too.
        name, _ = zoned(connection.host)
        secure = _tls().wrap_socket(connection.sock, server_hostname=name, do_handshake_on_connect=False)
        connection.sock = secure
        deadline.attach(secure)
        secure.do_handshake()


def _first_socket(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Return a connection to the first address that takes one; all addresses together have the time left."""
    error: OSError = TimeoutError()
    for *_, address in find_addresses(host, port, deadline.ends_at - time.monotonic()):
        if (left := deadline.ends_at - time.monotonic()) <= 0:
            break
        try:
            zone = f"%{address[3]}" if len(address) == 4 and address[3] else ""
            return socket.create_connection((f"{address[0]}{zone}", port), left)
        except OSError as failed:
            error = failed
    raise error


def _read(response: http.client.HTTPResponse, max_bytes: int, needs_length: bool) -> Response:
    if response.status // 100 != 2:
        try:
            body = response.read(max_bytes)
        except http.client.IncompleteRead as error:
            body = error.partial
        return Response(response.status, response.headers, body)
    # http.client takes headers that end too early for all of them, and then finds neither length nor chunks.
    if needs_length and response.length is None and not response.chunked:
        raise http.client.IncompleteRead(b"")
    body = response.read(max_bytes + 1)
    if len(body) > max_bytes:
        raise TooLarge(f"its answer has more than {max_bytes:,} bytes")
    if response.length:
        raise http.client.IncompleteRead(body)
    return Response(response.status, response.headers, body)
