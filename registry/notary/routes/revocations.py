"""``/v1/revocations``: take endings durably, and promise what can be promised; tell how far one is."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from registry.core import codec
from registry.core.endings import MAX_BODY, MAX_ENDINGS, parse_endings
from registry.core.errors import Malformed
from registry.http.bodies import read_body
from registry.http.problems import Problem, busy, documented, malformed
from registry.notary.arrivals import new_ending, relayed_together
from registry.notary.desk import Desk, check_count, read_word
from registry.notary.records import FREE, Ending, EndingKind, EventKind, NewEnding, Payment, Unpaid
from registry.notary.routes import schemas
from registry.notary.routes.schemas import ADDRESS, COUNT, TEXT, TIME, WORD, Word, an_object

_OPENING = an_object(["secret", "tag"], secret=WORD, tag=WORD)
_SIGNATURE = {"type": "string", "pattern": "^0x([0-9a-f]{2}){1,8192}$"}


def _signed(kind: str, message: dict[str, Any], **more: Any) -> dict[str, Any]:
    members = {"primaryType": {"const": kind}, "message": message, **more, "signature": _SIGNATURE}
    return an_object(list(members), **members)


_SIGNED = {
    "oneOf": [
        _signed("Revoke", an_object(["subject", "handle"], subject=ADDRESS, handle=WORD), lock=WORD, saltHash=WORD),
        _signed("RevokeAll", an_object(["subject", "issuedUntil"], subject=ADDRESS, issuedUntil=TIME)),
        _signed("Retire", an_object(["subject"], subject=ADDRESS)),
    ]
}
_BODY = {
    "oneOf": [
        an_object(["openings"], openings={"type": "array", "items": _OPENING, "minItems": 1, "maxItems": MAX_ENDINGS}),
        an_object(["signed"], signed={"type": "array", "items": _SIGNED, "minItems": 1, "maxItems": MAX_ENDINGS}),
    ]
}
_EXAMPLES: dict[str, Any] = {
    "opening": {"openings": [{"secret": schemas.COMMITMENT, "tag": schemas.ROOT}]},
    "retire": {
        "signed": [{"primaryType": "Retire", "message": {"subject": schemas.ACCOUNT}, "signature": schemas.SIGNATURE}]
    },
}
_PROMISE = ("RelayPromise", "handles", "relayBy")
_TAKEN = schemas.answer(
    202,
    "They are kept durably, or are on the chain already. The promise names the openings, and the Revokes that their "
    "subject signed by plain ECDSA; nothing else is promised.",
    an_object([], promise=schemas.promise_schema(*_PROMISE)),
    {"promise": schemas.promise_example(*_PROMISE, schemas.HANDLE, 300)},
)
_STATES = ("waiting", "sent", "ended", "refused")
_STATE = schemas.answer(
    200,
    "How far it is; `block` and `revokedAt` once a handle is revoked; `why`, where the contract does not take it.",
    an_object(["state"], state={"enum": list(_STATES)}, why=TEXT, block=COUNT, revokedAt=TIME),
    {"state": "ended", "block": 18, "revokedAt": 1_790_000_012},
)


def add(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""

    @app.post(
        "/v1/revocations",
        tags=["endings"],
        status_code=202,
        response_class=Response,
        responses={**_TAKEN, **schemas.PAYING, **schemas.BUSY},
        openapi_extra=schemas.takes(_BODY, **_EXAMPLES),
    )
    async def take(request: Request) -> Response:
        """Keep 1 to 100 endings durably: openings, or signed Revoke, RevokeAll and Retire.

        Those with a token are relayed first. Known ones cost nothing.
        """
        await desk.gate.require_open(desk.api.settings.relay_seconds, needs_store=False)
        payment = await desk.payment(request)
        raw = await read_body(request, MAX_BODY)
        endings = await run_in_threadpool(_read, desk, raw)
        check_count(payment, len(endings))
        kept = await run_in_threadpool(_keep, desk, endings, payment, request.state.prefix)
        promised = relayed_together(kept)
        body = b"{}" if promised is None else b'{"promise":' + desk.sign(promised) + b"}"
        return Response(body, 202, media_type="application/json")

    @app.get(
        "/v1/revocations/{handle}",
        tags=["endings"],
        response_class=Response,
        responses={**_STATE, **schemas.READING, **documented(UnknownEnding=404)},
    )
    def state(handle: Word) -> Response:
        """Tell how far an ending is, by its handle; RevokeAll and Retire by the digest that was signed."""
        return Response(codec.encode(_state(desk, read_word(handle))), media_type="application/json")


def _read(desk: Desk, raw: bytes) -> list[NewEnding]:
    """Return the endings of a body, each once."""
    try:
        found = parse_endings(raw)
        seconds = desk.api.settings.relay_seconds
        new = [new_ending(desk.api.domain, one, desk.now, seconds) for one in (*found.openings, *found.signed)]
    except Malformed as error:
        raise malformed(error) from None
    return list({(one.key, one.body): one for one in new}.values())


def _keep(desk: Desk, endings: list[NewEnding], payment: Payment, prefix: str) -> list[Ending]:
    """Keep what is not on the chain yet. Only what is new is paid for."""
    left = [one for one in endings if not _is_on_chain(desk, one)]
    count = sum(one.weight for one in left if not _is_kept(desk, one)) if payment == FREE else 0
    if count:
        _check_room(desk, count)
    if count and not desk.endings.take(prefix, count):
        raise desk.till.spent(desk.endings)
    kept = desk.api.intake.add_endings(left, payment) if left else []
    if isinstance(kept, Unpaid):
        raise desk.till.unpaid(kept)
    return kept


def _check_room(desk: Desk, count: int) -> None:
    """Refuse what a flood of endings that nobody paid for would make late, or what would take the money for others."""
    room = desk.gate.free_room
    if count + desk.api.intake.free_waiting(room + 1) > room:
        advice = "Send it with a token, ask another notary, or end it by a transaction of your own."
        raise busy("Busy", "the notary takes no more endings for nothing now", advice, 60)


def _is_on_chain(desk: Desk, ending: NewEnding) -> bool:
    if ending.kind not in (EndingKind.OPENING, EndingKind.REVOKE):
        return False
    event = desk.api.book.event_of(ending.key)
    return event is not None and event.kind is EventKind.REVOKED


def _is_kept(desk: Desk, ending: NewEnding) -> bool:
    kept = desk.api.intake.ending(ending.key)
    return kept is not None and kept.body == ending.body


def _state(desk: Desk, key: bytes) -> dict[str, Any]:
    event, kept = desk.api.book.event_of(key), desk.api.intake.ending(key)
    if event is not None and event.kind is EventKind.REVOKED:
        return {"state": "ended", "block": event.block, "revokedAt": event.time}
    if kept is None:
        advice = "Send it, or ask the notary that promised it."
        raise Problem(404, "UnknownEnding", "this notary does not have the ending", advice)
    return {"state": str(kept.state)} | ({"why": kept.why} if kept.why else {})
