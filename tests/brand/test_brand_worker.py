"""The brand's worker over the ledger in memory: ends, reorganisations, promises, acceptances."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from registry.brand.counter import Counter
from registry.brand.inbox import SETTLED_BLOCKS
from registry.brand.proving import Prover
from registry.brand.records import Answer, Root, State
from registry.brand.store import open_store
from registry.brand.worker import Worker
from registry.client.notary_anchor import Notaries
from registry.client.pending_store import PendingFolder
from registry.client.revoke import revoke, revoke_all
from registry.client.verify import verify
from registry.core.errors import InvalidInput, LedgerUnavailable, StorageUnavailable
from registry.core.evidence.file import Evidence, parse_evidence
from tests.support.brand_stage import BrandStage
from tests.support.brand_stores import told
from tests.support.served_stage import ServedStage
from tests.support.stage import Stage


@pytest.fixture
def brand(tmp_path: Path) -> BrandStage:
    return BrandStage(Stage.of(tmp_path / "parties"), tmp_path / "brand")


def now(brand: BrandStage, answer: Answer) -> Answer:
    return brand.store.by_digest([answer.digest])[answer.digest]


def kinds(brand: BrandStage) -> list[str]:
    return [kind for kind, _ in told(brand.store)]


def settle(step: Callable[[], float | None], most: int = 20) -> None:
    """Do rounds until one has nothing more to do."""
    for _ in range(most):
        if step() != 0.0:
            return
    raise AssertionError("it never rests")


class TestEnds:
    def test_an_ending_is_told(self, brand: BrandStage) -> None:
        kept = brand.taken(evidence := brand.granted())
        worker = brand.worker()
        settle(worker.follow)
        assert kinds(brand) == ["granted"]
        receipt = revoke(brand.stage.alice, evidence)
        settle(worker.follow)
        ended = now(brand, kept)
        assert (ended.state, ended.ended_block, ended.ended_at) == (State.ENDED, receipt.block, receipt.time)
        assert kinds(brand) == ["granted", "ended"]

    def test_the_kill_switch(self, brand: BrandStage) -> None:
        kept = brand.taken(brand.granted())
        other = brand.taken(brand.granted("bob"))
        revoke_all(brand.stage.alice)
        settle(brand.worker().follow)
        assert [now(brand, each).state for each in (kept, other)] == [State.ENDED, State.LIVE]

    def test_expiry(self, brand: BrandStage) -> None:
        kept = brand.taken(brand.granted(days=1))
        brand.stage.pass_time(86_400 + 60)
        brand.stage.ledger.mine()
        settle(brand.worker().follow)
        assert now(brand, kept).state is State.EXPIRED and kinds(brand) == ["granted", "expired"]

    def test_a_chain_that_is_away_changes_nothing(self, brand: BrandStage) -> None:
        worker = brand.worker()
        settle(worker.follow)
        view = brand.store.view()
        brand.stage.ledger.down = True
        with pytest.raises(LedgerUnavailable):
            worker.follow()
        assert brand.store.view() == view and view.seen_at == brand.stage.clock()

    def test_only_one_worker_follows(self, brand: BrandStage) -> None:
        first = brand.worker()
        settle(first.follow)
        second = open_store(brand.folder)
        brand.store, own = second, brand.store
        assert brand.worker().follow() == 1.0
        own.step_down()


class TestReorganisations:
    def test_an_end_that_is_taken_back_is_restored(self, brand: BrandStage) -> None:
        kept = brand.taken(evidence := brand.granted())
        worker = brand.worker()
        revoke(brand.stage.alice, evidence)
        settle(worker.follow)
        brand.stage.ledger.reorg(1)
        settle(worker.follow)
        assert now(brand, kept).state is State.LIVE and now(brand, kept).ended_at == 0
        assert kinds(brand) == ["granted", "ended", "restored"]
        # A new end is told again.
        revoke(brand.stage.alice, evidence)
        settle(worker.follow)
        assert kinds(brand)[3:] == ["ended"]

    def test_an_end_that_only_moved_is_told_once(self, brand: BrandStage) -> None:
        brand.taken(evidence := brand.granted())
        worker = brand.worker()
        revoke(brand.stage.alice, evidence)
        settle(worker.follow)
        brand.stage.ledger.reorg(1)
        revoke(brand.stage.alice, evidence)
        settle(worker.follow)
        assert kinds(brand) == ["granted", "ended"]

    def test_an_anchor_that_is_taken_back_counts_for_nothing(self, brand: BrandStage) -> None:
        evidence = brand.granted()
        worker = brand.worker()
        settle(worker.follow)
        kept = brand.taken(evidence)
        brand.stage.ledger.reorg(1)
        settle(worker.follow)
        assert now(brand, kept).state is State.WAITING and kinds(brand) == ["granted", "removed"]
        assert brand.store.standing(kept.subject, "dpv:Personalisation", kept.data, brand.stage.clock()) == {}
        # The transaction comes into another block, under the same root.
        assert evidence.anchor
        brand.stage.ledger.transact("anchor", evidence.anchor.root, "0x" + "0d" * 32)
        settle(worker.follow)
        brand.stage.ledger.mine(count=2)
        settle(worker.follow)
        assert now(brand, kept).state is State.LIVE and kinds(brand) == ["granted", "removed", "granted"]

    def test_what_was_verified_on_a_block_that_nobody_kept_is_verified_again(self, brand: BrandStage) -> None:
        """The log was not read up to that block, so no reorganisation is noticed."""
        worker = brand.worker()
        settle(worker.follow)
        kept = brand.taken(brand.granted())
        brand.stage.ledger.reorg(1)
        settle(worker.follow)
        assert now(brand, kept).state is State.LIVE
        brand.stage.ledger.mine(count=SETTLED_BLOCKS)
        settle(worker.follow)
        assert now(brand, kept).state is State.WAITING and kinds(brand) == ["granted", "removed"]

    def test_what_lies_deep_enough_is_left_alone(self, brand: BrandStage) -> None:
        kept = brand.taken(brand.granted())
        worker = brand.worker()
        brand.stage.ledger.mine(count=SETTLED_BLOCKS)
        settle(worker.follow)
        assert now(brand, kept).check_at == 0 and now(brand, kept).state is State.LIVE


class TestPromises:
    def test_the_anchor_is_found_in_the_log(self, brand: BrandStage) -> None:
        evidence = not_anchored(brand, "bob")
        kept = brand.taken(brand.promised(evidence))
        worker = brand.worker()
        brand.anchor(brand.granted("carol"))
        settle(worker.follow)
        settle(worker.prove)
        assert now(brand, kept).state is State.WAITING and now(brand, kept).looked > 0
        brand.anchor(evidence)
        settle(worker.follow)
        settle(worker.prove)
        done = now(brand, kept)
        assert done.state is State.LIVE and done.capability == kept.capability
        verify(brand.stage.network, done.file, brand.inbox.policy)

    def test_a_person_who_anchored_it_alone(self, brand: BrandStage) -> None:
        kept = brand.taken(brand.promised(brand.granted()))
        worker = brand.worker()
        settle(worker.follow)
        settle(worker.prove)
        assert now(brand, kept).state is State.LIVE

    def test_a_manifest_that_nobody_has_stops_nothing(self, brand: BrandStage) -> None:
        kept = brand.taken(brand.promised(not_anchored(brand, "bob")))
        brand.anchor(brand.granted("carol"))

        def away(root: Root) -> bytes:
            raise StorageUnavailable("nobody has it")

        worker = brand.worker(prover=Prover(brand.inbox, away))
        settle(worker.follow)
        settle(worker.prove)
        assert now(brand, kept).looked == brand.store.last_root() > 0
        assert now(brand, kept).state is State.WAITING


def not_anchored(brand: BrandStage, name: str) -> Evidence:
    """Return a person's yes, whose own anchor the chain has lost."""
    evidence = brand.granted(name)
    brand.stage.ledger.reorg(1)
    return evidence


