"""``/v1/grants/{capability}/acknowledgement``: the brand has seen the end, and has stopped. ``/v1/info``: how soon."""

from __future__ import annotations

import threading
import time
from typing import Any

from fastapi import FastAPI
from starlette.responses import Response

from registry.brand.acknowledgements import times_of
from registry.brand.desk import Desk
from registry.brand.records import Answer, State
from registry.brand.routes import schemas
from registry.brand.routes.grants import Capability, found_at, state_of
from registry.core import codec
from registry.http.openapi import COUNT, JSON, an_object, answer
from registry.http.problems import Problem, documented

_FILE = answer(200, "The Acknowledgement.", schemas.FILE, schemas.EXAMPLE_FILE, schemas.EVIDENCE)
_LATER = answer(
    202,
    "The end was seen. The Acknowledgement is being signed and anchored.",
    schemas.STATE,
    {"state": "ended", "kind": "Grant", "digest": schemas.DIGEST, "endedAt": 1_790_000_000, "why": "Revoked"},
)
_TIMES = an_object(["count", "slowest", "late"], count=COUNT, slowest=COUNT, late=COUNT)
_INFO = answer(
    200,
    "Ends are acknowledged within `acknowledgeSeconds`. `acknowledged` tells of the last 30 days: how many, the most "
    "seconds from an end's block to the Acknowledgement's own anchor, and how many took longer than promised.",
    an_object(["acknowledgeSeconds", "acknowledged"], acknowledgeSeconds=COUNT, acknowledged=_TIMES),
    {"acknowledgeSeconds": 3_600, "acknowledged": {"count": 12, "slowest": 15, "late": 0}},
)
_SOON = {"Retry-After": "5"}
# How old the figures for everybody may be.
COUNT_SECONDS = 10.0


def add(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""
    figures = _Figures(desk)

    @app.get(
        "/v1/grants/{capability}/acknowledgement",
        tags=["evidence"],
        response_class=Response,
        responses={**_FILE, **_LATER, **schemas.READING, **documented(NotEnded=404, NotFound=404)},
    )
    def acknowledgement(capability: Capability) -> Response:
        """Give the brand's Acknowledgement of a grant that its person ended; 202 while it is made."""
        found = found_at(desk, capability)
        if not _is_ended(found):
            advice = "It is there once the person has ended the grant, and the brand has stopped."
            raise Problem(404, "NotEnded", "the person has not ended this", advice)
        file = desk.store.acknowledgement(found.id) if found.state is State.ENDED else b""
        if file:
            return Response(file, media_type=schemas.EVIDENCE)
        return Response(codec.encode(state_of(found)), 202, _SOON, JSON)

    @app.get("/v1/info", tags=["evidence"], response_class=Response, responses={**_INFO, **schemas.READING})
    def info() -> Response:
        """Tell how soon the brand acknowledges an end, and how soon it did."""
        return Response(figures.told(), media_type=JSON)


def _is_ended(found: Answer) -> bool:
    """Whether the person ended it, also where the chain has just changed below the end."""
    is_over = found.state is State.ENDED or (found.state is State.UNSURE and found.ended_at > 0)
    return is_over and found.kind == "Grant" and found.why == "Revoked"


class _Figures:
    """What ``/v1/info`` tells. Everybody may ask, and counting 300,000 of them takes most of a second."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._guard = desk, threading.Lock()
        self._told, self._counted_at = b"", -COUNT_SECONDS

    def told(self) -> bytes:
        """Return the answer, counted anew every ten seconds."""
        with self._guard:
            if time.monotonic() - self._counted_at >= COUNT_SECONDS:
                self._told, self._counted_at = codec.encode(_info(self._desk)), time.monotonic()
            return self._told


def _info(desk: Desk) -> dict[str, Any]:
    times = times_of(desk.store, desk.settings, desk.network.clock())
    told = {"count": times.made, "slowest": times.slowest, "late": times.late}
    return {"acknowledgeSeconds": desk.settings.acknowledge_seconds, "acknowledged": told}
