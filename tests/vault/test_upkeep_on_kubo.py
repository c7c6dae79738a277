"""Shred, check and repair a vault on a real Kubo node: what is gone is gone from the node's own repository."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from registry.core.sealed.bundles import View
from registry.storage.kubo import KuboBlocks
from registry.vault.database import Database
from registry.vault.draft import Draft
from registry.vault.shred import selection_of
from tests.support.builders import CONTROLLER, SEED, SUBJECT, word
from tests.support.kubo_node import Node, running
from tests.support.reachable import reachable

pytestmark = pytest.mark.slow


class Stage(NamedTuple):
    node: Node
    store: KuboBlocks
    vault: Database
    ids: list[str]

    def held(self) -> set[str]:
        """What the node's repository holds, by the node's own word: multihashes."""
        return set(self.node.run("refs", "local").decode().split())


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    drafts = [
        Draft("pd:Purchase", "purchase/1", body={"name": f"coat {n}", "orderDate": "2026-01-31"}) for n in range(3)
    ]
    with running() as node, KuboBlocks(node.address) as store, Database(tmp_path / "vault", SEED, store) as vault:
        ids = vault.add(drafts)
        vault.shares.begin(SUBJECT, CONTROLLER, [View("pd:Purchase", ("name",), continuing=True)], word(1))
        yield Stage(node, store, vault, ids)


def test_what_is_shredded_is_gone_from_the_node(stage: Stage) -> None:
    before, named = stage.held(), reachable(stage.vault, stage.store)
    assert stage.vault.upkeep.check().is_sound
    certificate = stage.vault.shred(selection_of(stage.ids[:1]))
    after = reachable(stage.vault, stage.store)
    (place,) = certificate.places
    assert place.blocks == place.absent > 0 and place.there == place.unknown == 0
    assert len(named - after) >= place.blocks and len(before - stage.held()) >= place.blocks
    assert stage.vault.upkeep.check().is_sound
    assert [record.id for record in stage.vault.select("")] == stage.ids[:0:-1]


def test_what_the_node_lost_is_named_and_written_again(stage: Stage) -> None:
    index = stage.vault._folder.index()
    assert index is not None
    head = index.streams[0].head
    stage.store.delete([head])
    health = stage.vault.upkeep.check()
    assert not health.is_sound and any(head in str(fault) for fault in health.faults)
    assert stage.vault.upkeep.repair(health).lost == ()
    assert stage.vault.upkeep.check().is_sound and len(list(stage.vault.select(""))) == len(stage.ids)


def test_a_node_that_forbids_names_keeps_replaced_blocks_until_it_allows_them(tmp_path: Path) -> None:
    paths = [f"/api/v0/{name}" for name in ("version", "repo", "dag/import", "pin", "block", "config", "swarm", "cat")]
    secrets = {
        "part": {"AuthSecret": "bearer:part", "AllowedPaths": paths},
        "all": {"AuthSecret": "bearer:all", "AllowedPaths": ["/api/v0"]},
    }
    with running(settings={"API": {"Authorizations": secrets}}) as node:
        with KuboBlocks(node.address, bearer="part") as store, Database(tmp_path / "vault", SEED, store) as vault:
            for number in range(3):
                vault.add([Draft("pd:Purchase", "purchase/1", body={"name": f"{number}", "orderDate": "2026-01-31"})])
            vault.upkeep.compact()
            waiting, homes = vault.upkeep.waiting()
            assert waiting > 0 and homes is None
            assert store.stat().blocks == len(reachable(vault, store)) + waiting
        with KuboBlocks(node.address, bearer="all") as store, Database(tmp_path / "vault", SEED, store) as vault:
            assert vault.upkeep.waiting() == (waiting, 0)
            vault.upkeep.compact()
            assert vault.upkeep.waiting() == (0, 0) and store.stat().blocks == len(reachable(vault, store))


def test_a_node_that_is_away_is_no_damage(stage: Stage) -> None:
    stage.node.stop()
    health = stage.vault.upkeep.check()
    assert health.faults and {fault.kind for fault in health.faults} == {"unknown"}
