"""``/v1/grants``: what became of an answer. Its random name is the key: a digest opens nothing."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Path
from starlette.responses import Response

from registry.brand.desk import Desk
from registry.brand.erased import WasErased
from registry.brand.records import Answer, State
from registry.brand.routes import schemas
from registry.core import codec
from registry.core.scalars import to_hex
from registry.http.openapi import JSON, answer
from registry.http.problems import Problem

Capability = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="128 bits.", examples=[schemas.CAPABILITY])]
_STATE = answer(200, "How it stands.", schemas.STATE, {"state": "complete", "kind": "Grant", "digest": schemas.DIGEST})
_FILE = answer(200, "The file.", schemas.FILE, schemas.EXAMPLE_FILE, schemas.EVIDENCE)


def add(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""

    @app.get(
        "/v1/grants/{capability}",
        tags=["evidence"],
        response_class=Response,
        responses={**_STATE, **schemas.READING},
    )
    def state(capability: Capability) -> Response:
        """Tell how an answer stands with the brand."""
        return Response(codec.encode(state_of(found_at(desk, capability))), media_type=JSON)

    @app.get(
        "/v1/grants/{capability}/evidence",
        tags=["evidence"],
        response_class=Response,
        responses={**_FILE, **schemas.ACCEPTED_LATER, **schemas.READING},
    )
    def evidence(capability: Capability) -> Response:
        """Give the completed file; 202 while something is waited for."""
        found = found_at(desk, capability)
        if found.is_complete:
            return Response(found.file, media_type=schemas.EVIDENCE)
        return Response(codec.encode(state_of(found)), 202, {"Retry-After": "5"}, JSON)


def path_of(found: Answer) -> str:
    """Return the path of an answer, which nobody can guess."""
    return f"/v1/grants/{found.capability.hex()}"


def state_of(found: Answer) -> dict[str, Any]:
    """Return how an answer stands, as its author is told."""
    told: dict[str, Any] = {"state": _word(found), "kind": found.kind, "digest": to_hex(found.digest)}
    if found.anchored_at:
        told["anchoredAt"] = found.anchored_at
    if found.state in (State.ENDED, State.EXPIRED):
        told |= {"endedAt": found.ended_at, "why": found.why}
    return told


def _word(found: Answer) -> str:
    if found.state is not State.LIVE:
        return str(found.state)
    return "complete" if found.is_complete else "accepting"


def found_at(desk: Desk, capability: str) -> Answer:
    """Return the answer with this capability (32 hex digits); a problem 404 where there is none, 410 once erased."""
    found = desk.store.by_capability(bytes.fromhex(capability))
    if found is None and desk.store.was_erased(bytes.fromhex(capability)):
        gone = WasErased()
        raise Problem(410, type(gone).__name__, str(gone), gone.advice)
    if found is None:
        raise Problem(404, "NotFound", "there is nothing here", "Use the Location of the answer to your file.")
    return found
