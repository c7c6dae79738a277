"""The web server in ``examples/``: 200 is yes, 403 is no, 503 is neither (item 20)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from examples.may_i import from_environment, make_app
from registry import Network
from registry.client.revoke import revoke
from registry.core.errors import LedgerUnavailable, StorageUnavailable
from registry.core.evidence.file import MAX_EVIDENCE, write_evidence
from tests.support.builders import REGISTRY
from tests.support.stage import PURCHASES, Stage

NOBODY = "http://127.0.0.1:9"
PURPOSE = "dpv:Personalisation"


def ask(app: FastAPI, file: bytes, purpose: str = PURPOSE, data: str = PURCHASES) -> httpx.Response:
    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://brand") as client:
            return await client.post("/may-i", params={"purpose": purpose, "data": data}, content=file)

    # A thread of its own: the browser of other tests may have left a running loop in this one.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, send()).result()


def app_of(stage: Stage, network: Callable[[], Network] | None = None) -> FastAPI:
    return make_app(network or (lambda: stage.network), stage.brand.address)


def problem(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["Content-Type"] == "application/problem+json"
    found = response.json()
    assert set(found) == {"type", "title", "status", "detail", "advice"} and found["status"] == response.status_code
    return response.status_code, found["type"].rpartition(":")[2]


def test_yes_until_it_is_revoked(stage: Stage) -> None:
    given = stage.granted().evidence
    yes = ask(app_of(stage), write_evidence(given))
    message: Any = given.statement.message
    assert (yes.status_code, yes.json()) == (200, {"may": True, "until": message.expires_at})
    revoke(stage.alice, given)
    assert problem(ask(app_of(stage), write_evidence(given))) == (403, "Revoked")


def test_what_was_not_granted_is_a_no(stage: Stage) -> None:
    file = write_evidence(stage.granted().evidence)
    assert problem(ask(app_of(stage), file, "dpv:Advertising")) == (403, "PurposeNotGranted")
    assert problem(ask(app_of(stage), file, data="pd:Name")) == (403, "DataNotGranted")
    other = make_app(lambda: stage.network, stage.another_brand("other").address)
    assert problem(ask(other, file)) == (403, "WrongController")
    assert problem(ask(app_of(stage), b"{}")) == (403, "Malformed")
    assert ask(app_of(stage), bytes(MAX_EVIDENCE + 1)).status_code == 413


@pytest.mark.parametrize("error", [LedgerUnavailable("away"), StorageUnavailable("away")])
def test_what_could_not_be_checked_is_neither(stage: Stage, error: Exception) -> None:
    def away() -> Network:
        raise error

    unknown = ask(app_of(stage, away), write_evidence(stage.granted().evidence))
    assert problem(unknown) == (503, type(error).__name__) and unknown.headers["Retry-After"] == "5"


def test_an_old_head_is_neither(stage: Stage) -> None:
    given = write_evidence(stage.granted().evidence)
    stage.clock.now += 10_000
    slow = replace(stage.network, max_facts_age=600)
    assert problem(ask(app_of(stage, lambda: slow), given)) == (503, "LedgerUnavailable")


def test_the_server_starts_while_its_node_is_away(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSENT_RPC_URL", NOBODY)
    monkeypatch.setenv("CONSENT_REGISTRY", REGISTRY)
    monkeypatch.setenv("CONSENT_CONTROLLER", stage.brand.address)
    app = from_environment()
    for _ in range(2):
        assert problem(ask(app, write_evidence(stage.granted().evidence))) == (503, "LedgerUnavailable")
