"""Endpoints and paths that run only with consent, in FastAPI and in Starlette, before a real internal listener."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from registry.brand.consent_client import AsyncConsentClient
from registry.brand.require_consent import ConsentGuard, require_consent
from registry.client.revoke import revoke
from registry.core.errors import Malformed
from registry.core.evidence.file import Evidence, write_evidence
from registry.http.serving import Server
from tests.support.brand_api import BrandApi, brand_api
from tests.support.loops import in_a_loop

PURPOSE, DATUM = "dpv:Personalisation", "pd:Purchase"
LINK = "https://aurelle.example/r/0x00"
AWAY = "http://127.0.0.1:9"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[BrandApi]:
    with brand_api(tmp_path) as made:
        made.follow()
        yield made


@pytest.fixture
def url(api: BrandApi) -> Iterator[str]:
    with Server(api.internal_app) as server:
        yield server.url


def person_of(request: Request) -> str | None:
    return request.headers.get("x-person")


async def person_later(request: Request) -> str | None:
    return request.headers.get("x-person")


def guard(url: str, **changes: Any) -> ConsentGuard:
    how: dict[str, Any] = {"subject": person_of, "client": AsyncConsentClient(url, seconds=2), "link": LINK, **changes}
    return require_consent(PURPOSE, DATUM, **how)


def consented(api: BrandApi) -> tuple[Evidence, dict[str, str]]:
    """Alice's grant, and the header that names her."""
    evidence: Evidence = api.brand.granted()
    api.send(write_evidence(evidence))
    api.follow()
    message: Any = evidence.statement.message
    return evidence, {"x-person": message.subject}


def shop(url: str) -> TestClient:
    """A FastAPI app with endpoints of each form. ``ran`` lists those that ran."""
    app, ran, here = FastAPI(), list[str](), guard(url)

    @app.get("/plain")
    @here
    async def plain() -> dict[str, str]:
        ran.append("plain")
        return {"for": "you"}

    @app.get("/sync/{number}")
    @here
    def sync(number: int, request: Request, named: Annotated[str, Depends(lambda: "dear")]) -> str:
        ran.append("sync")
        return f"{named} {number} {request.headers['x-person']}"

    @app.get("/later")
    @guard(url, subject=person_later, link=lambda request: f"{request.base_url}r")
    async def later(q: str = "none") -> str:
        ran.append("later")
        return q

    client = TestClient(app)
    client.app_state = ran  # type: ignore[assignment]
    return client


def test_a_yes_goes_on(api: BrandApi, url: str) -> None:
    client, (_, alice) = shop(url), consented(api)
    assert client.get("/plain", headers=alice).json() == {"for": "you"}
    assert client.get("/sync/7", headers=alice).json() == f"dear 7 {alice['x-person']}"
    assert client.get("/later?q=x", headers=alice).json() == "x"
    assert client.get("/sync/seven", headers=alice).status_code == 422
    assert client.app_state == ["plain", "sync", "later"]  # type: ignore[comparison-overlap]


def test_a_no_says_what_is_missing_and_where_to_consent(api: BrandApi, url: str) -> None:
    client, (evidence, alice) = shop(url), consented(api)
    revoke(api.stage.alice, evidence)
    api.follow()
    strangers: list[dict[str, str]] = [{}, {"x-person": "me"}, {"x-person": api.stage.brand.address}, alice]
    for headers in strangers:
        for path in ("/plain", "/sync/1", "/later"):
            answer = client.get(path, headers=headers)
            told = answer.json()
            assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
            assert (told["title"], told["missing"], told["purpose"]) == ("NotConsented", [DATUM], PURPOSE)
            assert told["link"] == ("http://testserver/r" if path == "/later" else LINK)
    assert client.app_state == []  # type: ignore[comparison-overlap]


def test_could_not_check_is_503_and_never_through(api: BrandApi) -> None:
    _, alice = consented(api)
    client = shop(AWAY)
    for path in ("/plain", "/sync/1", "/later"):
        answer = client.get(path, headers=alice)
        assert (answer.status_code, answer.json()["title"]) == (503, "CouldNotCheck")
        assert "retry-after" in answer.headers and AWAY not in answer.text
    assert client.app_state == []  # type: ignore[comparison-overlap]


