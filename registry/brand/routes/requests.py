"""``/r/``: what the brand asks, to a program and to a person; and the brand's profile."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import FastAPI, Path, Request
from starlette.responses import Response

from registry.brand.desk import Desk
from registry.brand.qr import svg_of
from registry.brand.records import Asked
from registry.brand.routes import schemas
from registry.core.evidence.file import parse_evidence
from registry.core.profiles import PATH, write_profile
from registry.core.scalars import unhex
from registry.http.openapi import JSON, WORD_PATTERN, Answers, answer
from registry.http.problems import Problem, documented
from registry.present.gone_html import Why, gone_html
from registry.present.html import style_policy
from registry.present.request_html import STYLE, request_html
from registry.present.words import best_language, words_of

_HTML = "text/html"
# Another form than this is a link that was cut off: a person must be told so, and not what a framework says of it.
_DIGEST = re.compile(WORD_PATTERN)
_Digest = Annotated[
    str,
    Path(
        description="The request's digest.",
        examples=[schemas.DIGEST],
        json_schema_extra={"pattern": WORD_PATTERN},
    ),
]
_VARY = {"Vary": "Accept, Accept-Language"}
_AGAIN = "Ask the brand for a new request."
_GONE: dict[Why, tuple[int, str, str]] = {
    "NotFound": (404, "this brand does not ask that", "Ask the brand for its link again."),
    "Withdrawn": (410, "the brand has withdrawn this request", _AGAIN),
    "Answered": (410, "this request was for one person, who has answered it", _AGAIN),
    "Expired": (410, "this request could be answered until a time that is over", _AGAIN),
}
_PROFILE = answer(200, "Who speaks for the brand.", {"type": "object"}, {"type": "ConsentProfile", "version": 1})
_ASKED: Answers = {
    200: {
        "description": "The signed request with its notice, or a page for a browser.",
        "content": {
            schemas.EVIDENCE: {"schema": schemas.FILE, "example": schemas.EXAMPLE_FILE},
            _HTML: {"schema": {"type": "string"}, "example": "<!DOCTYPE html>"},
        },
    }
}


def add(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""
    profile = write_profile(desk.settings.profile(desk.network.domain))

    @app.get(PATH, tags=["profile"], response_class=Response, responses={**_PROFILE, **schemas.READING})
    async def show_profile() -> Response:
        """Tell which accounts speak for this domain."""
        return Response(profile, media_type=JSON)

    @app.get(
        "/r/{digest}",
        tags=["requests"],
        response_class=Response,
        responses={**_ASKED, **schemas.READING, **documented(Withdrawn=410, Answered=410, Expired=410)},
    )
    def show(digest: _Digest, request: Request) -> Response:
        """Give a request: its evidence file to a program, a page to a browser. What is over is a page there too."""
        asked = desk.store.asked(unhex(digest)) if _DIGEST.fullmatch(digest) else None
        wants_html = _wants_html(request.headers.get("accept", ""))
        spoken = best_language(request.headers.get("accept-language", ""), words_of("request"))
        why = _closed(asked, desk.network.clock())
        if asked is None or why is not None:
            gone: Why = why or "NotFound"
            return _gone_page(desk, gone, asked, spoken) if wants_html else _gone(gone)
        if not wants_html:
            return Response(asked.file, 200, _VARY, schemas.EVIDENCE)
        link = desk.settings.link(digest)
        return _page(request_html(parse_evidence(asked.file), link, spoken, svg_of(link)), 200, spoken)


def _closed(asked: Asked | None, now: int) -> Why | None:
    """Return why a request cannot be answered now (unix seconds); None where it can."""
    if asked is None:
        return "NotFound"
    if asked.withdrawn_at:
        return "Withdrawn"
    if not asked.is_open:
        return "Answered"
    return "Expired" if asked.expires_at <= now else None


def _gone(why: Why) -> Response:
    status, detail, advice = _GONE[why]
    return Problem(status, why, detail, advice, _VARY).response()


def _gone_page(desk: Desk, why: Why, asked: Asked | None, language: str) -> Response:
    settings, until = desk.settings, 0 if asked is None else asked.expires_at
    page = gone_html(why, settings.name or settings.domain, settings.contact, until, language)
    return _page(page, _GONE[why][0], language)


def _page(page: bytes, status: int, language: str) -> Response:
    headers = {"Content-Security-Policy": style_policy(STYLE), "Content-Language": language}
    return Response(page, status, _VARY | headers, f"{_HTML}; charset=utf-8")


def _wants_html(accept: str) -> bool:
    """Whether it is a browser: it names HTML, and does not name the files of programs first."""
    named = [each.split(";")[0].strip().lower() for each in accept.split(",")]
    known = [each for each in named if each in (_HTML, JSON, schemas.EVIDENCE)]
    return bool(known) and known[0] == _HTML
