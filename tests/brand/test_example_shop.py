"""The example shop, before a real brand's service and a real chain: it greets only with consent, and obeys an end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.testclient import TestClient

from examples.shop.app import from_environment, make_shop
from registry.brand.button import has_privacy_control
from registry.brand.consent_client import AsyncConsentClient
from registry.core.evidence.file import parse_evidence, write_evidence
from tests.brand.test_brand_story import FILE, serving, until
from tests.support.real_network import anvil, consent, make_network, make_parties


def signed_in(app: FastAPI, customer: str) -> TestClient:
    client = TestClient(app)
    client.post("/sign-in", data={"address": customer})
    return client


SHOP = "https://shop.example"


@contextmanager
def looking(chromium: Any, client: TestClient) -> Iterator[Any]:
    """A customer's browser, in which the shop answers; a message on the console fails the test."""
    complaints: list[str] = []
    context = chromium.new_context(locale="en-GB")
    context.set_default_timeout(20_000)

    def answer(route: Any) -> None:
        if not route.request.url.startswith(SHOP):
            return route.fulfill(body="<title>The app</title>", content_type="text/html")
        got = client.get(route.request.url.removeprefix(SHOP))
        return route.fulfill(status=got.status_code, headers=dict(got.headers), body=got.content)

    context.route("**/*", answer)
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{SHOP}/")
    yield page
    context.close()
    assert complaints == []


@pytest.mark.slow
def test_a_customers_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chromium: Any) -> None:
    with anvil() as url:
        network = make_network(tmp_path / "network", url)
        make_parties(tmp_path, network)
        home, alice, folder = tmp_path / "aurelle", tmp_path / "alice", tmp_path / "brand"
        named = ("--name", "Maison Aurelle", "--domain", "aurelle.example", "--contact", "privacy@aurelle.example")
        consent(network, home, "brand", "init", *named, "--url", "https://aurelle.example", "--dir", folder)
        settings = folder / "brand.toml"
        text = settings.read_text().replace("# port = 8700", "port = 0")
        settings.write_text(text.replace("# internal_port = 8701", "internal_port = 0"))
        asked = consent(
            network,
            home,
            "brand",
            "request",
            "--notice",
            tmp_path / "notice.json",
            "--dir",
            folder,
            "--data",
            "pd:Purchase",
        )
        with serving(network, home, folder) as served:
            link = served.public + asked["link"].removeprefix("https://aurelle.example")
            monkeypatch.setenv("CONSENT_INTERNAL", served.internal)
            monkeypatch.setenv("CONSENT_REQUEST", link)
            monkeypatch.setenv("CONSENT_APP", "http://localhost:8900/")
            app = from_environment()
            shop = app.state.shop
            (request := tmp_path / "asked.json").write_bytes(httpx.get(link).content)
            consent(network, alice, "grant", request, "--yes", "--days", "30")
            evidence = parse_evidence(next((alice / "evidence").glob("0x*.json")).read_bytes())
            customer = evidence.statement.message.subject  # type: ignore[union-attr]
            shop.bought[customer] = ["<Earl Grey>"]
            with signed_in(app, customer) as client, looking(chromium, client) as page:
                until(lambda: "May we use your purchases" in client.get("/").text)
                assert f'href="{link}"' in client.get("/").text and customer not in client.get("/").text
                refused = client.get("/recommendations")
                assert (refused.status_code, refused.json()["link"]) == (403, link)
                assert shop.taste == {}
                asked_not_to = client.get("/", headers={"Sec-GPC": "1"}).text
                assert "May we use" not in asked_not_to
                assert f'<consent-button request="{link}"' in asked_not_to
                page.reload()
                with page.context.expect_page() as there:
                    page.get_by_role("link", name="Decide about your data").click()
                assert there.value.url.startswith("http://localhost:8900/#request=http%3A%2F%2F127.0.0.1")

                httpx.post(
                    f"{served.public}/v1/evidence", content=write_evidence(evidence), headers={"Content-Type": FILE}
                )
                until(lambda: customer in client.get("/").text)
                text = client.get("/").text
                assert "Welcome back" in text and "&lt;Earl Grey&gt;" in text and "<Earl" not in text
                # The person comes back from the app; Playwright's pages are never hidden, so we say so.
                page.evaluate("for (const name of ['blur', 'focus']) dispatchEvent(new Event(name))")
                page.get_by_role("heading", name="Welcome back").wait_for()
                assert client.get("/recommendations").json()["try"] == "more like <Earl Grey>"
                assert shop.taste == {customer: "more like <Earl Grey>"}

                consent(network, alice, "revoke", next((alice / "evidence").glob("0x*.json")), "--yes")
                until(lambda: shop.taste == {})  # nobody asked anything: the event did it
                assert "Welcome to the shop" in client.get("/").text
                assert client.get("/recommendations").status_code == 403


def test_without_its_service_it_greets_everybody_alike_and_derives_nothing() -> None:
    app = make_shop(AsyncConsentClient("http://127.0.0.1:9", seconds=1), "https://aurelle.example/r/0x00")
    with signed_in(app, "0x" + "00" * 20) as client:
        assert client.get("/").status_code == 200 and "Welcome to the shop" in client.get("/").text
        assert client.get("/recommendations").status_code == 503
        assert app.state.shop.taste == {}
    with TestClient(app) as stranger:
        assert "Your address" in stranger.get("/").text
        assert stranger.get("/recommendations").status_code == 403


def test_markup_in_an_address_stays_text() -> None:
    app = make_shop(AsyncConsentClient("http://127.0.0.1:9", seconds=1), "https://aurelle.example/r/0x00")
    with signed_in(app, "<script>alert(1)</script>") as client:
        assert "<script>" not in client.get("/").text


@pytest.mark.parametrize(
    ("sent", "told"), [(["1"], True), ([], False), (["0"], False), (["1, 1"], False), (["1", "0"], False)]
)
def test_global_privacy_control_is_exactly_one_header(sent: list[str], told: bool) -> None:
    headers = [(b"sec-gpc", each.encode()) for each in sent]
    assert has_privacy_control(Request({"type": "http", "headers": headers})) is told


def test_the_shop_gives_the_button_itself() -> None:
    app = make_shop(AsyncConsentClient("http://127.0.0.1:9", seconds=1), "https://aurelle.example/r/0x00")
    with TestClient(app) as client:
        answer = client.get("/consent-button.js")
        assert answer.headers["content-type"].startswith("text/javascript") and b"consent-button" in answer.content
        assert "sec-gpc" in client.get("/").headers["vary"].lower()
