"""People and brands through a real notary: its API by uvicorn, its worker, its stores, on a real anvil."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from registry.client.accept import accept
from registry.client.draw_tokens import draw_tokens
from registry.client.evidence_store import EvidenceFolder
from registry.client.grant import grant, refuse
from registry.client.notary import NotaryClient, parse_notary
from registry.client.notary_anchor import Notaries
from registry.client.pending import finish_all
from registry.client.pending_store import PendingFolder
from registry.client.revoke import opening_of, retire, revoke, revoke_all, revoke_openly
from registry.core.endings import Opening
from registry.core.errors import NotaryUnavailable, NotYetAnchored
from registry.http.serving import Server
from registry.ledger.base import Deployment
from registry.notary.api import Api, build_app
from registry.notary.ingest import Ingest
from registry.notary.token_keys import TokenKeys, new_token_key
from tests.support.levers import running_anvil
from tests.support.notary_runs import until
from tests.support.notary_stage import NotaryStage
from tests.support.on_anvil import RealStage

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def node() -> Iterator[tuple[str, Deployment]]:
    with running_anvil("--block-time", "1") as running:
        yield running


@dataclass
class Served:
    """A stage whose parties ask the real notary; nobody else pays."""

    stage: RealStage
    notary: str
    told: list[str]

    def party(self, party: Any, waits: bool = True) -> Any:
        assert isinstance(party.evidence, EvidenceFolder)
        home = party.evidence.path
        client = NotaryClient(parse_notary(self.notary), party.network.domain, home / "tokens")
        notaries = Notaries((client,), PendingFolder(home), tell=self.told.append, waits=waits)
        return replace(party, notaries=notaries)


@pytest.fixture
def served(tmp_path: Path, node: tuple[str, Deployment]) -> Iterator[Served]:
    stage = RealStage.on(tmp_path / "parties", node)
    (tmp_path / "notary").mkdir()
    notary = NotaryStage.on(tmp_path / "notary", stage.levers, batch_seconds=1)
    new_token_key(notary.folder, datetime.now(UTC).year)
    domain = stage.network.domain
    ingest, keys = Ingest(notary.stores.intake), TokenKeys(notary.folder, time.time)
    api = Api(notary.stores.intake, notary.stores.book, ingest, notary.signer, domain, notary.settings, keys)
    stop = threading.Event()
    worker = threading.Thread(target=notary.worker().run, args=(stop,))
    worker.start()
    time.sleep(1)
    stage.levers.ledger.has_relay = False
    try:
        with Server(build_app(api)) as server:
            yield Served(stage, f"{server.url}#{notary.signer.address}", [])
    finally:
        stop.set()
        worker.join()
        ingest.close()


def test_a_whole_story(served: Served) -> None:
    stage = served.stage
    stage.keep(b"bought")
    alice, brand = served.party(stage.alice), served.party(stage.brand)
    given = grant(alice, stage.request())
    assert given.receipt is not None and given.receipt.notary and stage.holds(given.evidence) == "VerifiedGrant"
    accepted = accept(brand, given.evidence)
    assert stage.holds(accepted.evidence) == "VerifiedGrant" and accepted.evidence.acceptance
    refused = refuse(alice, stage.request())
    assert stage.holds(refused.evidence) == "VerifiedStatement"
    began = time.monotonic()
    ended = revoke(alice, given.evidence)
    # One block a second, and what the notary and the client need besides.
    assert time.monotonic() - began < 6
    assert ended is not None and ended.notary and stage.holds(given.evidence) == "Revoked"
    # The chain shows it, and on a busy machine the worker notes it only after that.
    handle = Opening(*opening_of(alice, given.evidence)).handle
    assert until(lambda: alice.notaries.clients[0].ending_state(handle).block)
    second = grant(alice, stage.request()).evidence
    assert revoke_openly(alice, second).notary and stage.holds(second) == "Revoked"
    third = grant(alice, stage.request()).evidence
    assert revoke_all(alice).notary and stage.holds(third) == "Revoked"
    bob = served.party(stage.person("bob"))
    fourth = grant(bob, stage.request()).evidence
    assert retire(bob).notary and stage.holds(fourth) == "Revoked"
    assert PendingFolder(alice.evidence.path).promises() == [] == PendingFolder(alice.evidence.path).all()


def test_left_and_completed_later(served: Served) -> None:
    stage = served.stage
    alice = served.party(stage.alice, waits=False)
    with pytest.raises(NotYetAnchored):
        grant(alice, stage.request())
    for _ in range(60):
        (outcome,) = finish_all(stage.network, alice.evidence, alice.notaries)
        if outcome.done is not None:
            break
        time.sleep(0.25)
    assert outcome.done is not None and stage.holds(outcome.done.evidence) == "VerifiedGrant"


def test_drawn_tokens_pay_when_the_allowance_is_spent(served: Served) -> None:
    stage = served.stage
    alice = served.party(stage.alice)
    notary, folder = alice.notaries.clients[0], alice.evidence.path / "tokens"
    assert draw_tokens(notary, 3) == 3
    given = grant(alice, stage.request()).evidence
    assert len(list(folder.iterdir())) == 3
    assert revoke(alice, given) is not None and stage.holds(given) == "Revoked"
    assert len(list(folder.iterdir())) == 2
    assert draw_tokens(notary, 30) == 17
    with pytest.raises(NotaryUnavailable, match="allowance"):
        draw_tokens(notary, 1)
