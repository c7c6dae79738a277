"""The OpenAPI document: version 3.1, an example for every operation, every reference and scheme defined."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.support.notary_api import notary_api

OPERATIONS = {
    ("post", "/v1/commitments"),
    ("get", "/v1/commitments/{commitment}"),
    ("post", "/v1/revocations"),
    ("get", "/v1/revocations/{handle}"),
    ("get", "/v1/batches/{root}"),
    ("get", "/v1/events"),
    ("get", "/v1/info"),
    ("post", "/v1/tokens"),
    ("get", "/.well-known/private-token-issuer-directory"),
    ("get", "/healthz"),
    ("get", "/readyz"),
    ("get", "/metrics"),
}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with notary_api(tmp_path_factory.mktemp("api") / "notary") as desk:
        return desk.client.get("/openapi.json").json()


def operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def test_it_names_every_operation(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    assert {(method, path) for method, path, _ in operations(document)} == OPERATIONS


def test_each_operation_is_told_with_an_example(document: Any) -> None:
    for method, path, operation in operations(document):
        assert operation["summary"] and operation["description"] and operation["tags"]
        contents = [answer["content"] for status, answer in operation["responses"].items() if status < "300"]
        contents += [operation["requestBody"]["content"]] if method == "post" else []
        for content in contents:
            for told in content.values():
                assert "example" in told or "examples" in told, path


def test_the_examples_fit_their_schemas(document: Any) -> None:
    checked = 0
    for _, path, operation in operations(document):
        parts = [*operation["responses"].values(), *filter(None, [operation.get("requestBody")])]
        for told in [told for part in parts for told in part.get("content", {}).values()]:
            schema = {**told.get("schema", {}), "components": document["components"]}
            examples = [told["example"]] if "example" in told else []
            examples += [one["value"] for one in told.get("examples", {}).values()]
            for example in examples:
                jsonschema.Draft202012Validator(schema).validate(example)
                checked += 1
            assert examples, path
    assert checked > 50


def test_every_answer_of_every_operation_has_its_problems(document: Any) -> None:
    for method, path, operation in operations(document):
        statuses = set(operation["responses"])
        assert "429" in statuses, path
        if method == "post":
            assert {"400", "401", "402", "408", "413", "415", "422", "503"} <= statuses, path
        if "{" in path:
            assert {"404", "422", "503"} <= statuses, path


def test_references_and_schemes_are_defined(document: Any) -> None:
    schemes = {name for _, _, one in operations(document) for each in one.get("security", []) for name in each}
    assert schemes == document["components"]["securitySchemes"].keys() == {"token", "sponsor"}
    assert references(document) <= {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}


def references(part: Any) -> set[str]:
    if isinstance(part, dict):
        own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*map(references, part.values()))
    return set().union(*map(references, part)) if isinstance(part, list) else set()


def test_it_is_the_same_for_all_notaries(document: Any, tmp_path: Path) -> None:
    with notary_api(tmp_path / "other", relay_seconds=77) as desk:
        assert desk.client.get("/openapi.json").json() == document
