"""JSON-RPC to a node that is not trusted: time and size are bounded, and every answer is matched and checked."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from registry.core import codec
from registry.core.errors import LedgerUnavailable, Malformed
from registry.net.endpoint import Busy, HttpEndpoint, Ipc, NotJsonRpc, pause_told
from registry.net.http import CutOff, TooLarge, Unreachable

MAX_ANSWER_BYTES = 16 << 20
# geth takes 1,000 calls in a batch. Other nodes take fewer, and say so.
MAX_BATCH = 1_000
# Proxies before a node often stop at 1 MiB.
MAX_REQUEST_BYTES = 1_000_000
_MAX_MESSAGE = 200
# geth's error codes for a batch whose calls took too long, or answered too much, together.
_TIMED_OUT, _TOO_MUCH = -32002, -32003
# EIP-1474, "Limit exceeded". Nodes also answer so where one call asks for too much, as for logs.
_LIMIT_EXCEEDED = -32005
_FIRST_PAUSE = 0.5
_TOO_OFTEN = re.compile(
    r"rate.?limit|too many req|request limit|(per |/ ?)(second|minute|day)|quota|throughput|throttl|\b429\b",
    re.IGNORECASE,
)


class Call(NamedTuple):
    """One method and its parameters, as JSON."""

    method: str
    params: Sequence[Any] = ()


class NodeError(msgspec.Struct):
    """An error that the node answered with, its words printable and its data as bytes. The caller decides about it."""

    code: int
    message: str
    data: Any = b""
    # The seconds that the node asks to wait, if it names them.
    pause: float | None = None

    def __post_init__(self) -> None:
        # geth gives the hex string itself, others wrap it in an object, or put more words there.
        detail = self.data
        if isinstance(detail, dict):
            detail = detail.get("data", detail.get("result", detail.get("message")))
        words = detail if isinstance(detail, str) else ""
        raw = hex_bytes(words.removeprefix("Reverted "))
        if raw is None and words and words not in self.message:
            self.message = f"{self.message}: {words}"
        self.message = re.sub(r"[^ -~]", "?", self.message[: 2 * _MAX_MESSAGE])[:_MAX_MESSAGE]
        self.data = raw or b""

    @property
    def reverted(self) -> bool:
        """Whether a contract refused. Code 3 is geth's, and most nodes took it over; some only say "revert"."""
        return self.code == 3 or bool(self.data) or "revert" in self.message.lower()

    @property
    def wants_a_pause(self) -> bool:
        """Whether the node says that it is asked too often."""
        told = self.code == 429 or self.pause is not None or _TOO_OFTEN.search(self.message) is not None
        return told and not self.reverted


