"""The OpenAPI text of what the routes take and answer, with an example of each."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path

from registry.http.openapi import ADDRESS, COUNT, JSON, TEXT, TIME, WORD, WORD_PATTERN, Answers, an_object, answer
from registry.http.problems import documented

__all__ = ["ADDRESS", "COUNT", "JSON", "TEXT", "TIME", "WORD", "WORD_PATTERN", "Answers", "an_object", "answer"]

COMMITMENT, HANDLE, ROOT = ("0x" + digits * 32 for digits in ("c1", "4a", "7e"))
SIGNATURE = "0x" + "5b" * 64 + "1b"
ACCOUNT, REGISTRY = "0x8ba1f109551bD432803012645Ac136ddd64DBA72", "0x52908400098527886E0F7030069857D2E4169EE7"
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
