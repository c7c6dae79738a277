"""A small service on our app factory, with one route for each thing that may go wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from registry.core.errors import InvalidInput, LedgerUnavailable, Malformed
from registry.http.app import Service, new_app
from registry.http.bodies import read_body

LIMIT = 1_000
SECRET = "hunter2-in-an-exception"


def is_well() -> None:
    """Ready."""


def sample_app(
    check: Callable[[], None] = is_well,
    rate: int = 1_000,
    proxies: tuple[str, ...] = (),
    public: bool = False,
    **more: Any,
) -> FastAPI:
    """Return the app; requests that bring ``X-Apart`` have a rate of their own."""
    service = Service(
        "Sample",
        "1",
        "For tests.",
        rate,
        check,
        proxies,
        public_metrics=public,
        apart=lambda request: "x-apart" in request.headers,
        **more,
    )
    app = new_app(service)

    @app.post("/v1/echo")
    async def echo(request: Request) -> Response:
        return Response(await read_body(request, LIMIT), media_type="application/json")

    @app.get("/v1/prefix")
    async def prefix(request: Request) -> dict[str, str]:
        return {"prefix": request.state.prefix}

    @app.get("/v1/number/{number}")
    async def number(number: int) -> dict[str, int]:
        return {"number": number}

    @app.get("/v1/fails/{how}")
    async def fails(how: str) -> None:
        errors = {"malformed": Malformed, "input": InvalidInput, "ledger": LedgerUnavailable, "bug": KeyError}
        raise errors[how](SECRET)

    @app.get("/private")
    async def private() -> dict[str, str]:
        return {}

    return app
