"""``/v1/events``: roots and handles as the chain shows them, to all alike and unfiltered, as server-sent events."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Header, Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from registry.core import codec
from registry.core.scalars import to_hex
from registry.http.feed import Feed, stream
from registry.http.problems import documented
from registry.notary.desk import Desk
from registry.notary.records import Event
from registry.notary.routes import schemas
from registry.notary.routes.schemas import Answers

_EXAMPLE = f'id: 7\r\nevent: revoked\r\ndata: {{"block":18,"time":1790000012,"word":"{schemas.HANDLE}"}}\r\n\r\n'
_STREAM: Answers = {
    200: {
        "description": "An endless stream, from the first event on. Each event is `anchored` (a root, with the SHA-256 "
        "of its manifest), `revoked` (a handle) or `removed` (a reorganisation took this word back).",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
    }
}
_LastId = Annotated[str, Header(alias="Last-Event-ID", description="Go on after this event.", examples=["6"])]


def add(app: FastAPI, desk: Desk) -> None:
    """Add the route."""
    feed = Feed(lambda id, limit: desk.api.book.events_after(id, limit), _told)
    app.state.at_stop.append(feed.stop)

    @app.get(
        "/v1/events",
        tags=["events"],
        response_class=EventSourceResponse,
        responses={**_STREAM, **schemas.READING, **documented(TooManyListeners=503)},
    )
    async def events(request: Request, last_event_id: _LastId = "0") -> EventSourceResponse:
        """Tell each root that is anchored and each handle that is revoked, and what a reorganisation takes back."""
        return stream(feed, request, last_event_id)


def _told(event: Event) -> ServerSentEvent:
    data = {"word": to_hex(event.word), "block": event.block, "time": event.time}
    if event.manifest:
        data["manifest"] = to_hex(event.manifest)
    return ServerSentEvent(codec.encode(data).decode(), event=str(event.kind), id=str(event.id))
