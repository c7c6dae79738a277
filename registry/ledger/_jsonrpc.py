"""JSON-RPC over HTTP with nothing taken on trust: bounded time, bounded size, every answer matched and checked.

Errors name the node without user name, password, path or query, because access keys stand in those.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

from registry.core import codec
from registry.core.errors import InvalidInput, LedgerUnavailable, Malformed

MAX_ANSWER_BYTES = 16 * 1024 * 1024
MAX_BATCH = 100
_MAX_MESSAGE = 200


class Call(NamedTuple):
    """One method and its parameters, as JSON."""

    method: str
    params: Sequence[Any] = ()


class NodeError(NamedTuple):
    """The node understood, and says no: an answer, which the caller has to judge."""

    code: int
    message: str
    data: bytes

    @property
    def reverted(self) -> bool:
        """Did the EVM itself end the call?"""
        ended = ("revert", "invalid opcode", "out of gas", "invalid jump", "stack underflow", "stack limit")
        return self.code == 3 or any(words in self.message.lower() for words in ended)


class _Error(msgspec.Struct):
    code: int
    message: str
    data: Any = None


class _Answer(msgspec.Struct):
    id: int | None = None
    result: Any = None
    error: _Error | None = None


_decoder = msgspec.json.Decoder(_Answer | list[_Answer])


class Node:
    """One endpoint. Safe for threads: each call has a connection of its own."""

    def __init__(self, url: str, timeout: float) -> None:
        parts = _split(url)
        self.name = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"
        self._timeout = timeout
        self._secure = ssl.create_default_context() if parts.scheme == "https" else None
        self._host, self._port = str(parts.hostname), parts.port
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._headers = {"Content-Type": "application/json", "Accept": "application/json", **_login(parts)}
        self._batches = True

    def __repr__(self) -> str:
        return f"Node({self.name})"

    def ask(self, call: Call) -> Any:
        """The result of one call; a `NodeError` is returned like any other answer."""
        return self.ask_all([call])[0]

    def ask_all(self, asked: Sequence[Call]) -> list[Any]:
        """The results, in the order of the calls, in as few requests as the node allows."""
        size = MAX_BATCH if self._batches else 1
        results: list[Any] = []
        for start in range(0, len(asked), size):
            results += self._request(asked[start : start + size])
        return results

    def unavailable(self, why: str) -> LedgerUnavailable:
        """What to raise where this node is the reason."""
        return LedgerUnavailable(f"{self.name}: {why}")

    def _request(self, asked: Sequence[Call]) -> list[Any]:
        bodies = [
            {"jsonrpc": "2.0", "id": i, "method": call.method, "params": list(call.params)}
            for i, call in enumerate(asked)
        ]
        raw = self._post(msgspec.json.encode(bodies if len(bodies) > 1 else bodies[0]))
        try:
            answer = codec.loads(raw, _decoder, MAX_ANSWER_BYTES)
        except Malformed:
            raise self.unavailable("its answer is not JSON-RPC") from None
        if len(asked) > 1 and isinstance(answer, _Answer):
            return self._one_by_one(asked)
        return self._matched(answer if isinstance(answer, list) else [answer], len(asked))

    def _one_by_one(self, asked: Sequence[Call]) -> list[Any]:
        # A single answer to many questions: this node takes no batches.
        self._batches = False
        return [self._request([call])[0] for call in asked]

    def _matched(self, answers: list[_Answer], count: int) -> list[Any]:
        by_id = {answer.id: answer for answer in answers}
        if len(answers) != count or set(by_id) != set(range(count)):
            raise self.unavailable("it did not answer what was asked")
        return [_result(by_id[i]) for i in range(count)]

    def _post(self, body: bytes) -> bytes:
        try:
            with self._connected() as connection:
                connection.request("POST", self._target, body, self._headers)
                response = connection.getresponse()
                raw = response.read(MAX_ANSWER_BYTES + 1)
        except TimeoutError:
            raise self.unavailable(f"no answer within {self._timeout:g} s") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self.unavailable(f"not reachable ({_plain(error)})") from None
        if response.status != 200 and not raw.lstrip().startswith((b"{", b"[")):
            raise self.unavailable(f"HTTP status {response.status}")
        if len(raw) > MAX_ANSWER_BYTES:
            raise self.unavailable(f"its answer has more than {MAX_ANSWER_BYTES:,} bytes")
        return raw

    @contextmanager
    def _connected(self) -> Iterator[http.client.HTTPConnection]:
        connection = self._connection()
        late = threading.Event()
        try:
            connection.connect()
            # A socket's time limit counts from byte to byte; a node that drips would never meet it.
            watch = threading.Timer(self._timeout, _hang_up, (connection.sock, late))
            watch.daemon = True
            watch.start()
            try:
                yield connection
            finally:
                watch.cancel()
        except (OSError, http.client.HTTPException):
            if late.is_set():
                raise TimeoutError from None
            raise
        finally:
            connection.close()
        if late.is_set():
            raise TimeoutError

    def _connection(self) -> http.client.HTTPConnection:
        if self._secure is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=self._secure)


def _hang_up(sock: socket.socket, late: threading.Event) -> None:
    late.set()
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _split(url: str) -> SplitResult:
    advice = "Give the node's address as http://HOST:PORT or https://HOST."
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


def _result(answer: _Answer) -> Any:
    if answer.error is None:
        return answer.result
    error = answer.error
    return NodeError(error.code, _printable(error.message), _revert_data(error.data))


def _revert_data(data: Any) -> bytes:
    # geth puts the hex string itself there, others an object around it.
    if isinstance(data, dict):
        data = data.get("data", data.get("result"))
    return hex_bytes(data) or b""


def hex_bytes(value: Any) -> bytes | None:
    """The bytes of a 0x string, or None where it is none."""
    if not isinstance(value, str) or re.fullmatch(r"0x(?:[0-9a-fA-F]{2})*", value) is None:
        return None
    return bytes.fromhex(value[2:])


def _printable(text: str) -> str:
    return re.sub(r"[^ -~]", "?", text)[:_MAX_MESSAGE]


def _plain(error: Exception) -> str:
    """What the operating system said, which holds no part of the URL; else only the kind of error."""
    return error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
