"""Full batches, and manifests on a real Kubo that goes away and comes back."""

from __future__ import annotations

import os
import time
from hashlib import sha256
from pathlib import Path

import pytest

from registry.core.ipld.cid import cid_from_digest
from registry.core.merkle import MAX_BATCH
from registry.ledger.base import Deployment
from registry.notary.condition import WORKER_NOTE
from registry.notary.packing import Packer
from registry.notary.records import Arrival, BatchState, EndingState, Times
from registry.notary.settings import NotarySettings
from registry.storage.kubo import KuboBlocks
from tests.support.kubo_node import running
from tests.support.levers import GethLevers, until
from tests.support.notary_stage import KeySigner, NotaryStage, opening, signed_revoke
from tests.support.tcp_proxy import Proxy

pytestmark = pytest.mark.slow


def test_a_grant_in_a_full_batch_takes_at_most_two_gas(stage: NotaryStage) -> None:
    size, worker = 32_000, stage.worker()
    worker.step()
    for _ in range(0, size, 1_000):
        items = os.urandom(32 * 1_000)
        stage.stores.intake.take([Arrival(sha256(items).digest(), items, Times(1_000, 1_900))])
    began = time.monotonic()
    worker.step()
    worker.step()
    taken = time.monotonic() - began
    (batch,) = stage.stores.book.batches(BatchState.ANCHORED)
    gas, commitments = stage.stores.book.totals()
    assert (batch.size, commitments) == (size, size) and gas / commitments <= 2, (gas, taken)
    assert len(stage.blocks.get(cid_from_digest(batch.manifest))) == 32 * size <= 32 * MAX_BATCH


def test_a_batch_closes_by_the_time_that_its_promises_began_at(stage: NotaryStage) -> None:
    """The chain may be ahead of this machine. Then promises begin at the chain's time, and so does waiting."""
    now = int(time.time())
    moments = iter((now + 49, now + 50))
    packer = Packer(stage.stores, stage.blocks, NotarySettings(batch_seconds=50), lambda: next(moments))
    stage.stores.book.put_note(WORKER_NOTE, {"state": "ok", "at": now, "head_time": now + 360, "seen_at": now})
    stage.commit(now=now + 360)
    assert not packer.step() and packer.step()


def test_kubo_is_down_while_batches_close(stage: NotaryStage) -> None:
    """Endings go on; when it is back, the manifests are pinned, and then the batches are anchored."""
    with running() as kubo, Proxy(kubo.api) as proxy, KuboBlocks(proxy.address, seconds=3) as blocks:
        worker, subject = stage.worker(blocks=blocks), opening()
        stage.commit(4)
        worker.step()
        worker.step()
        kubo.stop()
        for _ in range(2):
            stage.commit(4)
            worker.step()
        assert stage.stores.book.notes()[WORKER_NOTE]["state"] == "store"
        stage.end(subject)
        worker.step()
        worker.step()
        assert stage.ending(subject).state is EndingState.ENDED and len(stage.chain.roots()) == 1
        kubo.start()
        proxy.target = kubo.api
        for _ in range(3):
            worker.step()
            stage.levers.mine(1)
        worker.step()
        batches = stage.stores.book.batches(BatchState.FINAL)
        assert len(batches) == 3 and stage.stores.book.notes()[WORKER_NOTE]["state"] == "ok"
        for batch in batches:
            cid = cid_from_digest(batch.manifest)
            assert kubo.run("block", "get", cid) == stage.stores.book.manifest(batch.root)
            assert cid.encode() in kubo.run("pin", "ls", cid)
        stage.blocks = blocks
        stage.check()


def test_all_of_it_on_geth(geth: tuple[str, Deployment], tmp_path: Path) -> None:
    stage = NotaryStage.on(tmp_path, GethLevers(*geth))
    worker, subject = stage.worker(), KeySigner(os.urandom(32))
    revoke = signed_revoke(subject, stage.deployment)
    stage.commit(5)
    stage.end(opening(), opening())
    stage.end(revoke)

    def is_done() -> bool:
        worker.step()
        stage.levers.mine(1)
        return bool(stage.stores.book.batches(BatchState.FINAL))

    until(is_done, seconds=60)
    worker.step()
    assert stage.ending(revoke).state is EndingState.ENDED
    stage.check()
