"""Hear what becomes of grants, as the brand's service tells it: an endless stream that goes on after a cut."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Self

import msgspec
from msgspec import Struct

from registry.brand.streams import AsyncStream
from registry.core.errors import CouldNotCheck, InvalidInput
from registry.net.http import Unreachable
from registry.net.streamed import Streamed

# The service sends a sign of life each 15 seconds.
SILENCE = 45.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0


class ConsentEvent(Struct, frozen=True):
    """One event. ``kind`` is granted, refused, superseded, ended, expired, restored or removed (docs/formats.md).

    ``id`` rises by one with each. ``at`` is in unix seconds. ``digest`` (0x hex) names the grant or the refusal, and
    ``subject`` the person. ``why`` is the error's name for an end, and the newer grant's digest where one supersedes.
    """

    id: int
    kind: str
    at: int
    block: int
    digest: str
    subject: str
    why: str = ""


class _Told(Struct, frozen=True):
    at: int
    block: int
    digest: str
    subject: str
    why: str = ""


class _Sent(NamedTuple):
    id: str
    event: str
    data: str


class EventStream:
    """An iterator of events. ``last`` is the number of the newest one that it gave. `close` ends it, from any thread.

    After ``patience`` seconds without a sign of life it raises ``CouldNotCheck``; asked again, it goes on.
    """

    def __init__(self, url: str, headers: Mapping[str, str], since: int, patience: float) -> None:
        self._url, self._headers, self._patience = url, dict(headers), patience
        self.last = since
        self._closed = threading.Event()
        self._lines: Streamed | None = None
        self._events: Iterator[ConsentEvent] = iter(())
        self._heard = 0.0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ConsentEvent:
        self._heard, pause = time.monotonic(), _FIRST_PAUSE
        while not self._closed.is_set():
            try:
                for event in self._events:
                    self.last = event.id
                    return event
            except Unreachable as error:
                self._too_long(str(error))
                self._closed.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            self._events = self._connected()
        raise StopIteration

    def close(self) -> None:
        """End it; a read that waits ends too."""
        self._closed.set()
        if (lines := self._lines) is not None:
            lines.close()

    def _connected(self) -> Iterator[ConsentEvent]:
        headers = {"Accept": "text/event-stream", **self._headers, "Last-Event-ID": str(self.last)}
        with Streamed(self._url, b"", headers, SILENCE) as lines:
            self._lines = lines
            if self._closed.is_set():
                return
            if lines.status in (401, 404, 422):
                advice = "Correct the key, the URL of the internal listener, or the number to go on after."
                raise InvalidInput(f"the consent service answered {lines.status} to a listener", advice)
            if lines.status != 200:
                raise Unreachable(f"the consent service answered {lines.status} to a listener")
            for sent in _sent(self._alive(lines.lines_as_they_come())):
                yield _event(sent)

    def _alive(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            self._heard = time.monotonic()
            yield line

    def _too_long(self, why: str) -> None:
        if time.monotonic() - self._heard > self._patience:
            raise CouldNotCheck(f"no events of the consent service: {why}", "Look whether it runs, then go on.")


def _sent(lines: Iterable[str]) -> Iterator[_Sent]:
    """Yield the events of a stream (WHATWG HTML, 9.2.6). Lines that begin with a colon are signs of life."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
            continue
        if "data" in fields:
            yield _Sent(fields.get("id", ""), fields.get("event", ""), fields["data"])
        fields = {}


def _event(sent: _Sent) -> ConsentEvent:
    try:
        told = msgspec.json.decode(sent.data, type=_Told)
        return ConsentEvent(int(sent.id), sent.event, told.at, told.block, told.digest, told.subject, told.why)
    except (msgspec.MsgspecError, ValueError):
        raise CouldNotCheck("the consent service sent no event", "Look at which program answers there.") from None


class AsyncEventStream(AsyncStream[ConsentEvent]):
    """The same events for ``async for``. ``last`` is the number of the newest one that came."""

    def __init__(self, stream: EventStream) -> None:
        super().__init__(stream)
        self._events = stream

    @property
    def last(self) -> int:
        """The number of the newest event that it gave."""
        return self._events.last
