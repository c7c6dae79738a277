"""``/v1/events``: roots and handles as the chain shows them, to all alike and unfiltered, as server-sent events."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Header, Request
from sse_starlette import EventSourceResponse
from starlette.types import Receive, Scope, Send

from registry.http.problems import Problem, busy, documented
from registry.notary.desk import Desk
from registry.notary.feed import Feed
from registry.notary.routes import schemas
from registry.notary.routes.schemas import Answers

MOST_LISTENERS, MOST_OF_A_PREFIX = 256, 32
# A listener that reads nothing for so long is dropped.
SEND_SECONDS = 30
PING_SECONDS = 15
_MAX_DIGITS = 15
_EXAMPLE = f'id: 7\r\nevent: revoked\r\ndata: {{"block":18,"time":1790000012,"word":"{schemas.HANDLE}"}}\r\n\r\n'
_STREAM: Answers = {
    200: {
        "description": "An endless stream, from the first event on. Each event is `anchored` (a root, with the SHA-256 "
        "of its manifest), `revoked` (a handle) or `removed` (a reorganisation took this word back).",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
    }
}
_LastId = Annotated[str, Header(alias="Last-Event-ID", description="Go on after this event.", examples=["6"])]


class _Stream(EventSourceResponse):
    """A listener's answer, which counts until it has ended, also where the caller left before it began."""

    def __init__(self, feed: Feed, prefix: str, last: int) -> None:
        super().__init__(feed.events(last), ping=PING_SECONDS, send_timeout=SEND_SECONDS)
        self._feed, self._prefix = feed, prefix
        feed.enter(prefix)  # now and not with its first event: a whole burst may come before that

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._feed.leave(self._prefix)


def add(app: FastAPI, desk: Desk) -> None:
    """Add the route."""
    feed = Feed(desk.api.book)
    app.state.at_stop.append(feed.stop)

    @app.get(
        "/v1/events",
        tags=["events"],
        response_class=EventSourceResponse,
        responses={**_STREAM, **schemas.READING, **documented(TooManyListeners=503)},
    )
    async def events(request: Request, last_event_id: _LastId = "0") -> EventSourceResponse:
        """Tell each root that is anchored and each handle that is revoked, and what a reorganisation takes back."""
        if not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) <= _MAX_DIGITS):
            raise Problem(422, "Malformed", "Last-Event-ID is no id of an event", "Send the last id that you got.")
        prefix, listeners = request.state.prefix, feed.listeners
        if listeners.total() >= MOST_LISTENERS or listeners[prefix] >= MOST_OF_A_PREFIX:
            raise busy("TooManyListeners", "too many listen already", "Read the chain's own log instead.")
        return _Stream(feed, prefix, int(last_event_id))
