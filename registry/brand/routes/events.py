"""``/v1/events``: the outbox as server-sent events, for the brand's own systems."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Header, Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from registry.brand.desk import Desk
from registry.brand.records import Event
from registry.brand.routes import schemas
from registry.core import codec
from registry.core.scalars import checksum, to_hex
from registry.http.feed import Feed, stream
from registry.http.openapi import Answers
from registry.http.problems import documented

_EXAMPLE = (
    f'id: 7\r\nevent: ended\r\ndata: {{"at":1790000012,"block":18,"digest":"{schemas.DIGEST}",'
    f'"subject":"{schemas.ADDRESS}","why":"Revoked"}}\r\n\r\n'
)
_STREAM: Answers = {
    200: {
        "description": "An endless stream. Each event is `granted`, `refused`, `superseded` (a newer grant, `why`, "
        "replaces it), `ended`, `expired`, `restored` (a reorganisation took its end back) or `removed` (one took its "
        "anchor). Its numbers have no gap.",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
    }
}
_LastId = Annotated[str, Header(alias="Last-Event-ID", description="Go on after this event.", examples=["6"])]


def add(app: FastAPI, desk: Desk) -> None:
    """Add the route."""
    feed: Feed[Event] = Feed(desk.store.events_after, _told)
    app.state.at_stop.append(feed.stop)

    @app.get(
        "/v1/events",
        tags=["events"],
        response_class=EventSourceResponse,
        responses={**_STREAM, **schemas.READING, **documented(Malformed=422, TooManyListeners=503, Unauthorized=401)},
    )
    async def events(request: Request, last_event_id: _LastId = "0") -> EventSourceResponse:
        """Tell what becomes of grants and refusals, from the first event on, or after `Last-Event-ID`."""
        return stream(feed, request, last_event_id)


def _told(event: Event) -> ServerSentEvent:
    data = {
        "at": event.at,
        "block": event.block,
        "digest": to_hex(event.digest),
        "subject": checksum(event.subject),
        "why": event.why,
    }
    return ServerSentEvent(codec.encode(data).decode(), event=str(event.kind), id=str(event.id))
