"""What Prometheus and the operator see of a brand's service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from registry.brand.api import build_public
from registry.client.revoke import revoke
from registry.core.errors import DatabaseUnavailable, InvalidInput
from registry.core.evidence.file import write_evidence
from tests.support.brand_api import BrandApi, brand_api


@pytest.fixture(params=["sqlite", "postgres"])
def api(request: Any, tmp_path: Path) -> Iterator[BrandApi]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    with brand_api(tmp_path, database=url) as made:
        yield made


def figures(api: BrandApi) -> dict[str, float]:
    """The figures of the internal listener; a new app each time, so that nothing is kept from before."""
    from registry.brand.api import build_internal

    client = TestClient(build_internal(api.desk), "http://127.0.0.1", client=("127.0.0.1", 4711))
    return parsed(client.get("/metrics").text)


def parsed(text: str) -> dict[str, float]:
    lines = [line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def test_a_day_in_figures(api: BrandApi) -> None:
    before = figures(api)
    assert (before["brand_database_up"], before["brand_refuses"]) == (1, 1)
    assert before["brand_view_age_seconds"] == float("inf")
    api.follow()
    evidence = api.brand.granted()
    api.send(write_evidence(evidence))
    api.send(write_evidence(api.brand.refused()))
    api.follow()
    api.stage.clock.now += 7
    found = figures(api)
    assert (found["brand_view_age_seconds"], found["brand_refuses"]) == (7, 0)
    assert found['brand_answers{kind="Grant",state="live"}'] == found['brand_answers{kind="Refusal",state="live"}'] == 1
    assert found["brand_view_block"] == api.stage.ledger.head().number
    api.stage.ledger.refuses_writing = InvalidInput("no funds")
    revoke_anyway(api, evidence)
    api.follow()
    found = figures(api)
    assert found["brand_unacknowledged"] == found['brand_unsent{kind="Acknowledgement"}'] == 1
    api.stage.ledger.refuses_writing = None
    api.follow()
    found = figures(api)
    assert (found["brand_unacknowledged"], found["brand_acknowledgements"]) == (0, 1)
    assert found['brand_unsent{kind="Acknowledgement"}'] == found["brand_acknowledgements_late"] == 0
    assert found['brand_answers{kind="Grant",state="ended"}'] == 1


def revoke_anyway(api: BrandApi, evidence: Any) -> None:
    """The person can pay, and the brand cannot."""
    refuses, api.stage.ledger.refuses_writing = api.stage.ledger.refuses_writing, None
    revoke(api.stage.alice, evidence)
    api.stage.ledger.refuses_writing = refuses


def test_one_that_waits_is_seen_to_wait(api: BrandApi) -> None:
    api.follow()
    evidence = api.brand.granted()
    api.send(write_evidence(evidence))
    revoke(api.stage.alice, evidence)
    api.brand.worker().follow()
    api.stage.pass_time(100)
    assert figures(api)["brand_unacknowledged_seconds"] >= 99


def test_the_intake_counts_what_it_takes_and_refuses(tmp_path: Path) -> None:
    with brand_api(tmp_path) as api:
        api.follow()
        client = TestClient(build_public(api.desk, public_metrics=True))
        headers = {"Content-Type": "application/json"}
        good, ended = write_evidence(api.brand.granted()), api.brand.granted("bob")
        revoke(api.stage.person("bob"), ended)
        client.post("/v1/evidence", content=good, headers=headers)
        client.post("/v1/evidence", content=write_evidence(ended), headers=headers)
        batch = b'{"files":[' + good + b",{}]}"
        client.post("/v1/evidence:batch", content=batch, headers=headers)
        found = parsed(client.get("/metrics").text)
        assert found['brand_taken_total{state="live"}'] == 2
        assert found['brand_refused_total{error="Revoked"}'] == found['brand_refused_total{error="Malformed"}'] == 1
        assert not any(name.startswith("brand_view") for name in found)


def test_without_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with brand_api(tmp_path) as api:

        def away() -> None:
            raise DatabaseUnavailable("postgresql://secret@host/db is away")

        monkeypatch.setattr(api.brand.store, "view", away)
        found = figures(api)
        assert found["brand_database_up"] == 0 and not any("secret" in name for name in found)


def test_who_may_see_them(tmp_path: Path) -> None:
    with brand_api(tmp_path, key="k" * 64) as api:
        far = TestClient(api.internal_app, "http://127.0.0.1", client=("203.0.113.7", 4711))
        assert far.get("/metrics").status_code == 404
        assert [far.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 503]
        api.follow()
        assert far.get("/readyz").status_code == 200
