"""The one place that imports ipfshttpclient, and what of it has to be held in: transport, time, and size of answers."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import requests

from registry.storage._addresses import Address, Credentials

# The library's patched transport is for an older urllib3; with plain requests it works. Read while it is imported.
os.environ["PY_IPFS_HTTP_CLIENT_PATCH_REQUESTS"] = "no"

import ipfshttpclient  # type: ignore[import-untyped]
from ipfshttpclient import exceptions

CONNECT_SECONDS = 5.0
MAX_ANSWER_BYTES = 64 << 20
CHUNK_BYTES = 256 << 10
_PIECE_BYTES = 64 << 10

# Everything that the library lets through: its own, those of requests while a body is read, and its assertions on
# the number of items in an answer.
FAILURES = (exceptions.Error, requests.exceptions.RequestException, AssertionError, OSError)
REFUSED = exceptions.ErrorResponse
STATUS = exceptions.StatusError
UNREACHABLE = exceptions.ConnectionError


class SlowError(OSError):
    """The answer did not end in time."""


class TooLongError(OSError):
    """The answer is longer than any that is asked for."""


class CutError(OSError):
    """The answer ended before it said how long it is."""


# A connection that ended, as the libraries and the above say it.
BROKEN = (exceptions.ProtocolError, requests.exceptions.ChunkedEncodingError, requests.ConnectionError, CutError)


class _Blocks(ipfshttpclient.client.block.Section):  # type: ignore[misc]
    """The library's block commands, and one that it lacks."""

    def rm(self, *cids: str, **options: Any) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = self._client.request("/block/rm", cids, decoder="json", **options)
        return answer


class Client(ipfshttpclient.Client):  # type: ignore[misc]
    """ipfshttpclient's Client with a session that no redirect, environment variable or endless answer leads astray."""

    block = ipfshttpclient.client.base.SectionProperty(_Blocks)

    def __init__(self, address: Address, credentials: Credentials, seconds: float) -> None:
        super().__init__(
            address.multiaddr,
            f"{address.path}/api/v0" if address.path else "api/v0",
            chunk_size=CHUNK_BYTES,
            auth=credentials.basic,
            headers={"Authorization": f"Bearer {credentials.bearer}"} if credentials.bearer else {},
            timeout=(min(CONNECT_SECONDS, seconds), seconds),
        )
        self._client.open_session()
        session = self._client._session
        # Neither a proxy nor a .netrc of the environment gets between us and the node.
        session.trust_env = False
        session.max_redirects = 0
        session.hooks["response"] = [_bound]


def _bound(response: requests.Response, timeout: Any = None, **_: Any) -> requests.Response:
    # http.client takes headers that end too early for all of them, and then no body for an empty one.
    if not {"Content-Length", "Transfer-Encoding"} & {name.title() for name in response.headers}:
        response.close()
        raise CutError
    seconds = timeout[1] if isinstance(timeout, tuple) else timeout
    response.raw = _Bounded(response.raw, time.monotonic() + seconds)
    return response


class _Bounded:
    """A urllib3 response whose body ends by a deadline and within MAX_ANSWER_BYTES; everything else is passed on."""

    def __init__(self, raw: Any, deadline: float) -> None:
        self._raw = raw
        self._deadline = deadline

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def stream(self, _amount: int | None = None, decode_content: bool | None = None) -> Iterator[bytes]:
        # One receive at a time: whoever sends a byte now and then meets the deadline, and no chunk is read whole
        # because its sender says that it is long.
        total = 0
        while piece := self._raw.read1(_PIECE_BYTES, decode_content=decode_content):
            total += len(piece)
            if total > MAX_ANSWER_BYTES:
                raise TooLongError
            if time.monotonic() > self._deadline:
                raise SlowError
            yield piece
