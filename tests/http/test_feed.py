"""Streams of events: what a listener hears after its last one, also where the database was away meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from sse_starlette import ServerSentEvent

from registry.core.errors import DatabaseUnavailable
from registry.http import feed as feeds
from registry.http.feed import Feed
from tests.support.loops import in_a_loop


class Event(NamedTuple):
    id: int


def told(event: Event) -> ServerSentEvent:
    return ServerSentEvent("", id=str(event.id))


def test_a_database_that_is_away_makes_nobody_hear_old_events_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "LOOK_SECONDS", 0.01)
    failures = [DatabaseUnavailable("it restarts")] * 2

    def after(last: int, limit: int) -> Sequence[Event]:
        if failures:
            raise failures.pop()
        return [Event(id) for id in range(last + 1, 6)][:limit]

    async def first_after(last: int) -> str | None:
        feed = Feed[Event](after, told)
        async for event in feed.events(last):
            return event.id
        return None

    assert in_a_loop(asyncio.wait_for(first_after(3), 10)) == "4"
    assert in_a_loop(asyncio.wait_for(first_after(9), 10)) == "1"  # of another database
