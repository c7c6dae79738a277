"""``/r/``: what the brand asks, to a program and to a person; and the brand's profile."""

from __future__ import annotations

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
from registry.present.html import style_policy
from registry.present.request_html import STYLE, request_html
from registry.present.words import best_language, words_of

_HTML = "text/html"
_Digest = Annotated[str, Path(pattern=WORD_PATTERN, description="The request's digest.", examples=[schemas.DIGEST])]
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
        """Give a request: its evidence file to a program, a page to a browser."""
        asked = _open(desk, unhex(digest))
        headers = {"Vary": "Accept, Accept-Language"}
        if not _wants_html(request.headers.get("accept", "")):
            return Response(asked.file, 200, headers, schemas.EVIDENCE)
        link = desk.settings.link(digest)
        language = best_language(request.headers.get("accept-language", ""), words_of("request"))
        page = request_html(parse_evidence(asked.file), link, language, svg_of(link))
        policy = {"Content-Security-Policy": style_policy(STYLE), "Content-Language": language}
        return Response(page, 200, headers | policy, f"{_HTML}; charset=utf-8")


def _open(desk: Desk, digest: bytes) -> Asked:
    asked = desk.store.asked(digest)
    if asked is None:
        raise Problem(404, "NotFound", "this brand does not ask that", "Ask the brand for its link again.")
    if asked.withdrawn_at:
        raise _gone("Withdrawn", "the brand has withdrawn this request")
    if not asked.is_open:
        raise _gone("Answered", "this request was for one person, who has answered it")
    if asked.expires_at <= desk.network.clock():
        raise _gone("Expired", "this request could be answered until a time that is over")
    return asked


def _gone(name: str, detail: str) -> Problem:
    return Problem(410, name, detail, "Ask the brand for a new request.")


def _wants_html(accept: str) -> bool:
    """Whether it is a browser: it names HTML, and does not name the files of programs first."""
    named = [each.split(";")[0].strip().lower() for each in accept.split(",")]
    known = [each for each in named if each in (_HTML, JSON, schemas.EVIDENCE)]
    return bool(known) and known[0] == _HTML
