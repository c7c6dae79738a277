"""The stream of events for all who listen: one look at the book for each of them that is behind, and none otherwise."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

from sse_starlette import ServerSentEvent
from starlette.concurrency import run_in_threadpool

from registry.core import codec
from registry.core.errors import CouldNotCheck
from registry.core.scalars import to_hex
from registry.notary.protocols import ChainBook
from registry.notary.records import Event

LOOK_SECONDS = 0.5
_PAGE = 500


class Feed:
    """Looks for new events twice a second while anybody listens, and wakes the listeners. For one event loop."""

    def __init__(self, book: ChainBook) -> None:
        self._book, self._newest, self._ended = book, 0, False
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
        if last and not await self._after(last - 1, 1):
            last = 0
        while not self._ended:
            news, page = self._news, await self._after(last, _PAGE)
            for event in page:
                yield _told(event)
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

    async def _after(self, last: int, limit: int) -> list[Event]:
        try:
            return await run_in_threadpool(self._book.events_after, last, limit)
        except CouldNotCheck:  # the stream goes on when the database is back
            await asyncio.sleep(LOOK_SECONDS)
            return []


def _told(event: Event) -> ServerSentEvent:
    data = {"word": to_hex(event.word), "block": event.block, "time": event.time}
    if event.manifest:
        data["manifest"] = to_hex(event.manifest)
    return ServerSentEvent(codec.encode(data).decode(), event=str(event.kind), id=str(event.id))
