"""JSON-RPC to a node that is not trusted: time and size are bounded, and every answer is matched and checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from registry.core import codec
from registry.core.errors import LedgerUnavailable, Malformed
from registry.net.endpoint import Busy, HttpEndpoint, Ipc
from registry.net.http import TooLarge, Unreachable

MAX_ANSWER_BYTES = 16 << 20
# geth takes 1,000 calls in a batch. Other nodes take fewer, and say so.
MAX_BATCH = 1_000
# Proxies before a node often stop at 1 MiB.
MAX_REQUEST_BYTES = 1_000_000
_MAX_MESSAGE = 200
# geth's error codes for a batch whose calls took too long, or answered too much, together.
_TIMED_OUT, _TOO_MUCH = -32002, -32003


class Call(NamedTuple):
    """One method and its parameters, as JSON."""

    method: str
    params: Sequence[Any] = ()


class NodeError(msgspec.Struct):
    """An error that the node answered with, its words printable and its data as bytes. The caller decides about it."""

    code: int
    message: str
    data: Any = b""

    def __post_init__(self) -> None:
        self.message = re.sub(r"[^ -~]", "?", self.message)[:_MAX_MESSAGE]
        # geth gives the hex string itself, others wrap it in an object.
        data = self.data.get("data", self.data.get("result")) if isinstance(self.data, dict) else self.data
        self.data = hex_bytes(data) or b""

    @property
    def reverted(self) -> bool:
        """Whether a contract refused. Code 3 is geth's, and most nodes took it over; some only say "revert"."""
        return self.code == 3 or bool(self.data) or "revert" in self.message.lower()


class _Answer(msgspec.Struct):
    id: int | None = None
    result: Any = None
    error: NodeError | None = None


_decoder = msgspec.json.Decoder(_Answer | list[_Answer])


class Node:
    """One endpoint: a URL (http or https), or a Unix socket as ``ipc:PATH`` or a path that ends in ``.ipc``.

    Safe for threads: each request has a connection of its own, bounded by ``timeout`` (seconds) and ``max_bytes`` of
    an answer. ``InvalidInput`` if it is neither.
    """

    def __init__(self, url: str, timeout: float, max_bytes: int = MAX_ANSWER_BYTES) -> None:
        is_socket = url.startswith("ipc:") or (url.endswith(".ipc") and "://" not in url)
        endpoint = Ipc if is_socket else HttpEndpoint
        self._endpoint = endpoint(url, timeout, max_bytes)
        self.name = self._endpoint.name
        self._timeout, self._max_bytes = timeout, max_bytes
        self._batch = MAX_BATCH
        # The most blocks whose logs it is known to give at once.
        self.log_blocks = 2**63

    def ask(self, call: Call) -> Any:
        """Return the result of one call; a `NodeError` is returned like any other answer."""
        return self.ask_all([call])[0]

    def attempt(self, call: Call) -> Any:
        """Do as `ask` does, but let `TooLarge`, `Busy` and TimeoutError pass: the caller can ask for less, or later."""
        try:
            return self._request([call])[0]
        except Busy:
            raise
        except Unreachable as error:
            raise self.unavailable(str(error)) from None

    def ask_all(self, asked: Sequence[Call]) -> list[Any]:
        """Return the results in the order of the calls, in as few requests as the node allows."""
        results: list[Any] = []
        size = self._batch
        while part := asked[len(results) : len(results) + size]:
            try:
                results += self._request(part)
            except TooLarge as error:
                if len(part) == 1:
                    raise self.unavailable(str(error)) from None
                size = len(part) // 2
            except TimeoutError:
                raise self.unavailable(f"no answer within {self._timeout:g} s") from None
            except Unreachable as error:
                raise self.unavailable(str(error)) from None
            else:
                # Remember only a size that worked: a failing node does not show what size it takes.
                self._batch = min(self._batch, size)
        return results

    def unavailable(self, why: str, advice: str | None = None) -> LedgerUnavailable:
        """Return the error that blames this node."""
        return LedgerUnavailable(f"{self.name}: {why}", advice)

    def _request(self, asked: Sequence[Call]) -> list[Any]:
        bodies = [{"jsonrpc": "2.0", "id": i, **call._asdict()} for i, call in enumerate(asked)]
        body = msgspec.json.encode(bodies if len(bodies) > 1 else bodies[0])
        if len(body) > MAX_REQUEST_BYTES and len(bodies) > 1:
            raise TooLarge("the request is too large")
        raw = self._endpoint.exchange(body)
        try:
            answer = codec.loads(raw, _decoder, self._max_bytes)
        except Malformed:
            raise self.unavailable("its answer is not JSON-RPC") from None
        answers = answer if isinstance(answer, list) else [answer]
        if len(asked) > 1:
            _check_room(answers, len(asked))
        by_id = {answer.id: answer for answer in answers}
        if len(answers) != len(asked) or set(by_id) != set(range(len(asked))):
            raise self.unavailable("it did not answer what was asked")
        return [by_id[i].error or by_id[i].result for i in range(len(asked))]


def _check_room(answers: list[_Answer], count: int) -> None:
    """Raise `TooLarge` if the node refuses the whole batch, by fewer errors than calls or by its limits for batches."""
    errors = [answer.error for answer in answers if answer.error is not None]
    if not len(errors) == len(answers) < count:
        errors = [error for error in errors if error.code in (_TIMED_OUT, _TOO_MUCH)]
    if errors:
        raise TooLarge(f"it refused: {errors[0].message}")


def hex_bytes(value: Any) -> bytes | None:
    """Return the bytes of a 0x string, or None for any other value."""
    # A pattern with a repeated group would take 60 times the memory of the answer.
    if not isinstance(value, str) or len(value) % 2 or re.fullmatch(r"0x[0-9a-fA-F]*", value) is None:
        return None
    return bytes.fromhex(value[2:])
