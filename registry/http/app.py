"""Makes the app of a service. A service adds its routes, and says when it is ready."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from fastapi import FastAPI
from starlette.requests import Request

from registry.http.bodies import Held
from registry.http.connections import Door
from registry.http.guard import Guard, Rules
from registry.http.health import add_health
from registry.http.limits import Places, TokenBuckets
from registry.http.metrics import Metrics, new_metrics
from registry.http.problems import SCHEMA, add_problem_handlers

# A caller that paused may send as many requests at once as fit into these seconds.
BURST_SECONDS = 4
# Connections of one prefix at once, of the 1,024 that a process serves.
CONNECTIONS = 100


class Service(NamedTuple):
    """What an app is made from.

    ``check`` raises a ``ConsentError`` or a `Problem` while the service is not ready. ``connections`` bounds those of
    one prefix at once. ``apart`` tells which requests have a rate of their own, beside the others of their prefix.
    ``open_paths`` begin the paths that pages of any origin may call. ``/metrics`` answers this machine only, unless
    ``public_metrics``. ``schemes`` are the security schemes of the OpenAPI document.
    """

    title: str
    version: str
    description: str
    requests_per_second: int
    check: Callable[[], None]
    proxies: tuple[str, ...] = ()
    connections: int = CONNECTIONS
    open_paths: tuple[str, ...] = ("/v1/", "/.well-known/")
    public_metrics: bool = False
    apart: Callable[[Request], bool] | None = None
    schemes: Mapping[str, Any] = MappingProxyType({})


def new_app(service: Service) -> FastAPI:
    """Return an app with problems, limits, health and figures. ``app.state.metrics`` takes a service's own figures.

    `Server` calls each function in ``app.state.at_stop`` when it begins to stop, so that endless answers end.
    """
    app = FastAPI(
        title=service.title,
        version=service.version,
        description=service.description,
        docs_url=None,  # those pages load scripts from elsewhere
        redoc_url=None,
    )
    app.state.metrics, app.state.at_stop, app.state.held = new_metrics(), [], Held()
    app.state.door = Door(service.connections, service.proxies)
    add_problem_handlers(app)
    add_health(app, service.check, service.public_metrics)
    app.add_middleware(Guard, rules=_rules(service, app.state.metrics, app.state.door.requests))
    _describe(app, service.schemes)
    return app


def _rules(service: Service, metrics: Metrics, places: Places) -> Rules:
    rate = service.requests_per_second
    plain, other = (TokenBuckets(rate, BURST_SECONDS * rate) for _ in range(2))
    apart = service.apart or (lambda _: False)

    def bucket_of(request: Request) -> TokenBuckets:
        return other if apart(request) else plain

    return Rules(service.proxies, service.open_paths, bucket_of, places, metrics)


def _describe(app: FastAPI, schemes: Mapping[str, Any]) -> None:
    """Add the schema of problems and the security schemes to the app's OpenAPI document."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        document = made()
        components = document.setdefault("components", {})
        components.setdefault("schemas", {})["Problem"] = SCHEMA
        components["securitySchemes"] = dict(schemes)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # the way that FastAPI's documentation gives
