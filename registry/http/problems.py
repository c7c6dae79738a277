"""Problems (RFC 9457): every answer that is not a success, with the error's name, its message, and advice.

A ``CouldNotCheck`` is 503 and tells when to ask again. It is never a 4xx, because those are judged noes.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from registry.core.errors import (
    ConsentError,
    CouldNotCheck,
    DatabaseUnavailable,
    InvalidInput,
    LedgerUnavailable,
    Rejected,
    StorageUnavailable,
)

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

log = logging.getLogger("registry.http")

MEDIA_TYPE = "application/problem+json"
TYPE = "tag:consent-registry,2026:problem/"
RETRY_SECONDS = 10
_NAMES = {404: "NotFound", 405: "MethodNotAllowed"}
_ADVICE = {
    404: "Look at /openapi.json for what there is.",
    405: "Use a method that the Allow header names.",
}
# What callers get to know. The error's own words are for the operator: they name hosts, users, files and URLs.
_AWAY: tuple[tuple[type[CouldNotCheck], str], ...] = (
    (DatabaseUnavailable, "the service cannot use its database now"),
    (LedgerUnavailable, "the service cannot read its chain now"),
    (StorageUnavailable, "the service cannot use its content store now"),
    (CouldNotCheck, "the service could not check this now"),
)
# A URL without its user, path and query; what is named as a secret; and words so long that they may be a key, or
# somebody's commitment.
_URL = re.compile(r"([a-z][a-z0-9+.-]*://)([^\s/?#]*)(\S*)", re.IGNORECASE)
_NAMED = re.compile(r"\b(password|passwd|pwd|secret|token)(\s*[=:]\s*)\S+", re.IGNORECASE)
_LONG = re.compile(r"[A-Za-z0-9_+/=-]{20,}")
SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "advice"],
    "properties": {
        "type": {"type": "string", "description": "A URI that ends in the error's name."},
        "title": {"type": "string", "description": "The error's name."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What went wrong, this time."},
        "advice": {"type": "string", "description": "What to do now, in one sentence."},
    },
}


class Problem(Exception):
    """Ends a request with a problem. ``name`` ends its ``type``.

    ``headers`` are added to the answer, ``more`` members to its body.
    """

    def __init__(
        self,
        status: int,
        name: str,
        detail: str,
        advice: str,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.name, self.detail, self.advice = status, name, detail, advice
        self.headers, self.more = dict(headers or {}), dict(more or {})

    def body(self) -> dict[str, Any]:
        """The members of the answer."""
        texts = {"type": TYPE + self.name, "title": self.name, "detail": self.detail, "advice": self.advice}
        return {**texts, "status": self.status, **self.more}

    def response(self) -> Response:
        """The answer."""
        return Response(msgspec.json.encode(self.body()), self.status, self.headers, MEDIA_TYPE)


def problem_of(error: ConsentError) -> Problem:
    """Return the problem that tells an error of ours."""
    name, advice = type(error).__name__, error.advice
    if isinstance(error, CouldNotCheck):
        return busy(name, next(words for kind, words in _AWAY if isinstance(error, kind)), "Send it again soon.")
    status = 400 if isinstance(error, InvalidInput | Rejected) else 422
    return Problem(status, name, str(error), advice)


def without_secrets(words: str) -> str:
    """Return the first line of a message for the log, without what may be a secret in it."""
    line = _URL.sub(_place_of, next(iter(words.splitlines()), ""))
    return _LONG.sub("..", _NAMED.sub(r"\1\2..", line))


def _place_of(url: re.Match[str]) -> str:
    # An @ behind the first / may end a password with a / in it: then nothing tells where the host is.
    return url[1] + (".." if "@" in url[3] else url[2].rpartition("@")[2])


def busy(name: str, detail: str, advice: str, seconds: int = RETRY_SECONDS) -> Problem:
    """Return a 503: neither yes nor no, ask again after ``seconds``."""
    return Problem(503, name, detail, advice, {"Retry-After": str(max(1, seconds))})


def too_many(wait: float) -> Problem:
    """Return a 429: ask again after ``wait`` seconds."""
    headers = {"Retry-After": str(int(wait) + 1)}
    return Problem(429, "TooManyRequests", "too many requests", "Ask less often.", headers)


def malformed(detail: object, advice: str = "Look at /openapi.json for its form.") -> Problem:
    """Return the problem for a request of another form; a ``Malformed`` has advice of its own for evidence files."""
    return Problem(422, "Malformed", str(detail), advice)


def add_problem_handlers(app: FastAPI) -> None:
    """Make an app answer its own errors, the framework's and ours as problems."""
    from fastapi.exceptions import RequestValidationError  # workers keep problems as well, and need no framework

    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(ConsentError, _on_error)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_invalid)


async def _on_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _on_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ConsentError)
    if isinstance(error, CouldNotCheck):
        log.warning("%s: %s", type(error).__name__, without_secrets(str(error)))
    return problem_of(error).response()


async def _on_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    name, advice = _NAMES.get(error.status_code, "Refused"), _ADVICE.get(error.status_code, "Correct the request.")
    detail = str(error.detail).lower().rstrip(".")
    return Problem(error.status_code, name, detail, advice, error.headers).response()


async def _on_invalid(_: Request, error: Exception) -> Response:
    # The framework's own answer repeats the input, which may hold what nobody should log.
    found: Any = error
    places = sorted({".".join(map(str, one["loc"])) for one in found.errors()})
    return malformed(f"not as the interface describes it: {', '.join(places)}").response()


def documented(**names: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI text of problems, such as ``documented(TooLarge=413)``; several names may share a status."""
    answers: dict[int | str, dict[str, Any]] = {}
    for status in sorted(set(names.values())):
        mine = [name for name, other in names.items() if other == status]
        examples = {name: {"value": _example(status, name)} for name in mine}
        content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}}
        answers[status] = {"description": ", ".join(mine), "content": content}
    return answers


def _example(status: int, name: str) -> dict[str, Any]:
    return Problem(status, name, "what went wrong", "What to do now.").body()
