"""``/v1/info``: what a client must know before it trusts a promise, and the key for tokens."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import Any

from fastapi import FastAPI
from starlette.responses import Response

from registry.core import codec
from registry.core.crypto.privacy_pass import CHALLENGE, TOKEN_TYPE
from registry.core.endings import MAX_ENDINGS
from registry.core.promises import MAX_ITEMS
from registry.core.scalars import to_hex
from registry.notary.condition import read_note
from registry.notary.desk import Desk
from registry.notary.routes import schemas
from registry.notary.routes.schemas import ADDRESS, COUNT, TEXT, TIME, WORD, an_object

_KEY = an_object(["id", "key", "year", "acceptedUntil"], id=WORD, key=TEXT, year=COUNT, acceptedUntil=TIME)
_LIMITS = an_object(
    ["commitments", "endings", "freeCommitments", "freeEndings", "freeTokens", "requestsPerSecond"],
    commitments=COUNT,
    endings=COUNT,
    freeCommitments=COUNT,
    freeEndings=COUNT,
    freeTokens=COUNT,
    requestsPerSecond=COUNT,
)
_WORKER = an_object(["at", "state"], at=TIME, state=TEXT)
_MEMBERS: dict[str, Any] = {
    "chainId": COUNT,
    "registry": ADDRESS,
    "account": ADDRESS,
    "maxSeconds": COUNT,
    "batchItems": COUNT,
    "batchSeconds": COUNT,
    "promiseSeconds": COUNT,
    "relaySeconds": COUNT,
    "confirmations": COUNT,
    "limits": _LIMITS,
    "gasPerGrant": {"type": ["number", "null"], "description": "So far; null before the first."},
    "commitments": {**COUNT, "description": "Anchored so far."},
    "challenge": {**TEXT, "description": "The TokenChallenge of RFC 9577, base64url; the same for all notaries."},
    "tokenKeys": {"type": "array", "items": _KEY, "description": "The first one signs; tokens of all are accepted."},
    "worker": {"anyOf": [_WORKER, {"type": "null"}]},
}
_DIRECTORY_TYPE = "application/private-token-issuer-directory"
_DIRECTORY = an_object(
    ["issuer-request-uri", "token-keys"],
    **{
        "issuer-request-uri": TEXT,
        "token-keys": {
            "type": "array",
            "items": an_object(["token-type", "token-key"], **{"token-type": COUNT, "token-key": TEXT}),
        },
    },
)
_SPKI = "MIIBUjA9BgkqhkiG9w0BAQowMKANMAsGCWCGSAFlAwQCAqEaMBgGCSqGSIb3DQEBCDALBglghkgBZQMEAgKiAwIBMAOCAQ8A..."
_EXAMPLE = {
    "chainId": 1,
    "registry": schemas.REGISTRY,
    "account": schemas.ACCOUNT,
    "maxSeconds": 900,
    "batchItems": 32_768,
    "batchSeconds": 60,
    "promiseSeconds": 900,
    "relaySeconds": 300,
    "confirmations": 3,
    "limits": {
        "commitments": 10_000,
        "endings": 100,
        "freeCommitments": 100,
        "freeEndings": 100,
        "freeTokens": 20,
        "requestsPerSecond": 50,
    },
    "gasPerGrant": 1.9,
    "commitments": 1_000_000,
    "challenge": urlsafe_b64encode(CHALLENGE).decode(),
    "tokenKeys": [{"id": schemas.ROOT, "key": _SPKI, "year": 2026, "acceptedUntil": 2_114_380_800}],
    "worker": {"at": 1_790_000_000, "state": "ok"},
}
_TOLD = schemas.answer(200, "The notary.", an_object(list(_MEMBERS), **_MEMBERS), _EXAMPLE)
_KEYS_EXAMPLE = {"issuer-request-uri": "/v1/tokens", "token-keys": [{"token-type": 2, "token-key": _SPKI}]}
_KEYS_TOLD = schemas.answer(200, "The issuer (RFC 9578, section 4).", _DIRECTORY, _KEYS_EXAMPLE, _DIRECTORY_TYPE)


def add(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""

    @app.get("/v1/info", tags=["notary"], response_class=Response, responses={**_TOLD, **schemas.READING})
    def info() -> Response:
        """Tell the notary's chain, account, keys, limits and state."""
        return Response(codec.dump(_info(desk)), media_type="application/json")

    @app.get(
        "/.well-known/private-token-issuer-directory",
        tags=["tokens"],
        response_class=Response,
        responses={**_KEYS_TOLD, **schemas.READING},
    )
    def directory() -> Response:
        """Tell where tokens are drawn, and the key that signs them."""
        key = _base64(desk.api.keys.issuing().key.spki)
        keys = [{"token-type": TOKEN_TYPE, "token-key": key}]
        body = codec.dump({"issuer-request-uri": "/v1/tokens", "token-keys": keys})
        return Response(body, headers={"Cache-Control": "public, max-age=3600"}, media_type=_DIRECTORY_TYPE)


def _info(desk: Desk) -> dict[str, Any]:
    api, settings = desk.api, desk.api.settings
    gas, grants = api.book.totals()
    note = read_note(api.book.notes())
    return {
        "chainId": api.domain.chain_id,
        "registry": api.domain.verifying_contract,
        "account": api.signer.address,
        "maxSeconds": settings.max_seconds,
        "batchItems": settings.batch_items,
        "batchSeconds": settings.batch_seconds,
        "promiseSeconds": settings.promise_seconds,
        "relaySeconds": settings.relay_seconds,
        "confirmations": settings.confirmations,
        "limits": _limits(desk),
        "gasPerGrant": round(gas / grants, 3) if grants else None,
        "commitments": grants,
        "challenge": _base64(CHALLENGE),
        "tokenKeys": _keys(desk),
        "worker": None if note is None else {"at": note.at, "state": note.state},
    }


def _limits(desk: Desk) -> dict[str, int]:
    settings = desk.api.settings
    return {
        "commitments": MAX_ITEMS,
        "endings": MAX_ENDINGS,
        "freeCommitments": settings.free_commitments,
        "freeEndings": settings.free_endings,
        "freeTokens": settings.free_tokens,
        "requestsPerSecond": settings.requests_per_second,
    }


def _keys(desk: Desk) -> list[dict[str, Any]]:
    """Return the keys that are accepted, and first the one that signs."""
    signing = desk.api.keys.issuing()
    others = [one for one in desk.api.keys.accepted() if one.key.id != signing.key.id]
    return [
        {"id": to_hex(one.key.id), "key": _base64(one.key.spki), "year": one.year, "acceptedUntil": one.ends}
        for one in (signing, *others)
    ]


def _base64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode()
