"""The API and the worker over the same stores, on a real anvil: from a request to the proof, and to the revocation."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from registry.core.anchor import Anchor
from registry.core.eip712 import domain_of
from registry.core.facts import Facts
from registry.core.promises import PromiseState, judge_promise, parse_signed_promise, promise_query
from registry.core.scalars import to_hex
from registry.notary.api import Api, build_app
from registry.notary.ingest import Ingest
from registry.notary.token_keys import TokenKeys, new_token_key
from tests.support.notary_stage import NotaryStage, opening

pytestmark = pytest.mark.slow


@pytest.fixture
def client(stage: NotaryStage) -> Iterator[TestClient]:
    new_token_key(stage.folder, time.gmtime().tm_year)
    ingest, stores = Ingest(stage.stores.intake), stage.stores
    domain = domain_of(stage.deployment.chain_id, stage.deployment.registry)
    keys = TokenKeys(stage.folder, time.time)
    api = Api(stores.intake, stores.book, ingest, stage.signer, domain, stage.settings, keys)
    try:
        yield TestClient(build_app(api))
    finally:
        ingest.close()


def facts_of(stage: NotaryStage, answer: bytes, item: str, anchor: Anchor | None = None) -> Facts:
    query = promise_query(parse_signed_promise(answer).message, item, anchor)
    return stage.levers.ledger.facts([query])


def test_a_commitment_is_promised_anchored_and_proved(stage: NotaryStage, client: TestClient) -> None:
    worker, item = stage.worker(), to_hex(bytes([0xC4]) * 32)
    assert client.post("/v1/commitments", json={"commitments": [item]}).json()["title"] == "WorkerSilent"
    worker.step()
    assert client.get("/readyz").status_code == 200
    answer = client.post("/v1/commitments", json={"commitments": [item]})
    assert answer.status_code == 202, answer.text
    time.sleep(stage.settings.batch_seconds + 1)
    worker.step()
    assert client.get(f"/v1/commitments/{item}").json() == {"state": "sent"}
    worker.step()
    told = client.get(f"/v1/commitments/{item}").json()
    assert told["state"] == "anchored"
    anchor = Anchor(**{**told["anchor"], "proof": tuple(told["anchor"]["proof"])})
    signed = parse_signed_promise(answer.content)
    facts = facts_of(stage, answer.content, item, anchor)
    assert judge_promise(signed.message, item, facts, anchor) is PromiseState.KEPT
    stage.levers.mine(3)
    worker.step()
    assert client.get(f"/v1/commitments/{item}").json()["state"] == "final"
    info = client.get("/v1/info").json()
    assert info["account"] == signed.notary and info["gasPerGrant"] > 21_000 and info["worker"]["state"] == "ok"


def test_an_ending_is_promised_and_relayed(stage: NotaryStage, client: TestClient) -> None:
    worker, one = stage.worker(), opening()
    worker.step()
    body = {"openings": [{"secret": one.secret, "tag": one.tag}]}
    promise = json.dumps(client.post("/v1/revocations", json=body).json()["promise"]).encode()
    worker.step()
    assert client.get(f"/v1/revocations/{one.handle}").json()["state"] == "sent"
    worker.step()
    told = client.get(f"/v1/revocations/{one.handle}").json()
    assert told["state"] == "ended" and told["block"] > 0
    facts = facts_of(stage, promise, one.handle)
    assert judge_promise(parse_signed_promise(promise).message, one.handle, facts) is PromiseState.KEPT
    # From now on it is known by the chain, and costs nothing.
    again = client.post("/v1/revocations", json=body)
    assert (again.status_code, again.json()) == (202, {})
