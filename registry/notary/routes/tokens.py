"""``/v1/tokens``: sign tokens blindly (RFC 9578, section 6), within a sponsor's budget or the free allowance."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from registry.core.crypto.privacy_pass import MAX_REQUEST, REQUEST_TYPE, RESPONSE_TYPE
from registry.core.errors import Malformed
from registry.http.bodies import read_body
from registry.http.problems import documented, malformed
from registry.notary.desk import Desk
from registry.notary.records import Payment
from registry.notary.routes import schemas
from registry.notary.routes.schemas import Answers

_BINARY = {"type": "string", "format": "binary"}
_SIGNED: Answers = {
    200: {
        "description": "The blind signature, 256 bytes.",
        "content": {RESPONSE_TYPE: {"schema": _BINARY, "example": "256 bytes"}},
    }
}
_UNAVAILABLE = documented(Busy=503, DatabaseUnavailable=503)


def add(app: FastAPI, desk: Desk) -> None:
    """Add the route."""

    @app.post(
        "/v1/tokens",
        tags=["tokens"],
        response_class=Response,
        responses={**_SIGNED, **schemas.PAYING, **_UNAVAILABLE},
        openapi_extra=schemas.takes(_BINARY, REQUEST_TYPE, request="259 bytes: TokenRequest of RFC 9578, section 6.1"),
    )
    async def issue(request: Request) -> Response:
        """Sign one token without seeing it. It pays for one commitment or one ending, at any time until its key ends.

        A sponsor's key pays for it, or the free allowance.
        """
        payment = await desk.payment(request)
        body = await read_body(request, MAX_REQUEST, REQUEST_TYPE)
        if payment.token is not None:
            raise desk.till.refuse(401, "NoSponsor", "a token pays for no token", "Send a sponsor's key, or nothing.")
        is_free = payment.sponsor is None
        signed = await (_for_nothing(desk, body, request) if is_free else _signed(desk, body, payment))
        return Response(signed, 200, None, RESPONSE_TYPE)


def _sign(desk: Desk, body: bytes) -> bytes:
    try:
        return desk.api.keys.issuing().issue(body)
    except Malformed as error:
        raise malformed(error, error.advice) from None


async def _for_nothing(desk: Desk, body: bytes, request: Request) -> bytes:
    """Sign within the allowance. Signing takes a moment, so it comes last; what cannot be signed costs nothing."""
    prefix = request.state.prefix
    if not desk.tokens.take(prefix, 1):
        raise desk.till.spent(desk.tokens)
    try:
        return await run_in_threadpool(_sign, desk, body)
    except Exception:
        desk.tokens.give_back(prefix, 1)
        raise


async def _signed(desk: Desk, body: bytes, payment: Payment) -> bytes:
    """Sign, then take it from the sponsor's budget, because what cannot be signed costs nothing."""
    assert payment.sponsor is not None
    signed = await run_in_threadpool(_sign, desk, body)
    if unpaid := await desk.draws.draw(payment.sponsor):
        raise desk.till.unpaid(unpaid)
    return signed
