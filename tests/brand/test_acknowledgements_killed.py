"""Kill the worker again and again while people end their grants: each end gets one acknowledgement that holds."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from registry.brand.records import State
from registry.brand.settings import FILE
from registry.brand.store import open_store
from registry.client.grant import grant
from registry.client.request import request
from registry.client.revoke import revoke
from registry.client.verify import verify
from registry.core.evidence.file import parse_evidence, write_evidence
from registry.ledger.base import Deployment
from tests.brand.test_brand_killed import SECONDS, Part, a_home
from tests.support.on_anvil import RealStage
from tests.support.soak import examples

pytestmark = pytest.mark.slow
GRANTS, KILLS = examples(4, 30), examples(3, 100)


def test_each_end_is_acknowledged_once(tmp_path: Path, anvil: tuple[str, Deployment]) -> None:
    stage = RealStage.on(tmp_path / "parties", anvil)
    network, folder = tmp_path / "network", tmp_path / "brand"
    a_home(stage, network, anvil)
    FILE.make(
        folder,
        account=stage.brand.address,
        recipients=[stage.brand.recipient],
        domain="aurelle.example",
        name="Maison Aurelle",
        contact="privacy@aurelle.example",
        url="https://aurelle.example",
        asked_only=False,
        port=0,
    )
    payer = stage.levers.wallet()
    asked = write_evidence(request(stage.brand, stage.notice()))
    people = [stage.person(f"person {number}", sender=payer) for number in range(GRANTS)]
    given = [grant(person, asked).evidence for person in people]
    public, worker = (Part(name, stage, network, folder) for name in ("public", "worker"))
    store = open_store(folder)
    try:
        wait(lambda: all(public.sends(write_evidence(each)) for each in given))
        wait(lambda: all(each.state is State.LIVE for each in kept(store, given)))
        left = list(zip(people, given, strict=True))
        for number in range(KILLS):
            for person, evidence in left[number::KILLS]:
                revoke(person, evidence)
            time.sleep(0.4 * (number % 3))
            worker.kill()
            worker.start()
        wait(lambda: all(each.acknowledged_at for each in kept(store, given)))
    finally:
        public.kill()
        worker.kill()
    assert [each for each in store.signed(100) if each.kind == "Acknowledgement"] == []
    policy: Any = stage.network.policy(controllers=None)
    for evidence, answer in zip(given, kept(store, given), strict=True):
        found = parse_evidence(store.acknowledgement(answer.id))
        verify(stage.network, found, policy, grant=evidence)
        assert found.statement.message.issued_at >= answer.ended_at - 1
    assert [str(event.kind) for event in store.events_after(0)].count("ended") == GRANTS


def kept(store: Any, given: Any) -> list[Any]:
    found = store.by_digest([each.digest for each in given])
    return [found[each.digest] for each in given if each.digest in found]


def wait(done: Any) -> None:
    ends = time.monotonic() + SECONDS
    while not done():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.3)
