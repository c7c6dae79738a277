"""``/healthz``: the process answers. ``/readyz``: it can do its work. ``/metrics``: its figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from registry.http.callers import is_local
from registry.http.metrics import CONTENT_TYPE
from registry.http.problems import Problem, documented

_OK = b'{"status":"ok"}'
_BODY: dict[str, Any] = {
    "schema": {"type": "object", "required": ["status"], "properties": {"status": {"const": "ok"}}},
    "example": {"status": "ok"},
}
_YES: dict[int | str, dict[str, Any]] = {200: {"description": "Yes.", "content": {"application/json": _BODY}}}
_FIGURES: dict[int | str, dict[str, Any]] = {
    200: {"description": "Figures.", "content": {"text/plain": {"example": "http_requests_total 1.0\n"}}}
}
_COMMON = documented(TooManyConnections=429, TooManyRequests=429)
_UNREADY = documented(LedgerUnavailable=503, StorageUnavailable=503)


def add_health(app: FastAPI, check: Callable[[], None], public_metrics: bool) -> None:
    """Add the three routes."""

    @app.get("/healthz", tags=["health"], responses={**_YES, **_COMMON}, response_class=Response)
    async def healthz() -> Response:
        """Tell that the process answers."""
        return _ok()

    @app.get("/readyz", tags=["health"], responses={**_YES, **_COMMON, **_UNREADY}, response_class=Response)
    def readyz() -> Response:
        """Tell whether the service can do its work now."""
        check()
        return _ok()

    hidden = documented(NotFound=404)

    @app.get("/metrics", tags=["health"], responses={**_FIGURES, **_COMMON, **hidden}, response_class=Response)
    def metrics(request: Request) -> Response:
        """Give figures for Prometheus, to this machine only unless the operator allows more."""
        if not public_metrics and not is_local(request):
            raise Problem(404, "NotFound", "not found", "Ask from the machine that it runs on.")
        return Response(app.state.metrics.text(), headers={"Content-Type": CONTENT_TYPE})


def _ok() -> Response:
    return Response(_OK, media_type="application/json")
