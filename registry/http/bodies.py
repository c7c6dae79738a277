"""Bodies, bounded before they are parsed: by their declared length, by what arrives in chunks, and all together."""

from __future__ import annotations

import asyncio
from typing import TypeVar

import msgspec
from starlette.requests import Request

from registry.core import codec
from registry.core.errors import Malformed
from registry.http.problems import Problem, busy, malformed

JSON = "application/json"
T = TypeVar("T")
SECONDS = 30.0
# Bytes of all bodies that are arriving, so that slow callers cannot fill the memory.
MOST_HELD = 64 * 1_024 * 1_024


class Held:
    """The bytes of bodies that are arriving at one app now."""

    def __init__(self) -> None:
        self.size = 0


async def read_body(
    request: Request, limit: int, media_type: str | tuple[str, ...] = JSON, too_large: Problem | None = None
) -> bytes:
    """Return the whole body. It has this media type, or one of these, has ``limit`` bytes at most, and comes in 30 s.

    ``too_large`` is the problem for a longer one, 413 where there is none.
    """
    types = (media_type,) if isinstance(media_type, str) else media_type
    if media_type_of(request) not in types:
        raise Problem(415, "UnsupportedMediaType", f"the body is not {' or '.join(types)}", f"Send it as {types[0]}.")
    if _declared(request) > limit:
        raise too_large or _too_large(limit)
    try:
        async with asyncio.timeout(SECONDS):
            return await _received(request, limit, too_large)
    except TimeoutError:
        advice = "Send it again, on a faster connection."
        raise Problem(408, "TooSlow", "the body did not arrive in time", advice, {"Connection": "close"}) from None


def decoded(raw: bytes, decoder: msgspec.json.Decoder[T], limit: int) -> T:
    """Return what a body holds, read as strictly as files are; the problem 422 `malformed` for another form."""
    try:
        return codec.loads(raw, decoder, limit)
    except Malformed as error:
        raise malformed(error) from None


def media_type_of(request: Request) -> str:
    """Return the media type that the caller says the body has, without its parameters."""
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def _declared(request: Request) -> int:
    length = request.headers.get("content-length", "0")
    return int(length) if length.isascii() and length.isdigit() else 0


async def _received(request: Request, limit: int, too_large: Problem | None) -> bytes:
    held: Held = request.app.state.held
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            held.size += len(part)
            if size > limit:
                raise too_large or _too_large(limit)
            if held.size > MOST_HELD:
                raise busy("Busy", "too many bodies arrive at once", "Send it again soon.")
            parts.append(part)
    finally:
        held.size -= size
    return b"".join(parts)


def _too_large(limit: int) -> Problem:
    # The rest of the body is not read, so the connection cannot be used again.
    detail = f"the body is longer than {limit:,} bytes"
    return Problem(413, "TooLarge", detail, "Send less at once.", {"Connection": "close"})
