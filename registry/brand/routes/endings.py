"""``POST /v1/grants/{capability}/ended``: a person says that a grant has ended. The brand looks at the chain itself."""

from __future__ import annotations

from threading import BoundedSemaphore

from fastapi import FastAPI
from starlette.responses import Response

from registry.brand.checking import Checker
from registry.brand.desk import Desk
from registry.brand.records import STANDING
from registry.brand.routes import schemas
from registry.brand.routes.grants import Capability, found_at, state_of
from registry.core import codec
from registry.http.openapi import JSON, answer
from registry.http.problems import busy, documented

_ENDED = {"state": "ended", "kind": "Grant", "digest": schemas.DIGEST, "endedAt": 1_790_000_000, "why": "Revoked"}
_SEEN = answer(200, "How it stands after the look.", schemas.STATE, _ENDED)
_UNSEEN = documented(Busy=503, DatabaseUnavailable=503, LedgerUnavailable=503)
# Looks at the chain at once: where the node is slow, each keeps a thread that other callers need.
MOST_AT_ONCE = 8


def add(app: FastAPI, desk: Desk) -> None:
    """Add the route."""
    room = BoundedSemaphore(MOST_AT_ONCE)

    @app.post(
        "/v1/grants/{capability}/ended",
        tags=["evidence"],
        response_class=Response,
        responses={**_SEEN, **schemas.READING, **_UNSEEN},
    )
    def ended(capability: Capability) -> Response:
        """Look at the chain now, instead of at the next block. Nothing is believed: a grant that stands goes on."""
        found = found_at(desk, capability)
        if found.state in STANDING:
            if not room.acquire(blocking=False):
                raise busy("Busy", "too many look at the chain at once", "Send it again soon.", 2)
            try:
                Checker(desk.inbox).look_for_end(found)
            finally:
                room.release()
            found = found_at(desk, capability)
        return Response(codec.encode(state_of(found)), media_type=JSON)
