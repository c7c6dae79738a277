"""A notary that lost its database gets every anchored batch and proof back from the chain and the content store."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest

from registry.core.errors import LedgerUnavailable
from registry.core.ipld.cid import cid_from_digest
from registry.core.merkle import root_from
from registry.ledger.follower import Follower
from registry.notary.rebuild import RebuildProgress, Rebuilt, rebuild
from registry.notary.records import Arrival, BatchState, Times
from registry.notary.stores import open_stores
from tests.support.levers import AnvilLevers
from tests.support.notary_stage import NotaryStage
from tests.support.tcp_proxy import Proxy

pytestmark = pytest.mark.slow


def again(stage: NotaryStage, folder: Path, url: str = "", accounts: tuple[str, ...] = ()) -> Rebuilt:
    """Rebuild into the stores of ``folder``, and let the stage use them."""
    folder.mkdir(exist_ok=True)
    stage.stores = open_stores(folder, stage.settings)
    follower = Follower(url or stage.levers.url, stage.deployment, timeout=3.0)
    named = accounts or (stage.signer.address,)
    return rebuild(stage.stores, stage.blocks, follower, named, confirmations=2)


def anchored(stage: NotaryStage, batches: int) -> None:
    worker = stage.worker()
    for count in range(1, batches + 1):
        stage.commit(count)
        worker.step()
    worker.step()
    stage.levers.mine(2)
    worker.step()
    assert len(stage.stores.book.batches(BatchState.FINAL)) == batches


def test_all_of_it_comes_back(stage: NotaryStage, tmp_path: Path) -> None:
    anchored(stage, 4)
    before = [stage.stores.book.proof(one) for one in stage.commitments]
    batches = stage.stores.book.batches(BatchState.FINAL)
    assert again(stage, tmp_path / "new") == Rebuilt(4, 0, 10, ())
    stage.check()
    after = [stage.stores.book.proof(one) for one in stage.commitments]
    assert [found[1] for found in before if found] == [found[1] for found in after if found]
    kept = {one.root: (one.transaction, one.block, one.time) for one in stage.stores.book.batches(BatchState.FINAL)}
    assert kept == {one.root: (one.transaction, one.block, one.time) for one in batches}
    assert again(stage, tmp_path / "new") == Rebuilt(0, 4, 0, ())


def test_what_cannot_be_had_is_told_and_comes_with_a_later_run(stage: NotaryStage, tmp_path: Path) -> None:
    anchored(stage, 3)
    batch = stage.stores.book.batches(BatchState.FINAL)[1]
    data = stage.blocks.kept.pop(batch.manifest)
    found = again(stage, tmp_path / "new")
    assert found.restored == 2
    ((root, block, why),) = found.missing
    assert (root, block) == (batch.root, batch.block) and cid_from_digest(batch.manifest) in why
    stage.blocks.kept[batch.manifest] = data
    assert again(stage, tmp_path / "new") == Rebuilt(1, 2, batch.size, ())
    stage.check()


def test_strangers_and_junk_do_not_count(stage: NotaryStage, tmp_path: Path) -> None:
    anchored(stage, 1)
    stage.levers.ledger.transact("anchor", os.urandom(32), os.urandom(32))  # another account
    junk, root = os.urandom(64), os.urandom(32)
    stage.blocks.kept[sha256(junk).digest()] = junk
    stage.levers.ledger.transact("anchor", root, sha256(junk).digest(), sender=stage.signer)
    stage.levers.mine(2)
    found = again(stage, tmp_path / "new")
    assert found.restored == 1 and [missing.root for missing in found.missing] == [root]


def test_a_batch_that_only_a_stranger_anchored_comes_back_too(stage: NotaryStage, tmp_path: Path) -> None:
    anchored(stage, 1)
    worker = stage.worker()
    items = stage.commit(3)
    worker.packer.step()
    (batch,) = stage.stores.book.batches(BatchState.PINNED)
    stage.levers.ledger.transact("anchor", batch.root, batch.manifest)  # from another account, before ours
    stage.settle(worker)
    stage.levers.mine(2)
    worker.step()
    assert len(stage.stores.book.batches(BatchState.FINAL)) == 2 and len(stage.chain.calls()) == 1
    # Roots of a stranger's own, also one beside a manifest of ours.
    stage.levers.ledger.transact("anchor", os.urandom(32), os.urandom(32))
    stage.levers.ledger.transact("anchor", os.urandom(32), batch.manifest)
    stage.levers.mine(2)
    assert again(stage, tmp_path / "new") == Rebuilt(2, 0, 4, ())
    found = stage.stores.book.proof(items[0])
    assert found is not None and root_from(items[0], found[1]) == batch.root
    assert again(stage, tmp_path / "new") == Rebuilt(0, 2, 0, ())


def test_a_batch_that_both_anchored_counts_once(stage: NotaryStage, tmp_path: Path) -> None:
    anchored(stage, 1)
    (batch,) = stage.stores.book.batches(BatchState.FINAL)
    stage.levers.ledger.transact("anchor", batch.root, batch.manifest)
    stage.levers.mine(2)
    assert again(stage, tmp_path / "new") == Rebuilt(1, 0, 1, ())
    assert again(stage, tmp_path / "new") == Rebuilt(0, 1, 0, ())


def test_what_is_not_deep_enough_waits(stage: NotaryStage, tmp_path: Path) -> None:
    worker = stage.worker()
    stage.commit()
    worker.step()
    worker.step()
    assert again(stage, tmp_path / "new").restored == 0
    stage.levers.mine(2)
    assert again(stage, tmp_path / "new").restored == 1


def test_a_run_that_is_cut_off_is_repeated(stage: NotaryStage, tmp_path: Path) -> None:
    anchored(stage, 2)
    with Proxy(int(stage.levers.url.rpartition(":")[2])) as proxy:
        proxy.cut = 0
        with pytest.raises(LedgerUnavailable):
            again(stage, tmp_path / "new", proxy.url)
    assert again(stage, tmp_path / "new").restored == 2


def test_progress_is_told(own_levers: AnvilLevers, tmp_path: Path) -> None:
    stage, told = NotaryStage.on(tmp_path, own_levers), list[RebuildProgress]()
    follower = Follower(own_levers.url, stage.deployment)
    rebuild(stage.stores, stage.blocks, follower, [stage.signer.address], confirmations=0, progress=told.append)
    assert told[-1].block == told[-1].head == own_levers.ledger.head().number


def test_the_worker_goes_on_after_a_rebuild(stage: NotaryStage, tmp_path: Path) -> None:
    """Requests that a back-up brought back, and that are anchored already, are not anchored again."""
    anchored(stage, 2)
    old = list(stage.commitments)
    again(stage, tmp_path / "new")
    stage.stores.intake.take([Arrival(sha256(b"".join(old)).digest(), b"".join(old), Times(1_000, 1_900))])
    worker = stage.worker()
    stage.commit(2)
    for _ in range(3):
        worker.step()
        stage.levers.mine(1)
    worker.step()
    assert len(stage.chain.roots()) == 3
    stage.check()
