"""A brand's real service on a socket, and a person whose client delivers to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from registry.brand.api import build_public
from registry.brand.records import Asked
from registry.client.confirm import Confirmations
from registry.client.deliver import Courier
from registry.client.deliveries import Deliveries
from registry.client.grant import grant
from registry.client.party import Person
from registry.client.request import request
from registry.client.sign import Anchored
from registry.client.web import Web
from registry.core.evidence.file import Evidence, write_evidence
from registry.core.scalars import to_hex, unhex
from registry.http.serving import Server
from tests.support.brand_api import BrandApi, brand_api

HOST = "aurelle.example"


@dataclass
class ServedBrand:
    """``api`` is the brand, ``url`` where it is served, ``alice`` the person.

    ``took`` are the blocks and updates that came, and ``told`` the next answers to them.
    """

    api: BrandApi
    url: str
    alice: Person
    took: list[tuple[str, bytes]]
    told: list[tuple[int, bytes]]

    @property
    def deliveries(self) -> Deliveries:
        assert self.alice.deliveries is not None
        return self.alice.deliveries

    @property
    def courier(self) -> Courier:
        folder = None if self.alice.notaries is None else self.alice.notaries.folder
        return Courier(self.alice.network, self.alice.evidence, self.deliveries, folder)

    def ask(self, **more: Any) -> tuple[Evidence, str]:
        """Publish a request, and return it with its link."""
        stage = self.api.stage
        asked = request(stage.brand, stage.notice(**more))
        message: Any = asked.statement.message
        times = message.issued_at, message.expires_at
        row = Asked(asked.digest, write_evidence(asked), False, *times, notice=unhex(message.notice))
        self.api.brand.store.publish(row)
        return asked, f"https://{HOST}/r/{to_hex(asked.digest)}"

    def granted(self, **chosen: Any) -> Anchored:
        """Alice answers a new request with yes, and it is delivered."""
        return grant(self.alice, self.ask()[0], deliver=True, **chosen)


@contextmanager
def served_brand(folder: Path, *, away: bool = False, url: str = "", **changes: Any) -> Iterator[ServedBrand]:
    """Serve a brand. Its names lead to ``url`` instead where one is given; an ``away`` one answers nothing."""
    with brand_api(folder, url=f"https://{HOST}", **changes) as api:
        took, told = list[tuple[str, bytes]](), list[tuple[int, bytes]]()
        app = build_public(api.desk)
        take_blocks(app, took, told)
        api.follow()
        with Server(app) as server:
            place = url or server.url
            yield ServedBrand(api, place, person_at(api, "http://127.0.0.1:9" if away else place), took, told)


def person_at(api: BrandApi, url: str) -> Person:
    """Return Alice, for whom the brand's name leads to this URL."""
    home = api.stage.folder / "home"
    web = Web({HOST: url})
    asks = Confirmations(home / "confirmed", {HOST: url})
    return replace(api.stage.alice, confirmations=asks, deliveries=Deliveries(home, web=web))


def take_blocks(app: FastAPI, took: list[tuple[str, bytes]], told: list[tuple[int, bytes]] | None = None) -> None:
    """Let blocks and updates be taken as they come, and noted; ``told`` are the next answers instead of 201."""
    app.add_middleware(_Takes, took=took, told=[] if told is None else told)


class _Takes:
    def __init__(self, app: ASGIApp, took: list[tuple[str, bytes]], told: list[tuple[int, bytes]]) -> None:
        self._app, self._took, self._told = app, took, told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in ("/v1/blocks", "/v1/updates"):
            return await self._app(scope, receive, send)
        self._took.append((scope["path"], await Request(scope, receive).body()))
        status, body = self._told.pop(0) if self._told else (201, b"{}")
        return await Response(body, status, media_type="application/json")(scope, receive, send)
