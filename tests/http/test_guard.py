"""Headers, CORS, logs, health and figures of every service."""

from __future__ import annotations

import logging

import pytest
from starlette.testclient import TestClient

from registry.core.errors import StorageUnavailable
from tests.support.http_service import sample_app

LOCAL = ("127.0.0.1", 4711)


def test_every_answer_has_the_security_headers() -> None:
    client = TestClient(sample_app())
    for path in ("/v1/prefix", "/nowhere", "/healthz", "/v1/fails/bug"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["cache-control"] == "no-store" and "server" not in headers
    assert "strict-transport-security" in TestClient(sample_app(), base_url="https://x").get("/healthz").headers


def test_pages_of_any_origin_may_call_the_open_paths_without_credentials() -> None:
    client = TestClient(sample_app())
    origin = {"Origin": "https://page.example"}
    answer = client.get("/v1/fails/input", headers=origin)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    asked = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    preflight = client.options("/v1/echo", headers=asked)
    assert preflight.status_code == 204 and "POST" in preflight.headers["access-control-allow-methods"]
    assert "Authorization" in preflight.headers["access-control-allow-headers"]
    private = client.get("/private", headers=origin)
    assert "access-control-allow-origin" not in private.headers
    assert client.options("/private", headers=asked).status_code == 405


def test_a_line_in_the_log_tells_the_route_and_nothing_of_the_caller(caplog: pytest.LogCaptureFixture) -> None:
    client = TestClient(sample_app(proxies=("10.0.0.1",)), client=("10.0.0.1", 4711))
    told = {"Authorization": "Bearer k3y", "X-Forwarded-For": "203.0.113.9"}
    with caplog.at_level(logging.DEBUG, logger="registry.http"):
        client.get("/v1/number/815?token=t0ken", headers=told)
        client.post("/v1/echo", content=b'"b0dy"', headers={**told, "Content-Type": "application/json"})
    lines = [record.getMessage() for record in caplog.records if record.name == "registry.http"]
    assert len(lines) == 2 and lines[0].startswith("GET /v1/number/{number} 200 ")
    text = "\n".join(lines)
    assert not [word for word in ("815", "t0ken", "k3y", "203.0.113", "10.0.0.1", "b0dy") if word in text]


def test_readiness_is_what_the_service_says() -> None:
    def away() -> None:
        raise StorageUnavailable("the store is away")

    assert TestClient(sample_app()).get("/readyz").json() == {"status": "ok"}
    answer = TestClient(sample_app(away)).get("/readyz")
    assert (answer.status_code, answer.json()["title"]) == (503, "StorageUnavailable")
    assert TestClient(sample_app(away)).get("/healthz").status_code == 200


def test_figures_are_for_this_machine_unless_they_are_public() -> None:
    app = sample_app()
    local = TestClient(app, client=LOCAL)
    local.get("/v1/number/7")
    local.request("BREW", "/v1/number/7")
    text = local.get("/metrics").text
    assert 'http_requests_total{method="GET",route="/v1/number/{number}",status="200"} 1.0' in text
    assert "BREW" not in text
    assert local.get("/metrics", headers={"X-Forwarded-For": "203.0.113.1"}).status_code == 404
    assert TestClient(app, client=("203.0.113.1", 1)).get("/metrics").status_code == 404
    assert TestClient(sample_app(public=True), client=("203.0.113.1", 1)).get("/metrics").status_code == 200