class _Answer(msgspec.Struct):
    # Some gateways send the numbers of the requests back as strings.
    id: int | str | None = None
    result: Any = None
    error: Any = None


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
        # What it is known not to have, in the words of the code that asks for it, so that it is not asked again.
        self.lacks: set[str] = set()

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
        """Return the results in the order of the calls, in as few requests as the node allows.

        A node that is asked too often is asked again after the pause that it names, within the time limit.
        """
        results: list[Any] = []
        size, pauses, ends_at = self._batch, 0, time.monotonic() + self._timeout
        while part := asked[len(results) : len(results) + size]:
            try:
                results += _unhurried(self._request(part))
            except TooLarge as error:
                if len(part) == 1:
                    raise self.unavailable(str(error)) from None
                size = len(part) // 2
            except TimeoutError:
                raise self.unavailable(f"no answer within {self._timeout:g} s") from None
            except Busy as busy:
                self._pause(busy, pauses, ends_at)
                pauses += 1
            except Unreachable as error:
                raise self.unavailable(str(error)) from None
            else:
                # Remember only a size that worked: a failing node does not show what size it takes.
                self._batch = min(self._batch, size)
        return results

    def _pause(self, busy: Busy, pauses: int, ends_at: float) -> None:
        pause = busy.seconds or _FIRST_PAUSE * 2**pauses
        if time.monotonic() + pause > ends_at:
            told = f"; it asks to wait {busy.seconds:g} s" if busy.seconds else ""
            advice = "Wait a while, or use another node."
            raise self.unavailable(f"it takes no more requests for now: {busy}{told}", advice)
        time.sleep(pause)

    def unavailable(self, why: str, advice: str | None = None) -> LedgerUnavailable:
        """Return the error that blames this node."""
        return LedgerUnavailable(f"{self.name}: {why}", advice)

    def _request(self, asked: Sequence[Call]) -> list[Any]:
        bodies = [{"jsonrpc": "2.0", "id": i, **call._asdict()} for i, call in enumerate(asked)]
        body = msgspec.json.encode(bodies if len(bodies) > 1 else bodies[0])
        if len(body) > MAX_REQUEST_BYTES and len(bodies) > 1:
            raise TooLarge("the request is too large")
        try:
            return self._matched(self._endpoint.exchange(body), len(bodies))
        except (NotJsonRpc, CutOff) as error:
            # Nodes refuse batches, or large ones, in any words, and some hang up. Each call alone may have an answer.
            if len(bodies) > 1:
                raise TooLarge(str(error)) from None
            raise

    def _matched(self, raw: bytes, count: int) -> list[Any]:
        """Return the result or the error of each of ``count`` calls."""
        try:
            answer = codec.loads(raw, _decoder, self._max_bytes)
        except Malformed:
            raise NotJsonRpc("its answer is not JSON-RPC") from None
        answers = answer if isinstance(answer, list) else [answer]
        for each in answers:
            if each.error:
                each.error = _error_in(each.error)
        if count > 1:
            _check_room(answers, count)
        elif len(answers) == 1 and answers[0].error and answers[0].id is None:
            return [answers[0].error]  # JSON-RPC 2.0, section 5: null where the node could not read the request
        by_id = {str(each.id): each for each in answers}
        matched = [by_id.get(str(i)) for i in range(count)]
        if len(answers) != count or None in matched:
            raise NotJsonRpc("it did not answer what was asked")
        return [each.error or each.result for each in matched if each is not None]


def _error_in(value: Any) -> NodeError:
    """Read an error. Gateways also send words alone, a code in words, or no message."""
    members = value if isinstance(value, dict) else {"message": value}
    code, message = members.get("code"), members.get("message")
    if isinstance(code, str) and re.fullmatch("-?[0-9]{1,9}", code):
        code = int(code)
    named = message if isinstance(message, str) and message else f"error {code}"
    return NodeError(code if type(code) is int else 0, named, members.get("data"), pause_told(str(value)))


def _check_room(answers: list[_Answer], count: int) -> None:
    """Raise `TooLarge` if the node refuses the whole batch, by fewer errors than calls or by its limits for batches."""
    errors = [answer.error for answer in answers if answer.error]
    if not len(errors) == len(answers) < count:
        errors = [e for e in errors if e.code in (_TIMED_OUT, _TOO_MUCH) or "batch" in e.message.lower()]
    if errors and not errors[0].wants_a_pause:
        raise TooLarge(f"it refused: {errors[0].message}")
    if errors:
        raise Busy(errors[0].message, errors[0].pause)


def _unhurried(answers: list[Any]) -> list[Any]:
    """Return the answers; `Busy` if one of them says that the node is asked too often."""
    for answer in answers:
        if isinstance(answer, NodeError) and (answer.wants_a_pause or answer.code == _LIMIT_EXCEEDED):
            raise Busy(answer.message, answer.pause)
    return answers


def hex_bytes(value: Any) -> bytes | None:
    """Return the bytes of a 0x string, or None for any other value."""
    # A pattern with a repeated group would take 60 times the memory of the answer.
    if not isinstance(value, str) or len(value) % 2 or re.fullmatch(r"0x[0-9a-fA-F]*", value) is None:
        return None
    return bytes.fromhex(value[2:])