class TestAcceptances:
    def test_many_in_one_batch(self, brand: BrandStage) -> None:
        kept = [brand.taken(brand.granted(name)) for name in ("a", "b", "c")]
        calls = len(brand.stage.ledger.calls)
        settle(brand.worker().sign)
        assert len(brand.stage.ledger.calls) == calls + 1
        for each in kept:
            done = now(brand, each)
            assert done.is_complete
            policy = brand.stage.network.policy(controllers=brand.inbox.controllers, accepted=True)
            verify(brand.stage.network, parse_evidence(done.file), policy)
        assert brand.store.signed(10) == []

    def test_a_crash_at_every_moment(self, brand: BrandStage, monkeypatch: pytest.MonkeyPatch) -> None:
        kept = brand.taken(brand.granted())
        worker, ledger = brand.worker(), brand.stage.ledger
        crashes = [
            (brand.store, "put_under"),
            (ledger, "transact"),
            (brand.store, "change"),
            (brand.store, "drop_signed"),
        ]

        class Crash(BaseException):
            pass

        def crash(*_: Any, **__: Any) -> None:
            raise Crash

        calls = len(ledger.calls)
        for owner, name in crashes:
            with monkeypatch.context() as patch:
                patch.setattr(owner, name, crash)
                with pytest.raises(Crash):
                    for _ in range(3):
                        worker.sign()
        settle(worker.sign)
        assert now(brand, kept).is_complete and len(ledger.calls) == calls + 1
        assert brand.store.signed(10) == []

    def test_what_ended_meanwhile_gets_none(self, brand: BrandStage) -> None:
        kept = brand.taken(evidence := brand.granted())
        worker = brand.worker()
        brand.stage.ledger.refuses_writing = LedgerUnavailable("away")
        with pytest.raises(LedgerUnavailable):
            worker.sign()
        brand.stage.ledger.refuses_writing = None
        revoke(brand.stage.alice, evidence)
        settle(worker.follow)
        settle(worker.sign)
        assert now(brand, kept).accepted_at == 0 and brand.store.signed(10) == []

    def test_an_account_without_funds_waits(self, brand: BrandStage) -> None:
        brand.taken(brand.granted())
        brand.stage.ledger.refuses_writing = InvalidInput("no funds")
        assert brand.worker().sign() is None and len(brand.store.signed(10)) == 1

    def test_an_acceptance_that_the_chain_lost_is_made_anew(self, brand: BrandStage) -> None:
        evidence = brand.granted()
        worker = brand.worker()
        kept = brand.taken(evidence)
        settle(worker.follow)
        settle(worker.sign)
        brand.stage.ledger.reorg(1)
        brand.stage.ledger.mine(count=SETTLED_BLOCKS + 2)
        settle(worker.follow)
        assert not now(brand, kept).is_complete
        settle(worker.sign)
        assert now(brand, kept).is_complete
        verify(brand.stage.network, now(brand, kept).file, brand.stage.network.policy(controllers=None, accepted=True))

    def test_through_a_notary(self, served: ServedStage, tmp_path: Path) -> None:
        brand = BrandStage(served.stage, tmp_path / "brand")
        kept = brand.taken(brand.granted())
        party = replace(served.stage.brand, notaries=served.notaries(tmp_path / "home"))
        served.first.works = False
        worker: Worker = brand.worker(counter=Counter(party, brand.store, pays=False))
        settle(worker.sign)
        settle(worker.sign)
        assert not now(brand, kept).is_complete and len(served.first.waiting) == 1
        served.first.work()
        settle(worker.sign)
        assert now(brand, kept).is_complete

    def test_no_notary_takes_it_and_nobody_pays(self, brand: BrandStage, tmp_path: Path) -> None:
        kept = brand.taken(brand.granted())
        notaries = Notaries((), PendingFolder(tmp_path / "home"))
        party = replace(brand.stage.brand, notaries=notaries)
        worker = brand.worker(counter=Counter(party, brand.store, pays=False))
        settle(worker.sign)
        assert not now(brand, kept).is_complete and len(brand.store.signed(10)) == 1
