"""The OpenAPI text that the brand's routes share."""

from __future__ import annotations

from typing import Any

from registry.http.openapi import COUNT, JSON, TEXT, TIME, WORD, an_object, answer
from registry.http.problems import documented

EVIDENCE = "application/vnd.consent-evidence+json"
DIGEST, ADDRESS = "0x" + "c1" * 32, "0x8ba1f109551bD432803012645Ac136ddd64DBA72"
CAPABILITY = "7f" * 16
FILE: dict[str, Any] = {"type": "object", "description": "An evidence file (docs/formats.md), or one with a promise."}
EXAMPLE_FILE = {"type": "ConsentEvidence", "version": 1}
READING = documented(
    NotFound=404, WasErased=410, Malformed=422, TooManyConnections=429, TooManyRequests=429, DatabaseUnavailable=503
)
BODIES = documented(
    TooSlow=408,
    TooLarge=413,
    UnsupportedMediaType=415,
    Malformed=422,
    TooManyConnections=429,
    TooManyRequests=429,
    DatabaseUnavailable=503,
    LedgerUnavailable=503,
)
STATE = an_object(
    ["state"],
    state={"enum": ["waiting", "accepting", "complete", "unsure", "ended", "expired"]},
    kind=TEXT,
    digest=WORD,
    anchoredAt=TIME,
    endedAt=TIME,
    why=TEXT,
)
ACCEPTED_LATER = answer(
    202,
    "It is kept. Its anchor, or the brand's Acceptance, is waited for.",
    STATE,
    {"state": "accepting", "kind": "Grant", "digest": DIGEST},
)
VIEW = an_object(["block", "time", "age"], block=COUNT, time=TIME, age=COUNT)


def takes(schema: dict[str, Any], example: Any, *media_types: str) -> dict[str, Any]:
    """Return the OpenAPI text of a body that the route reads by itself."""
    content = {each: {"schema": schema, "examples": {"one": {"value": example}}} for each in media_types or (JSON,)}
    return {"requestBody": {"required": True, "content": content}}
