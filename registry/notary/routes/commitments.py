"""``/v1/commitments``: take commitments durably and promise them; tell how far one is."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from registry.core import codec
from registry.core.errors import Malformed
from registry.core.promises import MAX_ITEMS
from registry.core.scalars import to_hex
from registry.http.bodies import read_body
from registry.http.problems import Problem, busy, documented, malformed, too_many
from registry.notary.arrivals import MAX_COMMITMENTS_BODY, Promised, new_arrival, read_commitments
from registry.notary.desk import Desk, check_count, read_word
from registry.notary.records import FREE, Arrival, Batch, BatchState, Payment, Times, TooManyWaiting, Unpaid
from registry.notary.routes import schemas
from registry.notary.routes.schemas import COUNT, TIME, WORD, Word, an_object

_LIST = {"type": "array", "items": WORD, "minItems": 1, "maxItems": MAX_ITEMS, "uniqueItems": True}
_BODY = an_object(["commitments"], commitments=_LIST)
_PROMISE = ("Promise", "commitments", "anchorBy")
_TAKEN = schemas.answer(
    202,
    "They are kept durably. The promise is the same for a repeat of the request.",
    schemas.promise_schema(*_PROMISE),
    schemas.promise_example(*_PROMISE, schemas.COMMITMENT, 900),
)
_STATES = ("waiting", "closed", "sent", "anchored", "final")
_ANCHOR = an_object(
    ["root", "proof", "transaction", "block"],
    root=WORD,
    proof={"type": "array", "items": WORD, "maxItems": 15},
    transaction=WORD,
    block=COUNT,
)
_STATE_EXAMPLE = {
    "state": "anchored",
    "anchor": {"root": schemas.ROOT, "proof": [schemas.HANDLE], "transaction": "0x" + "9d" * 32, "block": 17},
    "anchoredAt": 1_790_000_060,
}
_STATE = schemas.answer(
    200,
    "How far it is, and its `anchor` once it is in a block. The chain can still take that block back before `final`.",
    an_object(["state"], state={"enum": list(_STATES)}, anchor=_ANCHOR, anchoredAt=TIME),
    _STATE_EXAMPLE,
)
# How a word begins in a body, and what one and the rest take at most there, spaces among it.
_WORD_BEGINS, _MOST_FOR_A_WORD, _ENVELOPE = b'"0x', 128, 1_024
_NAMES = {BatchState.PINNED: BatchState.CLOSED}
_SHOWN = (BatchState.ANCHORED, BatchState.FINAL)


def add(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""

    @app.post(
        "/v1/commitments",
        tags=["commitments"],
        status_code=202,
        response_class=Response,
        responses={**_TAKEN, **schemas.PAYING, **schemas.BUSY},
        openapi_extra=schemas.takes(_BODY, one={"commitments": [schemas.COMMITMENT]}),
    )
    async def take(request: Request) -> Response:
        """Keep 1 to 10,000 commitments durably, and promise by when they are on the chain.

        A token pays for one commitment, a sponsor's key for any number, the free allowance for some a day.
        """
        await desk.gate.require_open(desk.api.settings.promise_seconds)
        payment = await desk.payment(request)
        words, items = _read(await _body(desk, request, payment), payment)
        arrival = new_arrival(items, desk.now, desk.api.settings.promise_seconds, payment)
        times = await _paid(desk, arrival, request.state.prefix)
        return Response(desk.sign(Promised(words, items, times)), 202, media_type="application/json")

    @app.get(
        "/v1/commitments/{commitment}",
        tags=["commitments"],
        response_class=Response,
        responses={**_STATE, **schemas.READING, **documented(UnknownCommitment=404, Busy=503, DatabaseUnavailable=503)},
    )
    def state(commitment: Word, request: Request) -> Response:
        """Tell how far a commitment is, and how to prove it once it is anchored.

        Brands and auditors take whole batches instead, so that the notary does not learn what they check.
        """
        return Response(
            codec.encode(_state(desk, read_word(commitment), request.state.prefix)), media_type="application/json"
        )


async def _body(desk: Desk, request: Request, payment: Payment) -> bytes:
    """Return the body, unless the allowance cannot pay for it: that costs no reading and no parsing.

    A repeat is free where nothing is left. Its first request held no more than an allowance, so neither does it.
    """
    if payment != FREE:
        return await read_body(request, MAX_COMMITMENTS_BODY)
    free, spent = desk.commitments, desk.till.spent(desk.commitments)
    if free.left(request.state.prefix) > 0:
        raw = await read_body(request, MAX_COMMITMENTS_BODY)
    else:
        limit = min(_ENVELOPE + _MOST_FOR_A_WORD * free.limit, MAX_COMMITMENTS_BODY)
        raw = await read_body(request, limit, too_large=spent)
    if raw.count(_WORD_BEGINS) > free.limit:
        raise spent
    return raw


def _read(raw: bytes, payment: Payment) -> tuple[tuple[str, ...], bytes]:
    try:
        words, items = read_commitments(raw)
    except Malformed as error:
        raise malformed(error) from None
    check_count(payment, len(words))
    return words, items


async def _paid(desk: Desk, arrival: Arrival, prefix: str) -> Times:
    """Keep the request and return its times. A repeat is free, also where nothing is left of the allowance."""
    count, is_free = len(arrival.items) // 32, arrival.payment == FREE
    if is_free and not desk.commitments.take(prefix, count):
        known = await run_in_threadpool(desk.api.intake.known, arrival.key)
        if known is None:
            raise desk.till.spent(desk.commitments)
        return known
    times = await asyncio.wrap_future(desk.api.ingest.submit(arrival))
    if isinstance(times, Unpaid):
        raise desk.till.unpaid(times)
    if is_free and times != arrival.times:
        desk.commitments.give_back(prefix, count)
    return times


def _state(desk: Desk, commitment: bytes, prefix: str) -> dict[str, Any]:
    intake, book = desk.api.intake, desk.api.book
    times = intake.times_of(commitment)  # first, because a batch may close between the two
    if found := book.proof(commitment):
        return _in_batch(*found)
    if times is None and not _waits_among(desk, commitment, prefix):
        if found := book.proof(commitment):
            return _in_batch(*found)
        advice = "Send it, or ask the notary that promised it."
        raise Problem(404, "UnknownCommitment", "this notary does not have the commitment", advice)
    return {"state": "waiting"}


def _waits_among(desk: Desk, commitment: bytes, prefix: str) -> bool:
    """Look through the requests of several commitments, which takes a while: so not often, and not many at once."""
    if wait := desk.searches.take(prefix):
        raise too_many(wait)
    if not desk.searching.acquire(blocking=False):
        raise busy("Busy", "too many look for a commitment at once", "Ask again soon.", 1)
    try:
        return desk.api.intake.times_among(commitment) is not None
    except TooManyWaiting:
        detail = "so much waits for a batch that the commitment was not found yet"
        raise busy("Busy", detail, "Ask again once the next batches are closed.") from None
    finally:
        desk.searching.release()


def _in_batch(batch: Batch, proof: list[bytes]) -> dict[str, Any]:
    state = {"state": str(_NAMES.get(batch.state, batch.state))}
    if batch.state not in _SHOWN:
        return state
    words = [to_hex(word) for word in proof]
    anchor = {"root": to_hex(batch.root), "proof": words, "transaction": batch.transaction, "block": batch.block}
    return {**state, "anchor": anchor, "anchoredAt": batch.time}
