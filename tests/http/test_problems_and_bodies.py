"""Answers that are no success are problems with a name and advice; bodies are bounded before they are parsed."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from registry.core.errors import (
    CouldNotCheck,
    DatabaseUnavailable,
    InvalidInput,
    LedgerUnavailable,
    Malformed,
    StorageDown,
    StorageUnavailable,
)
from registry.http.problems import problem_of, without_secrets
from tests.support.http_service import LIMIT, SECRET, sample_app

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def client() -> TestClient:
    return TestClient(sample_app())


@pytest.mark.parametrize(
    ("path", "status", "name", "advice"),
    [
        ("/v1/fails/malformed", 422, "Malformed", Malformed.advice),
        ("/v1/fails/input", 400, "InvalidInput", InvalidInput.advice),
        ("/v1/fails/ledger", 503, "LedgerUnavailable", "Send it again soon."),
        ("/v1/fails/bug", 500, "InternalError", "Tell its operator when this was."),
        ("/nowhere", 404, "NotFound", "Look at /openapi.json for what there is."),
        ("/v1/number/x1", 422, "Malformed", "Look at /openapi.json for its form."),
    ],
)
def test_errors_are_problems(client: TestClient, path: str, status: int, name: str, advice: str) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["type"].endswith("/" + name) and told["title"] == name
    assert told["advice"] == advice and told["status"] == status
    assert ("retry-after" in answer.headers) is (status == 503)


def test_a_wrong_method_names_the_right_ones(client: TestClient) -> None:
    answer = client.delete("/v1/prefix")
    assert (answer.status_code, answer.headers["allow"], answer.json()["title"]) == (405, "GET", "MethodNotAllowed")


def test_no_answer_repeats_what_was_sent(client: TestClient) -> None:
    assert "s3cret" not in client.get("/v1/number/s3cret").text


def test_an_exception_tells_the_log_where_but_not_what(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        answer = client.get("/v1/fails/bug")
    assert SECRET not in answer.text
    assert "KeyError at " in caplog.text and "http_service.py" in caplog.text and SECRET not in caplog.text


def test_what_is_away_is_told_in_fixed_words_and_logged_without_secrets(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        answer = client.get("/v1/fails/ledger")
    assert answer.json()["detail"] == "the service cannot read its chain now" and SECRET not in answer.text
    assert "LedgerUnavailable: " in caplog.text and SECRET not in caplog.text


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (LedgerUnavailable("http://10.0.0.3:8545 refused", "Look at /etc/x."), "the service cannot read its chain now"),
        (StorageDown("/run/kubo.sock is gone"), "the service cannot use its content store now"),
        (StorageUnavailable("https://ipfs.example/key/1"), "the service cannot use its content store now"),
        (CouldNotCheck("whatever"), "the service could not check this now"),
    ],
)
def test_every_error_of_a_part_that_is_away_has_fixed_words(error: CouldNotCheck, words: str) -> None:
    found = problem_of(error)
    assert (found.status, found.name, found.detail) == (503, type(error).__name__, words)
    assert found.advice == "Send it again soon." and str(error) not in str(found.body())


@pytest.mark.parametrize(
    ("said", "logged"),
    [
        ("https://u:pw@node.example:1/v3/k3y?a=b: refused", "https://node.example:1 refused"),
        ("postgresql://u:p@ss@host/db is away", "postgresql://host is away"),
        ("postgresql://u:pa/ss@host/db is away", "postgresql://.. is away"),
        ("host=h password=hunter2 failed", "host=h password=.. failed"),
        ("node: no key " + "aB3" * 9 + "\nmore", "node: no key .."),
        ("0x" + "12" * 32 + " is unknown", ".. is unknown"),
        ("the connection was closed", "the connection was closed"),
    ],
)
def test_the_log_gets_no_secret_of_a_message(said: str, logged: str) -> None:
    assert without_secrets(said) == logged


@pytest.mark.parametrize("kind", ["text/plain", "application/json-seq", ""])
def test_another_media_type_is_refused(client: TestClient, kind: str) -> None:
    answer = client.post("/v1/echo", content=b"{}", headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["title"]) == (415, "UnsupportedMediaType")


def test_parameters_of_the_media_type_do_not_matter(client: TestClient) -> None:
    answer = client.post("/v1/echo", content=b"{}", headers={"Content-Type": "Application/JSON; charset=utf-8"})
    assert (answer.status_code, answer.content) == (200, b"{}")


@pytest.mark.parametrize(("size", "status"), [(LIMIT, 200), (LIMIT + 1, 413)])
@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_are_bounded(client: TestClient, size: int, status: int, chunked: bool) -> None:
    def parts() -> Iterator[bytes]:
        for start in range(0, size, 100):
            yield b"x" * min(100, size - start)

    answer = client.post("/v1/echo", content=parts() if chunked else b"x" * size, headers=JSON)
    assert answer.status_code == status
    if status == 413:
        assert answer.json()["title"] == "TooLarge" and answer.headers["connection"] == "close"


def test_callers_do_not_read_what_the_database_driver_says() -> None:
    told = problem_of(DatabaseUnavailable('connection to "db.internal", user "notary" failed')).body()
    assert told["status"] == 503 and told["title"] == "DatabaseUnavailable"
    assert "internal" not in str(told) and "user" not in str(told)
