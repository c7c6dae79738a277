"""Kill the listener and the worker while blocks come: nothing that was taken is lost, and no block is forgotten."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from registry.brand.custody import FILE as BLOCKS
from registry.brand.holding import arrival_of
from registry.brand.settings import FILE
from registry.brand.sql.tables import arriving, held
from registry.brand.store import Store, open_store
from registry.client.bundle_walk import BundleWalk, heads_of
from registry.client.revoke import revoke
from registry.core.evidence.file import Evidence, write_evidence
from registry.core.ipld.cid import Block, cid_from_digest, cid_of_block, sha256_of
from registry.core.scalars import to_hex
from registry.core.sealed.documents import public_key_of
from registry.db.engine import reading
from registry.ledger.base import Deployment
from registry.storage.sqlite_store import SqliteBlocks
from tests.brand.test_brand_killed import Part, a_home
from tests.support.brand_data import CAR, OCTETS, archive, root_of
from tests.support.bundle_grants import Handover, purchase
from tests.support.on_anvil import RealStage
from tests.support.soak import examples

pytestmark = pytest.mark.slow
SECONDS, KILLS = 120.0, examples(4, 100)


@pytest.fixture
def stage(tmp_path: Path, anvil: tuple[str, Deployment]) -> Iterator[RealStage]:
    stage = RealStage.on(tmp_path / "parties", anvil)
    a_home(stage, tmp_path / "network", anvil)
    object.__setattr__(stage.alice, "sender", stage.levers.wallet())
    FILE.make(
        tmp_path / "brand",
        account=stage.brand.address,
        recipients=[stage.brand.recipient],
        domain="aurelle.example",
        name="Maison Aurelle",
        contact="privacy@aurelle.example",
        url="https://aurelle.example",
        asked_only=False,
        port=0,
        internal_port=0,
    )
    yield stage


def blocks_of(hands: Handover, evidence: Evidence) -> list[Block]:
    store = hands.stage.store
    walk = BundleWalk({key.stream: key for key in hands.keys}, public_key_of(hands.key), store.get, store.has)
    walk.go(heads_of(hands.keys))
    first = [root_of(evidence), *(key.head for key in hands.keys)]
    rest = sorted(map(cid_from_digest, walk.reached))
    return [Block(cid, store.get(cid)) for cid in dict.fromkeys([*first, *rest])]


def post(url: str, body: bytes, kind: str) -> Any:
    try:
        return httpx.post(url, content=body, headers={"Content-Type": kind}, timeout=3)
    except httpx.HTTPError:
        return None


def sent(part: Part, path: str, body: bytes, kind: str) -> bool:
    answer = post(f"{part.url}{path}", body, kind)
    assert answer is None or answer.status_code in (200, 201, 202, 404, 410, 422, 503), answer.text
    return answer is not None and answer.status_code in (200, 201)


def until(done: Any) -> None:
    ends = time.monotonic() + SECONDS
    while not done():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.2)


def every_block_is_known(store: Store, folder: Path) -> None:
    """Each block in the brand's store is held, or stands in a note by which it is found."""
    with reading(store._engine) as connection:
        known = {row.digest for row in connection.execute(select(held.c.digest))}
        for row in connection.execute(select(arriving)):
            known.update(arrival_of(row._mapping).digests)
    with SqliteBlocks(folder / BLOCKS) as blocks:
        there = {row[0] for row in blocks._db.execute("SELECT digest FROM blocks WHERE live = 1")}
    assert there <= known


def test_blocks_survive_kills_and_go_with_the_grant(tmp_path: Path, stage: RealStage) -> None:
    folder = tmp_path / "brand"
    hands = Handover(stage, tmp_path / "alice")
    hands.vault.add(purchase(f"thing {number}", tags=()) for number in range(300))
    evidence = hands.grant()
    public, worker = (Part(name, stage, tmp_path / "network", folder) for name in ("public", "worker"))
    until(lambda: sent(public, "/v1/evidence", write_evidence(evidence), "application/json"))
    store = open_store(folder)
    update = b""
    chance = random.Random(15)
    for number in range(KILLS):
        hands.vault.add([purchase(f"late {number}")])
        update = hands.update()
        blocks = blocks_of(hands, evidence)
        foreign = Block(cid_of_block(b"%d" % number), b"%d" % number)
        victim = (public, worker)[number % 2]
        killer = threading.Timer(chance.uniform(0, 0.5), victim.kill)
        killer.start()
        sent(public, "/v1/updates", update, OCTETS)
        sent(public, "/v1/blocks", archive(root_of(evidence), blocks), CAR)
        sent(public, "/v1/blocks", archive(root_of(evidence), [*blocks, foreign]), CAR)
        killer.join()
        every_block_is_known(store, folder)
        victim.start()
    blocks = blocks_of(hands, evidence)
    until(lambda: sent(public, "/v1/blocks", archive(root_of(evidence), blocks[:1]), CAR))
    until(lambda: sent(public, "/v1/updates", update, OCTETS))
    until(lambda: sent(public, "/v1/blocks", archive(root_of(evidence), blocks), CAR))
    internal = Part("internal", stage, tmp_path / "network", folder)
    asked = {"purpose": "dpv:Personalisation", "grant": to_hex(evidence.digest)}
    answer = httpx.post(f"{internal.url}/v1/data", json=asked, timeout=30)
    assert answer.status_code == 200, answer.text
    assert len(answer.content.splitlines()) == 300 + KILLS
    revoke(stage.alice, evidence)
    for left in store.left_arrivals(2**40, 1_000):
        store.abandon(left.id)  # else what killed listeners left is erased after two minutes
    until(lambda: not store.has_data(1) and not store.left_arrivals(2**40, 1))
    assert httpx.post(f"{internal.url}/v1/data", json=asked, timeout=30).status_code == 410
    for part in (public, worker, internal):
        part.kill()
    nothing_is_left(folder, [*blocks, Block("", update)])


def nothing_is_left(folder: Path, blocks: list[Block]) -> None:
    """No file of the brand's holds a piece of these blocks."""
    with SqliteBlocks(folder / BLOCKS) as store:
        assert not any(store.has(cid_from_digest(sha256_of(block.data))) for block in blocks)
    for path in folder.iterdir():
        raw = path.read_bytes()
        for block in blocks:
            middle = len(block.data) // 2
            assert block.data[middle : middle + 64] not in raw, path
