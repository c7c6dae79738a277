"""The two listeners of a brand's service: one for people, and an internal one for the brand's own systems."""

from __future__ import annotations

import hmac
from functools import lru_cache
from importlib.metadata import version
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from registry.brand.desk import Desk
from registry.brand.figures import add_figures
from registry.brand.routes import (
    acknowledgements,
    allowed,
    data,
    endings,
    events,
    grants,
    handed,
    intake,
    messages,
    requests,
    uses,
)
from registry.http.app import Service, new_app
from registry.http.callers import parsed_address
from registry.http.problems import Problem

_ABOUT = "Times are unix seconds. Hex is lower case, with 0x."
_NO_LIMIT = 1_000_000
_OPEN = ("/v1/", "/.well-known/", "/r/")
_SCHEMES = {"key": {"type": "http", "scheme": "bearer", "description": "The key in internal.key."}}


def build_public(desk: Desk, *, public_metrics: bool = False) -> FastAPI:
    """Return the app for people and their software: requests, the profile, and the intake."""
    settings = desk.settings
    service = Service(
        title="Consent brand",
        version=version("consent-registry"),
        description=f"A brand asks for consent, and takes what people answer. {_ABOUT}",
        requests_per_second=settings.requests_per_second,
        check=desk.sight.check,
        proxies=settings.proxies,
        connections=settings.connections,
        open_paths=_OPEN,
        public_metrics=public_metrics,
    )
    app = new_app(service)
    for routes in (intake, grants, acknowledgements, endings, handed, uses, requests):
        routes.add(app, desk)
    messages.add_public(app, desk)
    return app


def build_internal(desk: Desk, key: str = "") -> FastAPI:
    """Return the app for the brand's own systems. With a ``key`` its callers need it; without, only this machine calls.

    Without a key it answers to the names of this machine only: a page in a browser here might call it by another.
    """
    service = Service(
        title="Consent brand, internal",
        version=version("consent-registry"),
        description=f"The brand's own systems ask whether they may, and hear when consent ends. {_ABOUT}",
        requests_per_second=_NO_LIMIT,
        check=desk.sight.check,
        connections=_NO_LIMIT,
        open_paths=(),
        schemes=_SCHEMES,
    )
    app = new_app(service)

    add_figures(app.state.metrics.registry, desk)
    app.add_middleware(_Door, key=key)
    for routes in (allowed, data, events):
        routes.add(app, desk)
    messages.add_internal(app, desk)
    return app


class _Door:
    """Lets only those call ``/v1/`` and read figures who may. Health is for everybody who reaches the listener."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app, self._key = app, key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Figures answer this machine only anyway, so they need no key. But a page in a browser here is no reason.
        guarded = ("/v1/",) if self._key else ("/v1/", "/metrics")
        if scope["type"] == "http" and scope["path"].startswith(guarded) and not _may_call(scope, self._key):
            advice, headers = "Send the key in internal.key as a bearer token.", {"WWW-Authenticate": "Bearer"}
            problem = Problem(401, "Unauthorized", "this listener is internal", advice, headers)
            return await problem.response()(scope, receive, send)
        return await self._app(scope, receive, send)


def _may_call(scope: Scope, key: str) -> bool:
    headers = Headers(scope=scope)
    if key:
        return hmac.compare_digest(headers.get("authorization", "").encode(), f"Bearer {key}".encode())
    return _is_local_name(headers.get("host", ""))


@lru_cache(64)
def _is_local_name(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    address = parsed_address(name)
    return name == "localhost" or (address is not None and address.is_loopback)
