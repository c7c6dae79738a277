"""``/v1/blocks`` and ``/v1/updates``: the sealed data that live grants hand over."""

from __future__ import annotations

import asyncio
import time
from threading import BoundedSemaphore

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from registry.brand.desk import Desk
from registry.brand.holding import Verdict
from registry.brand.quarantine import MAX_CAR, MAX_UPDATE, Quarantine
from registry.brand.routes import schemas
from registry.brand.verdicts import NotTaken, problem_for
from registry.core import codec
from registry.http.bodies import JSON, read_body
from registry.http.openapi import COUNT, an_object, answer
from registry.http.problems import busy, documented

CAR, OCTETS = "application/vnd.ipld.car", "application/octet-stream"
# Archives that one process takes in at once: each is in memory whole.
MOST_AT_ONCE = 4
# Seconds that a caller waits for the worker, and between two looks.
WAIT_SECONDS, LOOK_SECONDS = 25.0, 0.05
_HELD = answer(
    201,
    "All of them are held durably. The counts are of all that the brand holds of the grant; `complete` where nothing "
    "of its newest state is missing.",
    an_object(["blocks", "bytes", "complete"], blocks=COUNT, bytes=COUNT, complete={"type": "boolean"}),
    {"blocks": 4, "bytes": 40_960, "complete": True},
)
_NUMBER = an_object(["number"], number=COUNT)
_KEPT = answer(201, "It is the newest.", _NUMBER, {"number": 7}) | answer(
    200, "The same again.", _NUMBER, {"number": 7}
)
_NAMES = {
    "UnknownGrant": 404,
    "Revoked": 410,
    "Expired": 410,
    "TooLarge": 413,
    "GrantFull": 413,
    "Malformed": 422,
    "NotAnchored": 422,
    "WrongCapsule": 422,
    "DamagedSeal": 422,
    "NotARecipient": 422,
    "Busy": 503,
    "WorkerSilent": 503,
    "DatabaseUnavailable": 503,
    "LedgerUnavailable": 503,
    "StorageUnavailable": 503,
    "StorageFull": 503,
    "BrandFull": 507,
}
_BLOCK_PROBLEMS = documented(ForeignBlock=422, **_NAMES)
_UPDATE_PROBLEMS = documented(Outdated=409, BlocksMissing=422, **_NAMES)
_BYTES = {"type": "string", "format": "binary"}


def add(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""
    quarantine = Quarantine(desk)
    _add_blocks(app, quarantine)
    _add_updates(app, quarantine)


def _add_blocks(app: FastAPI, quarantine: Quarantine) -> None:
    room = BoundedSemaphore(MOST_AT_ONCE)

    def bring(raw: bytes) -> Verdict | int:
        if not room.acquire(blocking=False):
            raise busy("Busy", "too many archives arrive at once", "Send it again soon.", 2)
        try:
            return quarantine.bring_blocks(raw)
        except NotTaken as no:
            return no.verdict
        finally:
            room.release()

    @app.post(
        "/v1/blocks",
        tags=["data"],
        status_code=201,
        response_class=Response,
        responses={**schemas.BODIES, **_HELD, **_BLOCK_PROBLEMS},
        openapi_extra=schemas.takes(_BYTES, "a CAR", CAR),
    )
    async def blocks(request: Request) -> Response:
        """Take blocks of a live grant: a CAR whose one root is the grant's `content`. All of them, or none.

        Without blocks in it, the brand looks for them in its network's store, and tells what it has.
        """
        # No name for the body: its memory is free while the worker judges.
        brought = await run_in_threadpool(bring, await read_body(request, MAX_CAR, CAR))
        return await _answered(quarantine, brought)


def _add_updates(app: FastAPI, quarantine: Quarantine) -> None:
    @app.post(
        "/v1/updates",
        tags=["data"],
        status_code=201,
        response_class=Response,
        responses={**schemas.BODIES, **_KEPT, **_UPDATE_PROBLEMS},
        openapi_extra=schemas.takes(_BYTES, "a sealed StreamUpdate", OCTETS),
    )
    async def updates(request: Request) -> Response:
        """Take a sealed update of a live grant. It goes before the blocks that it leads to."""
        brought = await run_in_threadpool(quarantine.bring_update, await read_body(request, MAX_UPDATE, OCTETS))
        return await _answered(quarantine, brought)


async def _answered(quarantine: Quarantine, brought: Verdict | int) -> Response:
    verdict = brought if isinstance(brought, Verdict) else await waited_for(quarantine, brought, WAIT_SECONDS)
    if verdict is None:
        raise busy("WorkerSilent", "the worker has not judged it yet", "Send the same again.")
    if not verdict.is_yes:
        raise problem_for(verdict)
    return Response(codec.encode(verdict.more), verdict.status, media_type=JSON)


async def waited_for(quarantine: Quarantine, id: int, seconds: float) -> Verdict | None:
    """Wait so long for the verdict on an arrival."""
    ends = time.monotonic() + seconds
    while (verdict := await run_in_threadpool(quarantine.verdict, id)) is None and time.monotonic() < ends:
        await asyncio.sleep(LOOK_SECONDS)
    return verdict
