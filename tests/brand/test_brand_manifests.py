"""Where a manifest comes from: the brand's notaries, then the content store; and the log of a real node."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.responses import Response

from registry.brand.chain_log import ChainLog
from registry.brand.proving import manifest_source
from registry.brand.records import Root, State
from registry.client.revoke import revoke
from registry.core.errors import StorageUnavailable
from registry.core.ipld.cid import Block, cid_from_digest
from registry.core.merkle import build_tree, manifest
from registry.core.scalars import to_hex
from registry.http.serving import Server
from registry.ledger.base import Deployment
from registry.ledger.follower import Follower
from tests.support.brand_stage import BrandStage
from tests.support.brand_stores import told, word
from tests.support.http_service import sample_app
from tests.support.on_anvil import RealStage
from tests.support.stage import Stage

RAW = manifest([word(number) for number in range(3)])
ROOT = Root(build_tree([word(number) for number in range(3)]).root, sha256(RAW).digest(), 7, 7)


@pytest.fixture
def brand(tmp_path: Path) -> BrandStage:
    return BrandStage(Stage.of(tmp_path / "parties"), tmp_path / "brand")


def notary_app(raw: bytes, status: int = 200) -> FastAPI:
    app = sample_app()

    @app.get("/v1/batches/{root}")
    async def batch(root: str) -> Response:
        return Response(raw if root == to_hex(ROOT.root) else b"", status)

    return app


def test_the_notary_has_it(brand: BrandStage) -> None:
    with Server(notary_app(RAW)) as server:
        assert manifest_source(brand.inbox, [server.url])(ROOT) == RAW


@pytest.mark.parametrize(("raw", "status"), [(RAW, 404), (RAW + RAW, 200), (bytes(2_000_000), 200)])
def test_a_notary_without_it_or_with_something_else(brand: BrandStage, raw: bytes, status: int) -> None:
    with Server(notary_app(raw, status)) as server:
        source = manifest_source(brand.inbox, [server.url, "http://127.0.0.1:9"])
        with pytest.raises(StorageUnavailable):
            source(ROOT)
        brand.stage.store.put([Block(cid_from_digest(ROOT.manifest), RAW)])
        assert source(ROOT) == RAW


def test_the_log_of_a_real_node_and_its_reorganisation(tmp_path: Path, own_anvil: tuple[str, Deployment]) -> None:
    stage = RealStage.on(tmp_path / "parties", own_anvil)
    brand = BrandStage(stage, tmp_path / "brand")
    payer = stage.levers.wallet()
    brand.stage.alice = stage.person("alice", sender=payer)
    kept = brand.taken(evidence := brand.granted())
    log = ChainLog(brand.store, Follower(own_anvil[0], own_anvil[1]), stage.network.clock)
    worker = brand.worker(log=log)

    def follow() -> State:
        for _ in range(50):
            if worker.follow() != 0.0:
                break
        return brand.store.by_digest([kept.digest])[kept.digest].state

    assert follow() is State.LIVE
    snapshot = stage.levers._ask("evm_snapshot")
    revoke(brand.stage.alice, evidence)
    assert follow() is State.ENDED
    stage.levers._ask("evm_revert", snapshot)
    stage.levers.pass_time(60)  # another block takes the place of the removed one
    stage.levers.mine(3)
    assert follow() is State.LIVE
    assert [kind for kind, _ in told(brand.store)] == ["granted", "ended", "restored"]
    revoke(brand.stage.alice, evidence)
    assert follow() is State.ENDED and len(told(brand.store)) == 4
