"""The notary's API over HTTP: the app, made from the stores, the account and the settings."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI

from registry.http.app import Service, new_app
from registry.notary.desk import Api, Desk
from registry.notary.figures import add_figures
from registry.notary.routes import batches, commitments, events, info, revocations, tokens

__all__ = ["Api", "build_app"]
_ABOUT = (
    "The blind notary anchors commitments in batches, and relays endings. It sees hashes, and never a statement. "
    "Times are unix seconds. Hex is lower case, with 0x."
)
_SCHEMES = {
    "token": {"type": "http", "scheme": "PrivateToken", "description": "A Privacy Pass token (RFC 9577)."},
    "sponsor": {"type": "http", "scheme": "bearer", "description": "The key of a sponsor."},
}


def build_app(api: Api, *, public_metrics: bool = False) -> FastAPI:
    """Return the notary's app. ``/metrics`` answers this machine only, unless they are public."""
    desk = Desk(api)
    service = Service(
        title="Consent notary",
        version=version("consent-registry"),
        description=_ABOUT,
        requests_per_second=api.settings.requests_per_second,
        check=desk.gate.check,
        proxies=api.settings.proxies,
        connections=api.settings.connections,
        public_metrics=public_metrics,
        # A flood without tokens must not use up the rate of those who bring one.
        apart=lambda request: desk.till.brings_token(request.headers.get("authorization", "")),
        schemes=_SCHEMES,
    )
    app = new_app(service)
    add_figures(app.state.metrics.registry, api)
    for routes in (commitments, revocations, batches, events, info, tokens):
        routes.add(app, desk)
    return app
