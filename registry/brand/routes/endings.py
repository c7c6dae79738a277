"""``POST /v1/grants/{capability}/ended``: a person says that a grant has ended. The brand looks at the chain itself."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.responses import Response

from registry.brand.checking import Checker
from registry.brand.desk import Desk
from registry.brand.records import STANDING
from registry.brand.routes import schemas
from registry.brand.routes.grants import Capability, found_at, state_of
from registry.core import codec
from registry.http.openapi import JSON, answer
from registry.http.problems import documented

_ENDED = {"state": "ended", "kind": "Grant", "digest": schemas.DIGEST, "endedAt": 1_790_000_000, "why": "Revoked"}
_SEEN = answer(200, "How it stands after the look.", schemas.STATE, _ENDED)
_UNSEEN = documented(LedgerUnavailable=503)


def add(app: FastAPI, desk: Desk) -> None:
    """Add the route."""

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
            Checker(desk.inbox).look_for_end(found)
            found = found_at(desk, capability)
        return Response(codec.encode(state_of(found)), media_type=JSON)
