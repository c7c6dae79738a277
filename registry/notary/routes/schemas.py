"""The OpenAPI text of what the routes take and answer, with an example of each."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path

from registry.http.problems import documented

Answers = dict[int | str, dict[str, Any]]
JSON = "application/json"
WORD_PATTERN = "^0x[0-9a-f]{64}$"
COMMITMENT, HANDLE, ROOT = ("0x" + digits * 32 for digits in ("c1", "4a", "7e"))
SIGNATURE = "0x" + "5b" * 64 + "1b"
ACCOUNT, REGISTRY = "0x8ba1f109551bD432803012645Ac136ddd64DBA72", "0x52908400098527886E0F7030069857D2E4169EE7"
WORD: dict[str, Any] = {"type": "string", "pattern": WORD_PATTERN, "description": "32 bytes."}
TIME: dict[str, Any] = {"type": "integer", "minimum": 0, "description": "Unix seconds."}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
ADDRESS: dict[str, Any] = {"type": "string", "pattern": "^0x[0-9a-fA-F]{40}$", "description": "EIP-55."}
TEXT: dict[str, Any] = {"type": "string"}
Word = Annotated[str, Path(pattern=WORD_PATTERN, description="32 bytes.", examples=[COMMITMENT])]
BUSY = documented(
    Busy=503,
    OutOfFunds=503,
    CeilingReached=503,
    FeesTooHigh=503,
    LedgerUnavailable=503,
    StorageUnavailable=503,
    DatabaseUnavailable=503,
    WorkerSilent=503,
)
READING = documented(Malformed=422, TooManyConnections=429, TooManyRequests=429, DatabaseUnavailable=503)
PAYING = documented(
    InvalidInput=400,
    OneItemAToken=400,
    AllowanceSpent=401,
    BadToken=401,
    NoSponsor=401,
    TokenSpent=401,
    UnknownScheme=401,
    BudgetSpent=402,
    TooSlow=408,
    TooLarge=413,
    UnsupportedMediaType=415,
    Malformed=422,
    TooManyConnections=429,
    TooManyRequests=429,
)


def an_object(required: list[str], **members: Any) -> dict[str, Any]:
    """Return the schema of an object with exactly these members, not all of them required."""
    return {"type": "object", "required": required, "properties": members, "additionalProperties": False}


def answer(status: int, words: str, schema: dict[str, Any], example: Any, media_type: str = JSON) -> Answers:
    """Return the OpenAPI text of one answer."""
    return {status: {"description": words, "content": {media_type: {"schema": schema, "example": example}}}}


def takes(schema: dict[str, Any], media_type: str = JSON, **examples: Any) -> dict[str, Any]:
    """Return the OpenAPI text of a body that the route reads by itself, and of what may pay for it."""
    shown = {name: {"value": value} for name, value in examples.items()}
    content = {media_type: {"schema": schema, **({"examples": shown} if shown else {})}}
    return {"requestBody": {"required": True, "content": content}, "security": [{}, {"token": []}, {"sponsor": []}]}


def promise_schema(kind: str, items: str, due: str) -> dict[str, Any]:
    """Return the schema of a signed promise."""
    texts = ["name", "version", "chainId", "verifyingContract"]
    domain = an_object(texts, name=TEXT, version=TEXT, chainId=COUNT, verifyingContract=ADDRESS)
    members = {items: {"type": "array", "items": WORD, "minItems": 1}, "receivedAt": TIME, due: TIME}
    message = an_object([items, "receivedAt", due], **members)
    parts = {"primaryType": {"const": kind}, "domain": domain, "message": message}
    statement = an_object(["primaryType", "domain", "message"], **parts)
    return an_object(["statement", "signature"], statement=statement, signature=TEXT)


def promise_example(kind: str, items: str, due: str, word: str, seconds: int) -> dict[str, Any]:
    """Return an example of a signed promise."""
    domain = {"name": "ConsentRegistry", "version": "1", "chainId": 1, "verifyingContract": REGISTRY}
    message = {items: [word], "receivedAt": 1_790_000_000, due: 1_790_000_000 + seconds}
    return {"statement": {"primaryType": kind, "domain": domain, "message": message}, "signature": SIGNATURE}
