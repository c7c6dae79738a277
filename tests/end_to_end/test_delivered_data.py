"""What a person's client delivers is what the brand's service can read: blocks, updates, large files, and no more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("registry.brand.custody", reason="needs the brand's part that takes data")

from registry.brand.api import build_public
from registry.brand.custody import Custody
from registry.client.deliver import Courier
from registry.client.deliveries import Delivery
from registry.client.grant import grant
from registry.client.party import Person
from registry.client.request import request
from registry.client.revoke import revoke
from registry.client.vault_sync import sync
from registry.core.evidence.file import Evidence
from registry.http.serving import Server
from registry.wallets.base import AbsentWallet
from tests.support.brand_data import data_api
from tests.support.served_brand import HOST, person_at
from tests.support.stage import EMAILS, PURCHASES

CONTINUING = [{"category": PURCHASES, "members": ["name", "price"], "continuing": True}]


class World:
    """Alice, and a brand that is served with its worker's judge at work."""

    def __init__(self, data: Any, url: str) -> None:
        self.data, self.alice = data, person_at(data.api, url)

    def granted(self, **notice: Any) -> Evidence:
        """Alice answers a request of this notice with yes, and it is delivered."""
        stage = self.data.stage
        evidence = grant(self.alice, request(stage.brand, stage.notice(**notice)), deliver=True).evidence
        self.settled()
        return evidence

    def settled(self) -> Delivery:
        """The brand reads the chain, and `consent status` goes on."""
        assert self.alice.deliveries is not None
        self.data.follow()
        found = Courier(self.alice.network, self.alice.evidence, self.alice.deliveries).go_on_all()
        assert not [each.trouble for each in found if each.trouble]
        return found[-1]

    def sync(self) -> Delivery:
        """Alice's ``vault sync``."""
        nobody: Person = replace(self.alice, wallet=AbsentWallet(f"0x{'0' * 40}"))
        (one,) = sync(nobody)
        assert one.delivery is not None and not one.delivery.trouble
        return one.delivery


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with data_api(tmp_path, domain=HOST, url=f"https://{HOST}") as data:
        data.follow()
        public = replace(data.desk, custody=Custody(data.own))
        with Server(build_public(public)) as server:
            yield World(data, server.url)


def test_records_then_updates_then_the_end(world: World) -> None:
    stage, data = world.data.stage, world.data
    stage.bought(*(f"thing {number}" for number in range(200)))
    evidence = world.granted(more={"fields": CONTINUING})
    assert len(data.names(evidence)) == 200
    stage.bought("hat")
    assert not world.sync().waits and "hat" in data.names(evidence)
    assert not world.sync().waits and len(data.names(evidence)) == 201
    revoke(world.alice, evidence)
    assert data.read(evidence).status_code == 410 and world.settled().told
    stage.bought("scarf")
    assert list(sync(replace(world.alice, wallet=AbsentWallet(f"0x{'0' * 40}")))) == []


def test_a_file_of_many_blocks(world: World) -> None:
    body = os.urandom(2_000_000)
    world.data.stage.keep(body, EMAILS)
    evidence = world.granted()
    done = world.settled()
    assert not done.waits and len(done.sent) > 8
    answer = world.data.read(evidence, data=[EMAILS])
    assert answer.status_code == 200 and f'"bytes":{len(body)}' in answer.text
