"""Take a brand's link: fetch the request behind it, and check that it is the one that the link names."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from registry.client.web import Web, parse_url
from registry.core import codec
from registry.core.errors import BrandUnavailable, InvalidInput, Malformed
from registry.core.evidence.file import MAX_EVIDENCE, Evidence, parse_evidence
from registry.core.scalars import MAX_SAFE_INTEGER, to_hex
from registry.net.http import Response

SECONDS = 15.0
EVIDENCE_TYPE = "application/vnd.consent-evidence+json"
MAX_SHOWN = 300
_PATH = re.compile(r".*/r/(0x[0-9a-f]{64})")
_SCHEME = re.compile(r"(?:[a-z]+:)?/{0,2}", re.IGNORECASE)
_BARE = re.compile(rf"{_SCHEME.pattern}[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::[0-9]+)?/(?:[!-~]*/)?r/[!-~]*", re.IGNORECASE)
_HEADERS = {"Accept": EVIDENCE_TYPE}


class _Told(Struct, frozen=True):
    """A problem as it came. Its numbers may be anything."""

    title: str = ""
    detail: str = ""
    advice: str = ""
    step: Any = None
    number: Any = None


class Problem(NamedTuple):
    """A server's own words for what it did not do (RFC 9457), each of at most 300 characters. All may be empty.

    ``status`` is the answer's. ``step`` and ``number`` are whole numbers from 0 to 2**53-1, and None where the server
    gave anything else.
    """

    status: int
    title: str
    detail: str
    advice: str
    step: int | None
    number: int | None

    @property
    def words(self) -> str:
        """What it says, for people."""
        return self.detail or self.title or f"HTTP status {self.status}"

    def advice_of(self, host: str) -> str | None:
        """Return its advice as that server's, so that nobody takes it for ours; None where it gave none."""
        return f"{host} advises: {self.advice}" if self.advice else None


_told = msgspec.json.Decoder(_Told)


def is_link(text: str) -> bool:
    """Whether this names a server and no file."""
    return text.lower().startswith(("https://", "http://"))


def refuse_link(text: str) -> None:
    """``InvalidInput`` for a link where a file or a digest is named, also for one whose scheme was left out."""
    if is_link(text):
        advice = "`consent evidence show LINK` shows the request behind it, and `consent grant LINK` answers it."
        raise InvalidInput("that is a link, and no file or digest", advice)
    if _BARE.fullmatch(text):
        meant = "https://" + _SCHEME.sub("", text, count=1)
        raise InvalidInput(f"{text[:MAX_SHOWN]!r} looks like a link, and is no file here", f"Did you mean {meant}?")


def digest_in(link: str) -> str:
    """Return the digest (0x hex) that a brand's link ends in; ``InvalidInput`` for another URL."""
    if (found := _PATH.fullmatch(parse_url(link).path)) is None:
        raise InvalidInput("that is no link to a request", "It ends in /r/ and the request's digest: copy it whole.")
    return found[1]


def fetch_request(web: Web, link: str) -> Evidence:
    """Return the signed request behind a brand's link. It is parsed, and is the one that the link names.

    ``BrandUnavailable`` where the server does not answer, ``InvalidInput`` where it gives no request (any more), and
    ``Malformed`` for another request than the link's. Nothing is judged: `registry.client.grant` does that.
    """
    host, digest = str(parse_url(link).hostname), digest_in(link)
    answer = web.ask("GET", link, host, headers=_HEADERS, seconds=SECONDS, max_bytes=MAX_EVIDENCE)
    if answer.status != 200:
        raise _no_request(answer, host)
    asked = parse_evidence(answer.body)
    if asked.kind != "Request" or to_hex(asked.digest) != digest:
        advice = "Do not answer it; ask the brand for its link again."
        raise Malformed(f"{host} gave another file than the request that the link names", advice)
    return asked


def foreign_host(link: str, asked: Evidence) -> str:
    """Return the link's host where it is neither the domain of the request's notice nor below it; else nothing."""
    notice, host = asked.parsed_notice, str(parse_url(link).hostname)
    assert notice is not None  # the parser refuses a request without one
    domain = notice.controller.domain
    return "" if host == domain or host.endswith(f".{domain}") else host


def problem_in(answer: Response) -> Problem:
    """Return what an answer says went wrong; its status alone where it says nothing that can be read."""
    try:
        told = codec.loads(answer.body, _told, MAX_EVIDENCE)
    except Malformed:
        told = _Told()
    title, detail, advice = (text[:MAX_SHOWN] for text in (told.title, told.detail, told.advice))
    return Problem(answer.status, title, detail, advice, _count(told.step), _count(told.number))


def _count(value: object) -> int | None:
    # What is kept must be readable again, whatever a server says.
    return value if type(value) is int and 0 <= value <= MAX_SAFE_INTEGER else None


def _no_request(answer: Response, host: str) -> InvalidInput | BrandUnavailable:
    if answer.status in (404, 410):
        found = problem_in(answer)
        return InvalidInput(f"{host} gives no request there: {found.words}", found.advice_of(host) or "Ask the brand.")
    return BrandUnavailable(f"{host} answered {answer.status} and no request", "Try again later, or ask the brand.")
