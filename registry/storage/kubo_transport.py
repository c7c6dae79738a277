"""ipfshttpclient with bounds that it lacks: on its transport, its time and the size of answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import requests
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from registry.net.chunked import ChunkError, unchunked
from registry.net.deadline import Deadline
from registry.net.http import zoned
from registry.storage.addresses import Address, Credentials

# The library patches requests for an older urllib3, but works with plain requests. It reads this while it is imported.
os.environ["PY_IPFS_HTTP_CLIENT_PATCH_REQUESTS"] = "no"

import ipfshttpclient  # type: ignore[import-untyped]
from ipfshttpclient import exceptions, multipart

CONNECT_SECONDS = 5.0
MAX_ANSWER_BYTES = 64 << 20
CHUNK_BYTES = 256 << 10
_PIECE_BYTES = 64 << 10

# All errors of a call: the library's, those of requests while a body is read, and the library's assertions on the
# number of items in an answer.
FAILURES = (exceptions.Error, requests.exceptions.RequestException, AssertionError, OSError)
REFUSED = exceptions.ErrorResponse
STATUS = exceptions.StatusError
UNREACHABLE = exceptions.ConnectionError


class StuckError(OSError):
    """The node accepted no more of a request for ``seconds``."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class TooLongError(OSError):
    """The answer is longer than MAX_ANSWER_BYTES."""


class CutError(OSError):
    """The answer ended before its announced end, or announced none."""


# The errors of a connection that ended too early.
BROKEN = (exceptions.ProtocolError, requests.exceptions.ChunkedEncodingError, requests.ConnectionError, CutError)


class Body:
    """A request body of parts, each of CHUNK_BYTES at most; small parts are joined up to that length.

    Because the total length is known, no part is copied into a chunk (RFC 9112, section 7.1).
    """

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = list(parts)

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __iter__(self) -> Iterator[bytes]:
        # One call sends each piece within CONNECT_SECONDS, so a piece must be short enough for a narrow line.
        pieces, size = list[bytes](), 0
        for part in self._parts:
            if pieces and size + len(part) > CHUNK_BYTES:
                yield b"".join(pieces)
                pieces, size = [], 0
            pieces.append(part)
            size += len(part)
        yield b"".join(pieces)


class Client(ipfshttpclient.Client):  # type: ignore[misc]
    """ipfshttpclient's Client with a session that ignores redirects and the environment, and bounds answers."""

    def __init__(self, address: Address, credentials: Credentials, seconds: float) -> None:
        super().__init__(
            chunk_size=CHUNK_BYTES,
            auth=credentials.basic,
            headers={"Authorization": f"Bearer {credentials.bearer}"} if credentials.bearer else {},
            timeout=(min(CONNECT_SECONDS, seconds), seconds),
        )
        # The library takes no host with an underscore and no zone of an IPv6 address; requests takes both.
        self._client._base_url = f"{address.text}/{address.path and address.path + '/'}api/v0/"
        self._client.open_session()
        session = self._client._session
        # Ignore the environment's proxies and .netrc.
        session.trust_env = False
        session.max_redirects = 0
        session.hooks["response"] = [_bound]
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Adapter())

    def remove_blocks(self, cids: Iterable[str], **options: Any) -> Any:
        """Call ``block rm``, which the library lacks."""
        return self._client.request("/block/rm", cids, decoder="json", **options)

    def import_car(self, archive: Iterable[bytes], **options: Any) -> Any:
        """Call ``dag import`` with an archive of many parts in memory."""
        stream = multipart.BytesFileStream(archive, chunk_size=CHUNK_BYTES)
        body = Body(stream.body())
        return self._client.request("/dag/import", decoder="json", data=body, headers=stream.headers(), **options)


@contextmanager
def within(seconds: float) -> Iterator[Deadline]:
    """Bound all requests that this thread makes inside, from connecting to the last answer's end."""
    with Deadline(seconds) as deadline:
        before = _deadline.set(deadline)
        try:
            yield deadline
        finally:
            _deadline.reset(before)


_deadline: ContextVar[Deadline] = ContextVar("the deadline of this thread's requests")


class _Watched:
    """A urllib3 connection, new or reused, under the calling thread's deadline."""

    def __init__(self: Any, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.host, self._dns_host = zoned(self.host)

    def connect(self: Any) -> None:
        super().connect()  # type: ignore[misc]
        _deadline.get().attach(self.sock)

    def request(self: Any, *arguments: Any, **options: Any) -> None:
        if self.sock is not None:
            _deadline.get().attach(self.sock)
        try:
            super().request(*arguments, **options)  # type: ignore[misc]
        except TimeoutError:
            raise StuckError(self.timeout) from None


class _PlainPool(HTTPConnectionPool):
    class ConnectionCls(_Watched, HTTPConnection):
        pass


class _SecurePool(HTTPSConnectionPool):
    class ConnectionCls(_Watched, HTTPSConnection):
        pass


class _Adapter(requests.adapters.HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}


def _bound(response: requests.Response, **_: Any) -> requests.Response:
    # http.client accepts headers that end too early, and then takes a missing body for an empty one.
    if not {"Content-Length", "Transfer-Encoding"} & {name.title() for name in response.headers}:
        response.close()
        raise CutError
    response.raw = _Bounded(response.raw, _deadline.get())
    return response


class _Bounded:
    """A urllib3 response whose body is bounded by a deadline and by MAX_ANSWER_BYTES."""

    def __init__(self, raw: Any, deadline: Deadline) -> None:
        self._raw = raw
        self._deadline = deadline

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def stream(self, _amount: int | None = None, decode_content: bool | None = None) -> Iterator[bytes]:
        # Receive once at a time: so the caller gets all that came in time, and a chunk that claims to be long is not
        # read whole.
        total = 0
        plainly_chunked = self._raw.chunked and "Content-Encoding" not in self._raw.headers
        for piece in self._chunks() if plainly_chunked else self._pieces(decode_content):
            total += len(piece)
            if total > MAX_ANSWER_BYTES:
                raise TooLongError
            yield piece

    def _pieces(self, decode_content: bool | None) -> Iterator[bytes]:
        while piece := self._in_time(lambda: self._raw.read1(_PIECE_BYTES, decode_content)):
            yield piece

    def _chunks(self) -> Iterator[bytes]:
        answer = self._raw._fp
        try:
            yield from unchunked(lambda size: self._in_time(lambda: answer.fp.read1(size)))
        except (ChunkError, ConnectionError):
            raise CutError from None
        # It was read to its end, so the next call can use the connection.
        answer.close()
        self._raw.release_conn()

    def _in_time(self, receive: Callable[[], bytes]) -> bytes:
        try:
            piece = receive()
        except Exception:
            # A connection that the deadline shut down looks like one that ended by itself.
            if self._deadline.expired:
                raise TimeoutError from None
            raise
        if not piece and self._deadline.expired:
            raise TimeoutError
        return piece
