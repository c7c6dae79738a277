"""Hostile requests, made from the notary's own OpenAPI: hundreds here, thousands in `make soak`, and none breaks it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi import checks
from starlette.types import Message, Receive, Scope, Send

from registry.core.crypto.privacy_pass import REQUEST_TYPE
from registry.notary.api import Api, build_app
from registry.notary.settings import NotarySettings
from tests.support.notary_api import DOMAIN, notary_api
from tests.support.soak import examples

STATUSES: Counter[int] = Counter()
ENOUGH = examples(300, 2_000)
# What a request needs to be right is more than a schema says: a checksum, a hash, distinct items, a payment.
LEFT_OUT: list[CheckFunction] = [checks.positive_data_acceptance]


class Switch:
    """Counts the answers of the app that is set, by status. Before that, one without stores tells what there is."""

    def __init__(self) -> None:
        nothing: Any = None
        self.app = build_app(Api(nothing, nothing, nothing, nothing, DOMAIN, NotarySettings(), nothing))
        document = deepcopy(self.app.openapi())
        body = document["paths"]["/v1/commitments"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        del body["properties"]["commitments"]["maxItems"]  # lists of 10,001 take minutes to make
        self.app.openapi_schema = document

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start" and scope["path"] != "/openapi.json":
                STATUSES[message["status"]] += 1
            await send(message)

        await self.app(scope, receive, counted)


@schemathesis.serializer(REQUEST_TYPE)
def _as_bytes(_: schemathesis.SerializationContext, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


switch = Switch()
# Endless streams do not end in process; `test_api_events.py` has them.
schema = schemathesis.openapi.from_asgi("/openapi.json", switch).exclude(path_regex="events")


@pytest.fixture(scope="module", autouse=True)
def _real_stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with notary_api(tmp_path_factory.mktemp("hostile") / "notary") as desk:
        switch.app = desk.app
        yield
    # Here and not in a test of its own, which another process might run.
    assert sum(STATUSES.values()) >= ENOUGH, STATUSES
    assert not [status for status in STATUSES if status >= 500], STATUSES
    assert {202, 404, 422} <= STATUSES.keys()


def hostile(method: str, path: str) -> Any:
    """Return the test of one operation. Each needs a name of its own: xdist runs one test of a name."""

    @schema.include(method=method, path=path).parametrize()
    @settings(
        max_examples=examples(30, 400),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def test_nothing_that_a_stranger_sends_breaks_it(case: Any) -> None:
        case.call_and_validate(excluded_checks=LEFT_OUT)

    return test_nothing_that_a_stranger_sends_breaks_it


OPERATIONS = {
    f"{method}_{re.sub('[^a-z0-9]+', '_', path)}": (method.upper(), path)
    for path, methods in switch.app.openapi()["paths"].items()
    for method in methods
    if "events" not in path
}
globals().update({f"test_{name}": hostile(*operation) for name, operation in OPERATIONS.items()})
