"""What surrounds every request: the limit of its rate, CORS, security headers, its line in the log, and its figures.

The log and the figures name the route, not the path: a path may hold a commitment.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Mapping
from typing import NamedTuple

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry.http.callers import caller_of, prefix_of
from registry.http.connections import too_many_at_once
from registry.http.limits import Places, TokenBuckets
from registry.http.metrics import Metrics
from registry.http.problems import Problem, too_many

log = logging.getLogger("registry.http")
# What the log says where a caller left before the answer.
_GONE = 499
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_POLICY = "Content-Security-Policy"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    _POLICY: "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_OPEN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Location, Retry-After, WWW-Authenticate",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-None-Match, Last-Event-ID",
    "Access-Control-Max-Age": "86400",
}


class Rules(NamedTuple):
    """How a `Guard` treats requests. ``open_paths`` begin the paths that pages of any origin may call.

    ``places`` bounds the requests of one prefix at once: behind a proxy nobody counts their connections.
    """

    proxies: tuple[str, ...]
    open_paths: tuple[str, ...]
    bucket_of: Callable[[Request], TokenBuckets]
    places: Places
    metrics: Metrics


class Guard:
    """An ASGI middleware. It leaves the caller's network prefix in ``request.state.prefix``."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app, self._rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; anything that is none goes through."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        answer = _Answer(scope, send, self._headers(scope))
        try:
            await self._handle(scope, receive, answer)
        except ClientDisconnect:
            answer.status = answer.status or _GONE
        except Exception as error:
            if answer.status and isinstance(error, OSError):
                return None  # the caller left, or reads no more of an endless answer
            log.error("%s at %s", type(error).__name__, places_of(error))
            if not answer.status:
                await _internal_error().response()(scope, receive, answer.send)
        finally:
            self._note(scope, answer)
        return None

    async def _handle(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        request = Request(scope, receive)
        scope.setdefault("state", {})["prefix"] = prefix_of(caller_of(request, self._rules.proxies))
        if scope["method"] == "OPTIONS" and self._is_open(scope):
            return await Response(status_code=204, headers=_PREFLIGHT)(scope, receive, answer.send)
        if wait := self._rules.bucket_of(request).take(request.state.prefix):
            return await too_many(wait).response()(scope, receive, answer.send)
        if not self._rules.places.enter(request.state.prefix):
            return await too_many_at_once().response()(scope, receive, answer.send)
        try:
            return await self._app(scope, receive, answer.send)
        finally:
            self._rules.places.leave(request.state.prefix)

    def _is_open(self, scope: Scope) -> bool:
        return bool(scope["path"].startswith(self._rules.open_paths))

    def _headers(self, scope: Scope) -> Mapping[str, str]:
        ours = {**_HEADERS, **(_OPEN if self._is_open(scope) else {"Cross-Origin-Resource-Policy": "same-origin"})}
        return {**ours, "Strict-Transport-Security": "max-age=31536000"} if scope["scheme"] == "https" else ours

    def _note(self, scope: Scope, answer: _Answer) -> None:
        route, method = getattr(scope.get("route"), "path", "-"), scope["method"]
        method, status, seconds = method if method in METHODS else "-", answer.status, answer.seconds()
        log.info("%s %s %d %.1f ms", method, route, status, 1_000 * seconds)
        self._rules.metrics.requests.labels(method, route, str(status)).inc()
        self._rules.metrics.seconds.labels(route).observe(seconds)


def places_of(error: BaseException) -> str:
    """Return where it happened, for a log: its message may hold what nobody should log."""
    places = [f"{one.filename}:{one.lineno}" for one in traceback.extract_tb(error.__traceback__)]
    return " < ".join(reversed(places))


class _Answer:
    """Sends an answer with our headers, and remembers its status and time."""

    def __init__(self, scope: Scope, send: Send, headers: Mapping[str, str]) -> None:
        self._send, self._headers, self.status = send, headers, 0
        self._began = time.perf_counter()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            headers.setdefault("Cache-Control", "no-store")
            # A page's own policy names its style by a hash.
            own = headers.get(_POLICY)
            headers.update(self._headers)
            if own is not None:
                headers[_POLICY] = own
        await self._send(message)

    def seconds(self) -> float:
        return time.perf_counter() - self._began


def _internal_error() -> Problem:
    return Problem(500, "InternalError", "the service failed", "Tell its operator when this was.")