def test_an_old_view_is_503(api: BrandApi, url: str) -> None:
    client, (_, alice) = shop(url), consented(api)
    api.stage.clock.now += api.desk.settings.view_seconds + 1
    api.look()
    assert client.get("/plain", headers=alice).status_code == 503


def test_starlette_endpoints(api: BrandApi, url: str) -> None:
    here, (_, alice) = guard(url), consented(api)

    def sync(request):  # type: ignore[no-untyped-def]  # as people write them
        return PlainTextResponse(f"hello {request.url.path}")

    client = TestClient(Starlette(routes=[Route("/a", here(sync))]))
    assert client.get("/a", headers=alice).text == "hello /a"
    assert client.get("/a").status_code == 403


class TestMiddleware:
    def app(self, url: str, **where: Any) -> TestClient:
        async def socket(websocket: WebSocket) -> None:
            await websocket.accept()

        async def page(request: Request) -> PlainTextResponse:
            return PlainTextResponse("in")

        paths = ("/mine", "/mine/deep", "/mineral", "/")
        routes = [Route(path, page, methods=["GET", "POST"]) for path in paths]
        app = Starlette(routes=[*routes, WebSocketRoute("/mine/socket", socket)])
        app.add_middleware(guard(url).middleware, **where)
        return TestClient(app)

    def test_below_its_paths(self, api: BrandApi, url: str) -> None:
        client, (_, alice) = self.app(url, paths=("/mine/",)), consented(api)
        for path, alone in (("/mine", 403), ("/mine/deep", 403), ("/mineral", 200), ("/", 200)):
            assert client.get(path, headers=alice).status_code == 200
            assert [client.get(path).status_code, client.post(path).status_code] == [alone, alone]

    @pytest.mark.parametrize("path", ["//mine/secret", "/x/../mine/secret", "/./mine/secret", "/mine//secret"])
    def test_another_spelling_of_a_path(self, url: str, path: str) -> None:
        """Servers of files read these as one of the guarded paths."""
        sent = list[dict[str, Any]]()

        async def reached(scope: Scope, receive: Receive, send: Send) -> None:
            raise AssertionError("it went on")

        async def send(message: Message) -> None:
            sent.append(dict(message))

        app = guard(url).middleware(reached, paths=("/mine",))
        scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}
        in_a_loop(app(scope, None, send))  # type: ignore[arg-type]  # nothing is received
        assert sent[0]["status"] == 403

    def test_everything_if_nothing_is_named(self, url: str) -> None:
        client = self.app(url)
        assert [client.get(path).status_code for path in ("/", "/mineral", "/absent")] == [403] * 3

    def test_a_body_reaches_the_app(self, api: BrandApi, url: str) -> None:
        _, alice = consented(api)

        async def echo(request: Request) -> PlainTextResponse:
            return PlainTextResponse((await request.body()).decode())

        app = Starlette(routes=[Route("/", echo, methods=["POST"])])
        app.add_middleware(guard(url).middleware)
        assert TestClient(app).post("/", content=b"all of it", headers=alice).text == "all of it"

    def test_a_web_socket_is_refused(self, api: BrandApi, url: str) -> None:
        _, alice = consented(api)
        with pytest.raises(WebSocketDisconnect), self.app(url).websocket_connect("/mine/socket", headers=alice):
            pass

    def test_could_not_check(self) -> None:
        assert self.app(AWAY).get("/", headers={"x-person": "0x" + "00" * 20}).status_code == 503


def test_a_question_that_the_service_refuses_is_no_answer(api: BrandApi, url: str) -> None:
    """It says nothing about the person."""
    many = [f"https://aurelle.example/{n:03}" for n in range(101)]
    _, alice = consented(api)
    here = require_consent(PURPOSE, many, subject=person_of, client=AsyncConsentClient(url))
    app = Starlette(routes=[Route("/", here(lambda request: PlainTextResponse("in")))])
    assert TestClient(app).get("/", headers=alice).status_code == 503
    assert TestClient(app).get("/", headers={"x-person": "nobody"}).status_code == 403


@pytest.mark.parametrize(("purpose", "data"), [("x y", DATUM), (PURPOSE, "x y"), (PURPOSE, ())])
def test_terms_that_are_none(purpose: str, data: Any) -> None:
    with pytest.raises(Malformed):
        require_consent(purpose, data, subject=person_of, client=AsyncConsentClient(AWAY))
