"""The worker beside real programs that fail: each commitment is anchored once, each ending relayed once."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.core.scalars import to_hex, unhex
from registry.ledger.anvil import Anvil
from registry.ledger.base import Deployment
from registry.ledger.deploy import deploy
from registry.notary.condition import WORKER_NOTE, Condition
from registry.notary.records import BatchState, EndingState, TxState
from registry.notary.worker import Worker
from registry.wallets.keywallet import KeyWallet
from tests.support.levers import ANVIL_KEY, AnvilLevers, freeze, start_anvil, stop, until
from tests.support.notary_stage import ETHER, STRANGER, KeySigner, NotaryStage, funded, opening, signed_revoke
from tests.support.soak import SOAK
from tests.support.tcp_proxy import Proxy
from tests.support.worker_fixtures import GWEI

pytestmark = pytest.mark.slow

DOWN_SECONDS = 60 if SOAK else 3


def settle(stage: NotaryStage, worker: Worker, seconds: float = 20.0, *, mine: bool = True) -> None:
    """Do rounds, with a block for each, until everything is final and every ending ended."""
    ends = time.monotonic() + seconds
    while True:
        worker.step()
        if mine:
            stage.levers.mine(1)
        if is_settled(stage):
            return
        assert time.monotonic() < ends, stage.stores.book.notes()
        time.sleep(0.05)


def is_settled(stage: NotaryStage) -> bool:
    book, intake = stage.stores.book, stage.stores.intake
    open_states = (BatchState.CLOSED, BatchState.PINNED, BatchState.SENT, BatchState.ANCHORED)
    endings = intake.count_endings()
    open_endings = [endings.get(state, 0) for state in (EndingState.WAITING, EndingState.SENT)]
    unmined = [tx for tx in book.transactions() if tx.state is not TxState.MINED]
    return not (intake.waiting().commitments or any(map(book.batches, open_states)) or any(open_endings) or unmined)


def state_of(stage: NotaryStage) -> str:
    return str(stage.stores.book.notes()[WORKER_NOTE]["state"])


class TestTheNode:
    def test_that_is_away_for_a_while(self, stage: NotaryStage) -> None:
        port = int(stage.levers.url.rpartition(":")[2])
        with Proxy(port) as proxy:
            worker = stage.worker(proxy.url)
            proxy.cut = 0
            stage.commit()
            stage.end()
            ends = time.monotonic() + DOWN_SECONDS
            while time.monotonic() < ends:
                assert worker.step().state is Condition.CHAIN
                time.sleep(0.2)
            assert stage.stores.book.batches(BatchState.PINNED)  # closing and pinning go on
            proxy.cut = None
            settle(stage, worker)
        stage.check()

    def test_that_is_slow(self, stage: NotaryStage) -> None:
        with Proxy(int(stage.levers.url.rpartition(":")[2])) as proxy:
            proxy.delay = 0.05
            stage.commit()
            stage.end()
            settle(stage, stage.worker(proxy.url, timeout=10))
        stage.check()

    @pytest.mark.parametrize(
        ("said", "instead"),
        [
            (b'"0x7a69"', b'"0x7a6a"'),
            (b'"result"', b'"resalt"'),
            (b'"logIndex"', b'"logindex"'),
            (b'"parentHash":"0x', b'"parentHash":"0y'),
            (b'"blockHash":"0x', b'"blockHash":"0y'),
        ],
        ids=["another chain", "no answers", "no log index", "other parents", "other blocks"],
    )
    def test_that_lies(self, stage: NotaryStage, said: bytes, instead: bytes) -> None:
        with Proxy(int(stage.levers.url.rpartition(":")[2])) as proxy:
            worker = stage.worker(proxy.url)
            worker.step()
            stage.commit()
            stage.end()
            proxy.alter = lambda piece: piece.replace(said, instead)
            for _ in range(3):
                worker.step()
                stage.levers.mine(1)
            assert state_of(stage) == "chain" and not stage.stores.book.batches(BatchState.FINAL)
            proxy.alter = bytes
            settle(stage, worker)
        stage.check()

    def test_that_shows_another_chain(self, stage: NotaryStage, tmp_path: Path) -> None:
        """It has the same number, but no registry: nothing is sent there."""
        process, url = start_anvil()
        try:
            stage.commit()
            with Proxy(int(url.rpartition(":")[2])) as proxy:
                worker = stage.worker(proxy.url)
                found = worker.step()
                assert found.state is Condition.CHAIN and "no contract" in found.why
                proxy.target = int(stage.levers.url.rpartition(":")[2])
                settle(stage, worker)
        finally:
            stop(process)
        stage.check()


class TestMoney:
    def test_out_of_funds_and_refilled(self, stage: NotaryStage) -> None:
        worker = stage.worker()
        worker.step()
        funded(stage.levers, stage.signer.address, 10)
        stage.commit()
        stage.end()
        found = worker.step()
        assert found.state is Condition.FUNDS and "cannot pay" in found.why and state_of(stage) == "no-funds"
        since = stage.stores.book.notes()[WORKER_NOTE]["since"]
        worker.step()
        assert stage.stores.book.notes()[WORKER_NOTE]["since"] == since and stage.chain.calls() == []
        funded(stage.levers, stage.signer.address, ETHER)
        settle(stage, worker)
        assert worker.step().state is Condition.OK
        stage.check()

    def test_out_of_funds_between_signing_and_sending(self, stage: NotaryStage) -> None:
        worker, take = stage.worker(), stage.signer.sign_transaction

        def poor(tx: dict[str, Any]) -> bytes:
            funded(stage.levers, stage.signer.address, 10)
            return take(tx)

        stage.signer.sign_transaction = poor
        stage.end()
        assert worker.step().state is Condition.FUNDS
        stage.commit()
        assert worker.step().state is Condition.FUNDS
        (tx,) = stage.stores.book.transactions()  # nothing else gets a nonce behind it
        assert tx.state is TxState.SIGNED
        stage.signer.sign_transaction = take
        funded(stage.levers, stage.signer.address, ETHER)
        settle(stage, worker)
        assert stage.stores.book.transaction(tx.id).mined_hash == tx.versions[0].hash
        stage.check()

    def test_a_ceiling_of_a_day(self, own_levers: AnvilLevers, tmp_path: Path) -> None:
        stage = NotaryStage.on(tmp_path, own_levers, spend_per_day=0.0005)
        clock = [time.time()]
        worker = stage.worker(clock=lambda: clock[0])
        for _ in range(20):
            stage.commit()
            found = worker.step()
            if found.state is Condition.CEILING:
                break
            worker.step()
        else:
            raise AssertionError("no ceiling was reached")
        anchored = len(stage.chain.calls())
        assert anchored >= 1 and "ceiling" in found.why and state_of(stage) == "ceiling"
        spent = stage.stores.book.spent_since(0)
        assert spent <= 0.0005 * ETHER
        worker.step()
        assert len(stage.chain.calls()) == anchored
        clock[0] += 2 * 86_400
        settle(stage, worker)
        stage.check()

    def test_fees_over_the_limit(self, own_levers: AnvilLevers, tmp_path: Path) -> None:
        stage = NotaryStage.on(tmp_path, own_levers, max_fee_gwei=5)
        worker = stage.worker()
        own_levers._ask("anvil_setNextBlockBaseFeePerGas", hex(20 * GWEI))
        own_levers.mine(1)
        stage.commit()
        assert worker.step().state is Condition.FEES and state_of(stage) == "fees"
        own_levers._ask("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
        own_levers.mine(1)
        settle(stage, worker)
        stage.check()


class TestStuckTransactions:
    def test_what_the_base_fee_left_behind_is_replaced(self, levers_by_hand: AnvilLevers, tmp_path: Path) -> None:
        stage = NotaryStage.on(tmp_path, levers_by_hand)
        stage.commit()
        stage.end()
        worker = stage.worker()
        worker.step()
        txs = stage.stores.book.transactions()
        assert len(txs) == 2
        levers_by_hand._ask("anvil_setNextBlockBaseFeePerGas", hex(100 * GWEI))
        levers_by_hand.mine(1)
        settle(stage, worker)
        for tx in txs:
            now = stage.stores.book.transaction(tx.id)
            assert now is not None and len(now.versions) == 2 and now.mined_hash == now.versions[1].hash
            assert now.nonce == tx.nonce
        stage.check()

    def test_the_limit_of_fees_holds_for_replacements(self, levers_by_hand: AnvilLevers, tmp_path: Path) -> None:
        stage = NotaryStage.on(tmp_path, levers_by_hand, max_fee_gwei=4)
        stage.end()
        worker = stage.worker()
        worker.step()
        (tx,) = stage.stores.book.transactions()
        levers_by_hand._ask("anvil_setNextBlockBaseFeePerGas", hex(50 * GWEI))
        levers_by_hand.mine(1)
        worker.step()
        levers_by_hand.mine(1)
        assert worker.step().state is Condition.FEES
        assert len(stage.stores.book.transactions()[0].versions) == 1
        levers_by_hand._ask("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
        settle(stage, worker)
        assert stage.stores.book.transaction(tx.id).mined_hash == tx.versions[0].hash
        stage.check()

    def test_a_nonce_that_another_program_takes(self, levers_by_hand: AnvilLevers, tmp_path: Path) -> None:
        """Then there is a new transaction, because the old one can never be mined."""
        stage = NotaryStage.on(tmp_path, levers_by_hand)
        stage.commit()
        stage.end()
        worker = stage.worker()
        worker.step()
        fees = {"type": 2, "chainId": 31_337, "maxFeePerGas": 100 * GWEI, "maxPriorityFeePerGas": 90 * GWEI}
        other = {**fees, "nonce": 0, "gas": 21_000, "to": "0x" + "11" * 20, "value": 0, "data": "0x"}
        levers_by_hand._ask("eth_sendRawTransaction", to_hex(stage.signer.sign_transaction(other)))
        levers_by_hand.mine(1)
        settle(stage, worker)
        stage.chain.check(stage.commitments, stage.openings)
        lost = stage.stores.book.transaction(1)
        assert lost is not None and lost.state is TxState.LOST


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5] if SOAK else [1, 2, 5])
@pytest.mark.parametrize("confirmed", [False, True])
def test_reorganisations(own_levers: AnvilLevers, tmp_path: Path, depth: int, confirmed: bool) -> None:
    """Blocks are taken out, with what they held. The same bytes are sent again, also where they were final."""
    stage = NotaryStage.on(tmp_path, own_levers, confirmations=0 if confirmed else 6)
    worker, subject = stage.worker(), opening()
    worker.step()
    stage.commit()
    stage.end(subject)
    worker.step()
    own_levers.mine(max(0, depth - 2))
    worker.step()
    wanted = BatchState.FINAL if confirmed else BatchState.ANCHORED
    assert stage.ending(subject).state is EndingState.ENDED and stage.stores.book.batches(wanted)
    sent = [tx.versions for tx in stage.stores.book.transactions()]
    (root,) = stage.chain.roots()
    own_levers._ask("anvil_reorg", depth, [])
    own_levers.mine(1)
    assert stage.chain.roots() == []
    worker.step()
    worker.step()
    settle(stage, worker)
    stage.check()
    assert [tx.versions for tx in stage.stores.book.transactions()] == sent
    kinds = [str(event.kind) for event in stage.stores.book.events_after(0) if event.word == root]
    assert kinds == ["anchored", "removed", "anchored"]


def test_a_chain_that_is_cut_back(own_levers: AnvilLevers, tmp_path: Path) -> None:
    """Some nodes show a shorter chain for a while: nothing is taken back until another block takes the place."""
    stage = NotaryStage.on(tmp_path, own_levers)
    worker = stage.worker()
    worker.step()
    stage.end()
    worker.step()
    worker.step()
    own_levers._ask("anvil_rollback", 1)
    worker.step()
    events = stage.stores.book.events_after(0)
    assert not [event for event in events if event.kind == "removed"]
    own_levers.mine(1)
    worker.step()
    assert "removed" in [event.kind for event in stage.stores.book.events_after(0)]
    settle(stage, worker)
    stage.check()


def test_ipfs_is_down_while_batches_close(own_levers: AnvilLevers, tmp_path: Path) -> None:
    """Endings go on meanwhile."""
    stage = NotaryStage.on(tmp_path, own_levers)
    worker = stage.worker()
    stage.blocks.down = True
    for _ in range(3):
        stage.commit(5)
        worker.step()
    assert len(stage.stores.book.batches(BatchState.CLOSED)) == 3 and state_of(stage) == "store"
    subject = opening()
    stage.end(subject)
    worker.step()
    worker.step()
    assert stage.ending(subject).state is EndingState.ENDED
    stage.blocks.down = False
    settle(stage, worker)
    assert state_of(stage) in ("ok", "store")
    stage.check()


@pytest.mark.parametrize("shift", [-90_000, 90_000])
def test_clocks_set_back_and_forward(own_levers: AnvilLevers, tmp_path: Path, shift: int) -> None:
    stage = NotaryStage.on(tmp_path, own_levers)
    clock = [time.time()]
    worker = stage.worker(clock=lambda: clock[0])
    stage.commit(now=int(clock[0]))
    stage.end()
    worker.step()
    clock[0] += shift
    stage.commit(now=int(clock[0]) - shift)
    settle(stage, worker)
    clock[0] -= shift
    stage.commit(now=int(clock[0]) - 5)
    settle(stage, worker)
    stage.check()


@pytest.fixture
def mortal() -> Iterator[tuple[subprocess.Popen[str], str, Deployment]]:
    process, url = start_anvil()
    yield process, url, deploy(url, KeyWallet(ANVIL_KEY))
    stop(process)


def test_a_node_that_forgets_what_waits(mortal: tuple[subprocess.Popen[str], str, Deployment], tmp_path: Path) -> None:
    """It is killed while transactions wait in its pool, and begun again from its last block."""
    process, url, deployment = mortal
    own_levers = AnvilLevers(url, deployment)
    stage = NotaryStage.on(tmp_path, own_levers)
    worker = stage.worker()
    worker.step()
    own_levers._ask("evm_setAutomine", False)
    stage.commit()
    stage.end()
    worker.step()
    sent = [tx.versions for tx in stage.stores.book.transactions()]
    assert len(sent) == 2
    (tmp_path / "state.json").write_bytes(Anvil(url).state())
    stop(process)
    again, _ = start_anvil("--load-state", str(tmp_path / "state.json"), port=int(url.rpartition(":")[2]))
    try:
        settle(stage, worker)
        stage.check()
        assert [tx.versions for tx in stage.stores.book.transactions()] == sent
    finally:
        stop(again)


class TestRunning:
    def test_an_ending_is_on_the_chain_at_once_and_stopping_takes_a_second(self, stage: NotaryStage) -> None:
        worker, stop_it = stage.worker(), threading.Event()
        thread = threading.Thread(target=worker.run, args=(stop_it,))
        thread.start()
        try:
            until(lambda: WORKER_NOTE in stage.stores.book.notes())
            taken = []
            for _ in range(5):
                subject = opening()
                began = time.monotonic()
                stage.end(subject)
                until(lambda subject=subject: unhex(subject.handle) in stage.chain.handles())
                taken.append(time.monotonic() - began)
            assert sorted(taken)[2] < 0.5, taken
            stage.commit()
            until(lambda: stage.stores.book.batches(BatchState.ANCHORED))
        finally:
            stop_it.set()
            began = time.monotonic()
            thread.join(10)
        assert time.monotonic() - began < 1.0
        assert stage.stores.book.lead(stage.signer.address)  # it stepped down

    def test_garbage_without_tokens_delays_no_ending_with_one(
        self, stage: NotaryStage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each forged ending costs a slow node a tenth of a second, so all of them together would take 30 s."""
        monkeypatch.setattr("registry.notary.leading._FREE_SECONDS", 0.25)
        someone = KeySigner(os.urandom(32))
        for _ in range(3):
            stage.end(*(signed_revoke(someone, stage.deployment, STRANGER.address) for _ in range(100)))
        with Proxy(int(stage.levers.url.rpartition(":")[2])) as proxy:
            worker, stop_it = stage.worker(proxy.url), threading.Event()
            thread = threading.Thread(target=worker.run, args=(stop_it,))
            thread.start()
            until(lambda: stage.stores.intake.count_endings().get(EndingState.REFUSED))
            proxy.delay = 0.02
            began, urgent = time.monotonic(), opening()
            stage.end(urgent, token=True)
            until(lambda: unhex(urgent.handle) in stage.chain.handles())
            taken = time.monotonic() - began
            left = stage.stores.intake.count_endings().get(EndingState.WAITING, 0)
            stop_it.set()
            thread.join(10)
        assert left > 100 and taken < 2.0, (left, taken)

    def test_a_node_that_hangs_does_not_hold_up_stopping(
        self, mortal: tuple[subprocess.Popen[str], str, Deployment], tmp_path: Path
    ) -> None:
        process, url, deployment = mortal
        stage = NotaryStage.on(tmp_path, AnvilLevers(url, deployment))
        worker, stop_it = stage.worker(timeout=10.0), threading.Event()
        thread = threading.Thread(target=worker.run, args=(stop_it,))
        thread.start()
        until(lambda: WORKER_NOTE in stage.stores.book.notes())
        freeze(process)
        time.sleep(1.2)
        stop_it.set()
        began = time.monotonic()
        thread.join(10)
        assert time.monotonic() - began < 1.0

    def test_a_fault_of_this_program_ends_it(self, stage: NotaryStage, monkeypatch: pytest.MonkeyPatch) -> None:
        worker = stage.worker()

        def faulty(**_: Any) -> bool:
            raise ZeroDivisionError

        monkeypatch.setattr(worker.packer, "step", faulty)
        with pytest.raises(ZeroDivisionError):
            worker.run(threading.Event())
