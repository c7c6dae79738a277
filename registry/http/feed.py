"""Server-sent events for all who listen: one look at the store for each listener that is behind, and none otherwise."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Generic, Protocol, TypeVar

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from registry.core.errors import CouldNotCheck
from registry.http.problems import Problem, busy

LOOK_SECONDS = 0.5
# Listeners of all networks, and of one network prefix.
MOST_LISTENERS, MOST_OF_A_PREFIX = 256, 32
# A listener that reads nothing for so long is dropped.
SEND_SECONDS = 30
PING_SECONDS = 15
_PAGE = 500
_MAX_DIGITS = 15


class _Numbered(Protocol):
    @property
    def id(self) -> int:
        """A number that rises."""


E = TypeVar("E", bound=_Numbered)


class Feed(Generic[E]):
    """Looks for new events twice a second while anybody listens, and wakes the listeners. For one event loop.

    ``after(id, limit)`` returns the events with larger ids, in order; ``told`` makes what a listener gets of one.
    """

    def __init__(self, after: Callable[[int, int], Sequence[E]], told: Callable[[E], ServerSentEvent]) -> None:
        self._read, self._told, self._newest, self._ended = after, told, 0, False
        self._news = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self.listeners = Counter[str]()

    def enter(self, prefix: str) -> None:
        """Count a listener of this network. Whoever calls this calls `leave` in the end."""
        self.listeners[prefix] += 1

    def leave(self, prefix: str) -> None:
        """Count it no more."""
        self.listeners -= Counter([prefix])  # forgets what is at zero

    async def events(self, last: int) -> AsyncIterator[ServerSentEvent]:
        """Yield all events after ``last``, also those to come, until the service stops.

        An id that no event has is of another database, so that listener hears all from the first one on.
        """
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        if last and not await self._has(last):
            last = 0
        while not self._ended:
            news, page = self._news, await self._after(last, _PAGE)
            for event in page:
                yield self._told(event)
            last = page[-1].id if page else last
            if len(page) < _PAGE and last >= self._newest:
                await news.wait()

    def stop(self) -> None:
        """End all streams. Called on the loop that serves them."""
        self._ended = True
        self._news.set()

    async def _look(self) -> None:
        while self.listeners and not self._ended:
            if found := await self._after(self._newest, _PAGE):
                self._newest = found[-1].id
                news, self._news = self._news, asyncio.Event()
                news.set()
                continue
            await asyncio.sleep(LOOK_SECONDS)

    async def _has(self, id: int) -> bool:
        """Tell whether there is this event or a later one. A database that is away is waited for: it tells neither."""
        while not self._ended:
            with suppress(CouldNotCheck):
                return bool(await run_in_threadpool(self._read, id - 1, 1))
            await asyncio.sleep(LOOK_SECONDS)
        return True

    async def _after(self, last: int, limit: int) -> Sequence[E]:
        try:
            return await run_in_threadpool(self._read, last, limit)
        except CouldNotCheck:  # the stream goes on when the database is back
            await asyncio.sleep(LOOK_SECONDS)
            return []


class _Stream(EventSourceResponse):
    """A listener's answer, which counts until it has ended, also where the caller left before it began."""

    def __init__(self, feed: Feed[E], prefix: str, last: int) -> None:
        super().__init__(feed.events(last), ping=PING_SECONDS, send_timeout=SEND_SECONDS)
        self._leave: Callable[[], None] = partial(feed.leave, prefix)
        feed.enter(prefix)  # now and not with its first event: a whole burst may come before that

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()


def stream(feed: Feed[E], request: Request, last_event_id: str) -> EventSourceResponse:
    """Return the endless answer that begins after this event. `Problem` for a bad id, or where too many listen."""
    if not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) <= _MAX_DIGITS):
        raise Problem(422, "Malformed", "Last-Event-ID is no id of an event", "Send the last id that you got.")
    prefix, listeners = request.state.prefix, feed.listeners
    if listeners.total() >= MOST_LISTENERS or listeners[prefix] >= MOST_OF_A_PREFIX:
        raise busy("TooManyListeners", "too many listen already", "Read the chain's own log instead.")
    return _Stream(feed, prefix, int(last_event_id))
