"""JSON-RPC with nothing taken on trust: bounded time, bounded size, every answer matched and checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from registry.core import codec
from registry.core.errors import LedgerUnavailable, Malformed
from registry.net.http import Http
from registry.net.ipc import Ipc
from registry.net.transport import MAX_ANSWER_BYTES, Busy, TooLarge, Unreachable, Wire

# geth takes 1,000 calls in a batch; other nodes fewer, and say so.
MAX_BATCH = 1_000
# Proxies before a node often stop at 1 MiB.
MAX_REQUEST_BYTES = 1_000_000
_MAX_MESSAGE = 200
# geth's answers to the calls of a batch that took too long, or answered too much, in all.
_TIMED_OUT, _TOO_MUCH = -32002, -32003


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
        """Did a contract refuse? (Code 3 is geth's, taken over by most; some only say it.)"""
        return self.code == 3 or bool(self.data) or "revert" in self.message.lower()


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
    """One endpoint: a URL (http or https), or a Unix socket as ``ipc:PATH`` or a path that ends in ``.ipc``.

    Safe for threads: each request has a connection of its own. ``timeout`` (seconds) and ``most_bytes`` of an answer
    bound each.
    """

    def __init__(self, url: str, timeout: float, most_bytes: int = MAX_ANSWER_BYTES) -> None:
        self._wire = _wire(url, timeout, most_bytes)
        self.name = self._wire.name
        self._timeout, self._most_bytes = timeout, most_bytes
        self._most = MAX_BATCH
        # So many blocks' logs it gives at once, as far as is known.
        self.log_blocks = 2**63

    def __repr__(self) -> str:
        return f"Node({self.name})"

    def ask(self, call: Call) -> Any:
        """The result of one call; a `NodeError` is returned like any other answer."""
        return self.ask_all([call])[0]

    def attempt(self, call: Call) -> Any:
        """As `ask`, for who can ask for less or later: `TooLarge`, `Busy` and TimeoutError stay what they are."""
        try:
            return self._request([call])[0]
        except Busy:
            raise
        except Unreachable as error:
            raise self.unavailable(str(error)) from None

    def ask_all(self, asked: Sequence[Call]) -> list[Any]:
        """The results, in the order of the calls, in as few requests as the node allows."""
        results: list[Any] = []
        most = self._most
        while part := asked[len(results) : len(results) + most]:
            try:
                results += self._request(part)
            except TooLarge as error:
                if len(part) == 1:
                    raise self.unavailable(str(error)) from None
                most = len(part) // 2
            except TimeoutError:
                raise self.unavailable(f"no answer within {self._timeout:g} s") from None
            except Unreachable as error:
                raise self.unavailable(str(error)) from None
            else:
                # Only what went well is remembered: a node in trouble is no node that takes small batches.
                self._most = min(self._most, most)
        return results

    def unavailable(self, why: str) -> LedgerUnavailable:
        """What to raise where this node is the reason."""
        return LedgerUnavailable(f"{self.name}: {why}")

    def _request(self, asked: Sequence[Call]) -> list[Any]:
        bodies = [
            {"jsonrpc": "2.0", "id": i, "method": call.method, "params": list(call.params)}
            for i, call in enumerate(asked)
        ]
        body = msgspec.json.encode(bodies if len(bodies) > 1 else bodies[0])
        if len(body) > MAX_REQUEST_BYTES and len(bodies) > 1:
            raise TooLarge("the request is too large")
        raw = self._wire.exchange(body)
        try:
            answer = codec.loads(raw, _decoder, self._most_bytes)
        except Malformed:
            raise self.unavailable("its answer is not JSON-RPC") from None
        answers = answer if isinstance(answer, list) else [answer]
        if len(asked) > 1:
            _check_room(answers, len(asked))
        return self._matched(answers, len(asked))

    def _matched(self, answers: list[_Answer], count: int) -> list[Any]:
        by_id = {answer.id: answer for answer in answers}
        if len(answers) != count or set(by_id) != set(range(count)):
            raise self.unavailable("it did not answer what was asked")
        return [_result(by_id[i]) for i in range(count)]


def _wire(url: str, timeout: float, most_bytes: int) -> Wire:
    if url.startswith("ipc:") or (url.endswith(".ipc") and "://" not in url):
        return Ipc(url.removeprefix("ipc:"), timeout, most_bytes)
    return Http(url, timeout, most_bytes)


def _check_room(answers: list[_Answer], count: int) -> None:
    """`TooLarge` where the node refuses the batch as one: by fewer errors than calls, or by its limits for batches."""
    errors = [answer.error for answer in answers if answer.error is not None]
    if errors and len(answers) < count and len(errors) == len(answers):
        raise TooLarge(f"it refused: {_printable(errors[0].message)}")
    for error in errors:
        if error.code in (_TIMED_OUT, _TOO_MUCH):
            raise TooLarge(f"it refused: {_printable(error.message)}")


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
