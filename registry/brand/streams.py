"""Iterators over what the brand's service sends as it comes, for asynchronous code."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Generic, Self, TypeVar

V = TypeVar("V")


class AsyncStream(Generic[V]):
    """The items of an iterator for ``async for``. A cancelled task and `aclose` end it, if it has a ``close``.

    Each wait is in a thread of its own, which fetches up to ``most`` items.
    """

    def __init__(self, stream: Iterator[V], most: int = 1) -> None:
        self._stream, self._most = stream, most
        self._ready: Iterator[V] = iter(())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> V:
        for item in self._ready:
            return item
        try:
            found = await _in_thread(lambda: list(islice(self._stream, self._most)))
        except asyncio.CancelledError:
            await self.aclose()
            raise
        if not found:
            raise StopAsyncIteration
        self._ready = iter(found[1:])
        return found[0]

    async def aclose(self) -> None:
        """End it."""
        with suppress(ValueError):  # a generator that is at work ends with its silence
            getattr(self._stream, "close", _nothing)()


def _nothing() -> None:
    """An iterator that nobody can close."""


async def _in_thread(work: Callable[[], list[V]]) -> list[V]:
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[V]] = loop.create_future()

    def run() -> None:
        try:
            items, error = work(), None
        except Exception as raised:
            items, error = [], raised
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(_settle, found, items, error)

    # A daemon: a read that waits must not keep the program from ending.
    threading.Thread(target=run, daemon=True).start()
    return await found


def _settle(found: asyncio.Future[list[V]], items: list[V], error: Exception | None) -> None:
    if found.done():
        return
    if error is not None:
        found.set_exception(error)
    else:
        found.set_result(items)
