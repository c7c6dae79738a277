"""``/v1/evidence``: what people send, one by one or many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from threading import BoundedSemaphore
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from msgspec import Raw
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from registry.brand.desk import Desk
from registry.brand.erased import WasErased
from registry.brand.figures import IntakeFigures, intake_figures
from registry.brand.given import MAX_GIVEN
from registry.brand.inbox import Taken, step_of
from registry.brand.records import Answer
from registry.brand.routes import schemas
from registry.brand.routes.grants import path_of, state_of
from registry.brand.sql.changes import AlreadyAnswered
from registry.core import codec
from registry.core.errors import ConsentError, CouldNotCheck, NotAnchored, NotYetValid
from registry.http.bodies import JSON, decoded, read_body
from registry.http.openapi import an_object, answer
from registry.http.problems import Problem, busy, documented, malformed, problem_of

MOST_FILES, MAX_BATCH_BODY = 1_000, 32 << 20
# Batches that one process verifies at once: each is in memory whole, and has a thread that others need too.
MOST_BATCHES = 4
_TYPES = (schemas.EVIDENCE, JSON)
_DONE = answer(201, "The completed file.", schemas.FILE, schemas.EXAMPLE_FILE, schemas.EVIDENCE)
_REFUSED = documented(AlreadyAnswered=409, WasErased=410, NotAsked=422, Revoked=422, WrongController=422)
_FILES = an_object(["files"], files={"type": "array", "items": schemas.FILE, "minItems": 1, "maxItems": MOST_FILES})
_ANSWERS = answer(
    200,
    "One answer for each file, in order. `status` is what the file alone would have got.",
    an_object(["answers"], answers={"type": "array", "items": {"type": "object"}}),
    {"answers": [{"status": 202, "location": f"/v1/grants/{schemas.CAPABILITY}", "state": "accepting"}]},
)
_TOO_MANY = documented(Busy=503, DatabaseUnavailable=503, LedgerUnavailable=503)
# Seconds after which a judged no may have become a yes.
_SOON = {"Retry-After": "15"}


class _Files(msgspec.Struct, forbid_unknown_fields=True):
    files: list[Raw]


_files = msgspec.json.Decoder(_Files)


def add(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""
    figures, room = intake_figures(app.state.metrics.registry), BoundedSemaphore(MOST_BATCHES)

    @app.post(
        "/v1/evidence",
        tags=["evidence"],
        status_code=201,
        response_class=Response,
        responses={**_DONE, **schemas.ACCEPTED_LATER, **schemas.BODIES, **_REFUSED},
        openapi_extra=schemas.takes(schemas.FILE, schemas.EXAMPLE_FILE, *_TYPES),
    )
    async def take(request: Request) -> Response:
        """Take a grant or a refusal: its evidence, or the signed statement beside a notary's promise.

        The same file again gets the same `Location`, below which lies the completed file.
        """
        body = await read_body(request, MAX_GIVEN, _TYPES)
        taken = await asyncio.wrap_future(desk.groups.submit(body))
        _note(figures, taken)
        if not isinstance(taken, Answer):
            raise refusal(taken)
        headers = {"Location": path_of(taken)}
        if taken.is_complete:
            return Response(taken.file, 201, headers, schemas.EVIDENCE)
        return Response(codec.encode(state_of(taken)), 202, {**headers, "Retry-After": "5"}, JSON)

    @app.post(
        "/v1/evidence:batch",
        tags=["evidence"],
        response_class=Response,
        responses={**_ANSWERS, **schemas.BODIES, **_TOO_MANY},
        openapi_extra=schemas.takes(_FILES, {"files": [schemas.EXAMPLE_FILE]}),
    )
    async def take_all(request: Request) -> Response:
        """Take up to 1,000 files at once. 503 where none of them could be checked."""
        taken = await _take_batch(desk, room, read_files(await read_body(request, MAX_BATCH_BODY)))
        for each in taken:
            _note(figures, each)
        return Response(codec.dump({"answers": [_one_of_many(each) for each in taken]}), media_type=JSON)


async def _take_batch(desk: Desk, room: BoundedSemaphore, files: Sequence[bytes]) -> list[Taken]:
    if not room.acquire(blocking=False):
        raise busy("Busy", "too many batches are verified at once", "Send it again soon.", 2)
    try:
        return await run_in_threadpool(desk.inbox.take, files)
    finally:
        room.release()


def _note(figures: IntakeFigures, taken: Taken) -> None:
    if isinstance(taken, Answer):
        figures.taken.labels(str(taken.state)).inc()
    else:
        figures.refused.labels(type(taken).__name__).inc()


def read_files(raw: bytes) -> list[bytes]:
    """Return the bytes of each file in a body of ``{"files":[..]}``, 1 to 1,000."""
    found = [bytes(each) for each in decoded(raw, _files, MAX_BATCH_BODY).files]
    check_files(found)
    return found


def check_files(files: Sequence[bytes]) -> None:
    """Require 1 to 1,000 objects; what is in each is judged for itself."""
    if not 1 <= len(files) <= MOST_FILES:
        raise malformed(f"the body holds {len(files):,} files", f"Send 1 to {MOST_FILES:,} at once.")
    if not all(each.lstrip().startswith(b"{") for each in files):
        raise malformed("a file is no JSON object", "Send the files as they are, as JSON objects.")


def refusal(why: ConsentError | AlreadyAnswered) -> Problem:
    """Return the problem for what was not taken, with the number of the step that failed."""
    if isinstance(why, AlreadyAnswered):
        detail = "somebody else has answered this request, which asks one person"
        return Problem(409, "AlreadyAnswered", detail, "Ask the brand for a request of your own.")
    found = problem_of(why)
    if isinstance(why, WasErased):
        return Problem(410, found.name, found.detail, found.advice)
    if isinstance(why, CouldNotCheck):
        return found
    headers = _SOON if isinstance(why, NotAnchored | NotYetValid) else None
    return Problem(found.status, found.name, found.detail, found.advice, headers, {"step": step_of(why)})


def _one_of_many(taken: Taken) -> dict[str, Any]:
    if not isinstance(taken, Answer):
        return refusal(taken).body()
    return {"status": 201 if taken.is_complete else 202, "location": path_of(taken), **state_of(taken)}
