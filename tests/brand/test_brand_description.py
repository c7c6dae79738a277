"""The OpenAPI documents of both listeners, and hostile requests made from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi import checks
from starlette.types import Message, Receive, Scope, Send

from registry.brand.routes.handed import CAR
from registry.brand.routes.schemas import EVIDENCE
from tests.support.brand_api import brand_api
from tests.support.brand_data import DataApi, data_api
from tests.support.soak import examples

PUBLIC = {
    ("post", "/v1/evidence"),
    ("post", "/v1/evidence:batch"),
    ("get", "/v1/grants/{capability}"),
    ("get", "/v1/grants/{capability}/evidence"),
    ("get", "/v1/grants/{capability}/acknowledgement"),
    ("post", "/v1/grants/{capability}/ended"),
    ("get", "/v1/grants/{capability}/uses"),
    ("get", "/v1/info"),
    ("post", "/v1/blocks"),
    ("post", "/v1/updates"),
    ("get", "/v1/grants/{capability}/messages"),
    ("get", "/v1/grants/{capability}/files/{cid}"),
    ("get", "/r/{digest}"),
    ("get", "/.well-known/consent.json"),
}
INTERNAL = {
    ("post", "/v1/allowed"),
    ("post", "/v1/verify"),
    ("get", "/v1/events"),
    ("get", "/v1/data/held"),
    ("post", "/v1/data"),
    ("post", "/v1/data/changes"),
    ("post", "/v1/messages"),
    ("post", "/v1/files"),
    ("post", "/v1/data/file"),
}
HEALTH = {("get", "/healthz"), ("get", "/readyz"), ("get", "/metrics")}
STATUSES: Counter[int] = Counter()
ENOUGH = examples(40, 1_000)
# What a file or an address needs to be right is more than a schema says.
LEFT_OUT: list[CheckFunction] = [checks.positive_data_acceptance]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataApi]:
    with data_api(tmp_path_factory.mktemp("api")) as made:
        made.follow()
        PARTS["public"].app, PARTS["internal"].app = made.public.app, made.internal_app
        yield made


@pytest.mark.parametrize(("name", "operations"), [("public", PUBLIC | HEALTH), ("internal", INTERNAL | HEALTH)])
def test_every_operation_is_told_with_an_example_that_fits(api: DataApi, name: str, operations: set[Any]) -> None:
    document = getattr(api, name).get("/openapi.json").json()
    found = {(method, path): one for path, methods in document["paths"].items() for method, one in methods.items()}
    assert document["openapi"].startswith("3.1") and found.keys() == operations
    for (_, path), operation in found.items():
        assert operation["summary"] and operation["description"] and operation["tags"], path
        assert "429" in operation["responses"], path
        if "requestBody" in operation:
            assert {"408", "413", "415", "422", "503"} <= operation["responses"].keys(), path
        parts = [*operation["responses"].values(), *filter(None, [operation.get("requestBody")])]
        for told in [told for part in parts for told in part.get("content", {}).values()]:
            schema = {**told.get("schema", {}), "components": document["components"]}
            shown = [told["example"]] if "example" in told else []
            shown += [one["value"] for one in told.get("examples", {}).values()]
            assert shown, path
            for example in shown:
                jsonschema.Draft202012Validator(schema).validate(example)


class Switch:
    """Passes requests on to the app that is set, and counts the answers by status."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start" and scope["path"] != "/openapi.json":
                STATUSES[message["status"]] += 1
            await send(message)

        await self.app(scope, receive, counted)


@schemathesis.serializer(CAR)
def _as_bytes(_: schemathesis.SerializationContext, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@schemathesis.serializer(EVIDENCE)
def _as_json(_: schemathesis.SerializationContext, value: Any) -> bytes:
    from registry.core import codec

    try:
        return codec.dump(value)
    except Exception:
        return repr(value).encode()


@schemathesis.serializer("application/jsonl")
def _as_lines(_: schemathesis.SerializationContext, value: Any) -> bytes:
    return value.encode(errors="replace") if isinstance(value, str) else repr(value).encode()


def _parts() -> dict[str, Switch]:
    """Apps without a database, which only tell what there is; the module's own take their place."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder, brand_api(Path(folder)) as made:
        return {"public": Switch(made.public.app), "internal": Switch(made.internal_app)}


PARTS = _parts()
public = schemathesis.openapi.from_asgi("/openapi.json", PARTS["public"])
# Endless streams do not end in process; `test_brand_api.py` has them.
internal = schemathesis.openapi.from_asgi("/openapi.json", PARTS["internal"]).exclude(path_regex="events")
quietly = settings(max_examples=ENOUGH, deadline=None, suppress_health_check=list(HealthCheck), database=None)


@public.parametrize()
@quietly
def test_hostile_requests_of_people(api: DataApi, case: Any) -> None:
    case.call_and_validate(excluded_checks=LEFT_OUT)


@internal.parametrize()
@quietly
def test_hostile_requests_of_the_brands_own_systems(api: DataApi, case: Any) -> None:
    case.call_and_validate(excluded_checks=LEFT_OUT, headers={"Host": "127.0.0.1"})


def test_none_of_them_was_a_fault_of_the_service(api: DataApi) -> None:
    assert STATUSES and not [status for status in STATUSES if status >= 500], STATUSES
