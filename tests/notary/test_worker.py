"""The worker's plain way: batches closed, pinned, anchored and final; endings in the next block."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from registry.core.scalars import checksum, to_hex, unhex
from registry.ledger import abi
from registry.notary.condition import WORKER_NOTE, Condition
from registry.notary.records import BatchState, EndingState, EventKind, Times, TxKind, TxState
from tests.support.levers import WALLETS, AnvilLevers, creation
from tests.support.notary_stage import (
    ETHER,
    STRANGER,
    KeySigner,
    NotaryStage,
    new_ending,
    opening,
    signed_retire,
    signed_revoke,
    signed_revoke_all,
)

pytestmark = pytest.mark.slow


def test_a_batch_is_anchored_and_then_final(stage: NotaryStage) -> None:
    items, worker = stage.commit(3), stage.worker()
    assert worker.step().state is Condition.OK
    found = stage.stores.book.proof(items[0])
    assert found is not None and found[0].state is BatchState.SENT
    worker.step()
    (batch,) = stage.stores.book.batches(BatchState.ANCHORED)
    (log,) = [log for log in stage.chain.logs(abi.ANCHORED) if unhex(log["topics"][1]) == batch.root]
    assert (batch.transaction, batch.block) == (log["transactionHash"], int(log["blockNumber"], 16))
    assert batch.time == int(stage.levers._ask("eth_getBlockByNumber", log["blockNumber"], False)["timestamp"], 16)
    stage.levers.mine(2)
    worker.step()
    assert [one.root for one in stage.stores.book.batches(BatchState.FINAL)] == [batch.root]
    stage.check()


def test_the_manifest_is_pinned_before_its_transaction_is_sent(stage: NotaryStage) -> None:
    stage.commit()
    stage.blocks.down = True
    worker = stage.worker()
    found = worker.step()
    assert found.state is Condition.STORE and "does not answer" in found.why
    assert stage.chain.calls() == [] and stage.stores.book.notes()[WORKER_NOTE]["state"] == "store"
    stage.blocks.down = False
    assert worker.step().state is Condition.OK
    assert stage.stores.book.notes()[WORKER_NOTE]["state"] == "ok"
    stage.check()


def test_an_opening_is_in_the_transaction_of_the_next_round(stage: NotaryStage) -> None:
    worker = stage.worker()
    worker.step()
    stage.commit()
    (ending,) = stage.end()
    worker.step()
    calls = stage.chain.calls()
    assert calls[0][:4] == abi.selector("revokeBatch((bytes32,bytes32)[])")  # before the anchor
    assert calls[1][:4] == abi.selector("anchor(bytes32,bytes32)")
    assert stage.stores.intake.ending(ending.key).state is EndingState.SENT
    worker.step()
    assert stage.stores.intake.ending(ending.key).state is EndingState.ENDED
    event = stage.stores.book.event_of(ending.key)
    assert event is not None and event.kind is EventKind.REVOKED
    stage.check()


def test_openings_go_together_in_no_order_and_those_with_a_token_first(stage: NotaryStage) -> None:
    free, paid = [opening() for _ in range(99)], [opening() for _ in range(8)]
    for one in free:
        stage.end(one)
    for one in paid:
        stage.end(one, token=True)
    worker = stage.worker()
    for _ in range(5):  # a round gives what nobody paid for a quarter of a second
        if not stage.stores.intake.waiting_endings(1):
            break
        worker.step()
    first, second = [stage.chain._openings(call) for call in stage.chain.calls()]
    assert (len(first), len(second)) == (100, 7)
    secrets = [unhex(one.secret) for one in (*paid, *free)]
    sent = [secret for secret, _ in first]
    assert set(sent) == set(secrets[:100]) and sent != secrets[:100]
    stage.check()


def test_a_known_handle_costs_nothing(stage: NotaryStage) -> None:
    worker, known = stage.worker(), opening()
    stage.levers.ledger.transact("revoke", known.secret, known.tag)
    worker.step()
    stage.end(known)
    worker.step()
    assert stage.ending(known).state is EndingState.ENDED and stage.chain.calls() == []


def test_a_handle_that_somebody_anchors_as_a_root_is_still_ended(stage: NotaryStage) -> None:
    worker, wanted = stage.worker(), opening()
    stage.levers.ledger.transact("anchor", wanted.handle, "0x" + "00" * 32)
    worker.step()
    stage.end(wanted)
    stage.settle(worker)
    assert [one for call in stage.chain.calls() for one in stage.chain._openings(call)] != []
    assert stage.ending(wanted).state is EndingState.ENDED
    event = stage.stores.book.event_of(unhex(wanted.handle))
    assert event is not None and event.kind is EventKind.REVOKED
    stage.check()


def test_each_signed_ending_has_a_transaction_of_its_own(stage: NotaryStage) -> None:
    signers = [KeySigner(os.urandom(32)) for _ in range(3)]
    now = stage.levers.ledger.head().time
    bodies = (
        signed_revoke(signers[0], stage.deployment),
        signed_revoke_all(signers[1], stage.deployment, now),
        signed_retire(signers[2], stage.deployment),
    )
    stage.end(*bodies)
    worker = stage.worker()
    stage.settle(worker)
    assert [stage.ending(body).state for body in bodies] == [EndingState.ENDED] * 3
    assert len(stage.chain.calls()) == 3
    logs = {log["topics"][1][-40:] for log in stage.chain.logs(abi.REVOKED_ALL)}
    assert {signer.address[2:].lower() for signer in signers[1:]} <= logs


def test_an_ending_that_the_contract_refuses_is_not_paid_for(stage: NotaryStage) -> None:
    someone = KeySigner(os.urandom(32))
    forged = signed_revoke(someone, stage.deployment, STRANGER.address)
    early = signed_revoke_all(someone, stage.deployment, stage.levers.ledger.head().time + 10_000)
    stage.end(forged, early)
    assert stage.worker().step().state is Condition.OK
    assert [stage.ending(body).state for body in (forged, early)] == [EndingState.REFUSED] * 2
    assert "the signature is not one of" in stage.ending(forged).why and "ahead" in stage.ending(early).why
    assert stage.chain.calls() == []


@pytest.mark.parametrize("kind", ["yes", "no", "failing"])
def test_endings_of_contract_accounts(stage: NotaryStage, kind: str) -> None:
    """One that burns all its gas is refused before it costs anything."""
    account = stage.levers.contract(kind)
    body = signed_revoke(KeySigner(os.urandom(32)), stage.deployment, checksum(unhex(account)))
    stage.end(body)
    worker = stage.worker()
    stage.settle(worker)
    wanted = EndingState.ENDED if kind == "yes" else EndingState.REFUSED
    assert stage.ending(body).state is wanted
    assert len(stage.chain.calls()) == (kind == "yes")


def test_a_contract_account_that_costs_too_much_is_refused(stage: NotaryStage) -> None:
    """It counts down from 65,535, which takes 1.7 million gas, and then says yes."""
    runtime = bytes.fromhex("6200ffff" + "5b" + "6001900380600457" + "50") + WALLETS["yes"]
    account = str(stage.levers.send(data=to_hex(creation(runtime)))["contractAddress"])
    body = signed_revoke(KeySigner(os.urandom(32)), stage.deployment, checksum(unhex(account)))
    stage.end(body)
    stage.worker().step()
    assert stage.ending(body).state is EndingState.REFUSED and "gas" in stage.ending(body).why
    assert stage.chain.calls() == []


def test_a_dear_contract_account_needs_a_token(stage: NotaryStage) -> None:
    """It counts down from 20,000, which takes half a million gas."""
    runtime = bytes.fromhex("62004e20" + "5b" + "6001900380600457" + "50") + WALLETS["yes"]
    account = str(stage.levers.send(data=to_hex(creation(runtime)))["contractAddress"])
    body = signed_revoke(KeySigner(os.urandom(32)), stage.deployment, checksum(unhex(account)))
    stage.end(body)
    worker = stage.worker()
    worker.step()
    assert stage.ending(body).state is EndingState.REFUSED and "at most 300,000" in stage.ending(body).why
    stage.end(body, token=True)
    for _ in range(2):
        worker.step()
    assert stage.ending(body).state is EndingState.ENDED and len(stage.chain.calls()) == 1


def test_endings_for_nothing_take_at_most_half_of_the_money(stage: NotaryStage) -> None:
    worker, account = stage.worker(), checksum(unhex(stage.levers.contract("yes")))
    worker.step()
    room = stage.stores.book.notes()[WORKER_NOTE]["free_room"]
    assert 0 < room == 5 * 10**17 // (worker.leader._outbox.price() * 30_000)
    worker.leader._sending.free_room = 0
    promised, dear = opening(), signed_revoke(KeySigner(os.urandom(32)), stage.deployment, account)
    stage.end(promised)
    stage.stores.intake.add_endings([new_ending(dear, stage.deployment)._replace(times=Times(1_000, 0))])
    for _ in range(2):
        worker.step()
    states = [stage.ending(body).state for body in (promised, dear)]
    assert states == [EndingState.ENDED, EndingState.WAITING]


def test_a_flood_without_tokens_delays_no_ending_with_one(levers_by_hand: AnvilLevers, tmp_path: Path) -> None:
    stage = NotaryStage.on(tmp_path, levers_by_hand)
    worker = stage.worker()
    for _ in range(20):
        stage.end(*(opening() for _ in range(100)))
    for _ in range(3):
        worker.step()
    assert len(stage.stores.book.transactions()) == 8  # room is kept
    urgent = opening()
    stage.end(urgent, token=True)
    worker.step()
    levers_by_hand.mine(1)
    assert unhex(urgent.handle) in stage.chain.handles()
    for _ in range(6):
        worker.step()
        levers_by_hand.mine(1)
    stage.check()


def test_a_flood_with_tokens_leaves_room_for_anchors(levers_by_hand: AnvilLevers, tmp_path: Path) -> None:
    stage = NotaryStage.on(tmp_path, levers_by_hand)
    worker = stage.worker()
    for _ in range(16):
        for _ in range(100):
            stage.end(opening(), token=True)
    stage.commit()
    worker.step()
    kinds = [tx.kind for tx in stage.stores.book.transactions()]
    assert len(kinds) == 11 and kinds.count(TxKind.ANCHOR) == 1  # a round looks at 1,000 endings
    worker.step()
    stage.commit()
    worker.step()
    kinds = [tx.kind for tx in stage.stores.book.transactions()]
    assert (kinds.count(TxKind.REVOKE_BATCH), kinds.count(TxKind.ANCHOR)) == (14 - 1, 2)


def test_a_root_that_a_stranger_anchors_is_not_sent_again(stage: NotaryStage) -> None:
    worker = stage.worker()
    stage.commit()
    worker.packer.step(at_once=True)
    (batch,) = stage.stores.book.batches(BatchState.PINNED)
    sent = stage.levers.ledger.transact("anchor", batch.root, batch.manifest)
    worker.step()
    (found,) = stage.stores.book.batches(BatchState.ANCHORED)
    assert (found.root, found.transaction) == (batch.root, sent.transaction) and stage.chain.calls() == []
    stage.levers.mine(2)
    worker.step()
    assert stage.stores.book.batch(batch.root).state is BatchState.FINAL


def test_a_stranger_who_anchors_the_root_beside_another_manifest_changes_nothing(stage: NotaryStage) -> None:
    worker = stage.worker()
    stage.commit()
    worker.packer.step(at_once=True)
    (batch,) = stage.stores.book.batches(BatchState.PINNED)
    stage.levers.ledger.transact("anchor", batch.root, os.urandom(32))
    stage.settle(worker)
    (found,) = stage.stores.book.batches(BatchState.ANCHORED)
    assert len(stage.chain.calls()) == 1 and stage.chain.roots() == [batch.root] and found.root == batch.root


def test_the_note_says_how_it_fares(stage: NotaryStage) -> None:
    before = stage.levers.ledger.head().number
    stage.worker().step()
    note = stage.stores.book.notes()[WORKER_NOTE]
    # A block of an earlier test's transaction may still be on its way.
    assert note["state"] == "ok" and before <= note["head"] <= stage.levers.ledger.head().number
    assert int(note["balance"]) == ETHER and note["unmined"] == 0
    assert note["since"] <= note["at"]


def test_the_note_tells_at_once_of_a_chain_that_is_ahead(stage: NotaryStage) -> None:
    """Otherwise a promise would begin before the block that breaks it."""
    behind = stage.levers.ledger.head().time - 100
    worker = stage.worker(clock=lambda: behind)
    for _ in range(3):
        worker.step()
        assert stage.stores.book.notes()[WORKER_NOTE]["head_time"] == stage.levers.ledger.head().time
        stage.levers.pass_time(1)


def test_old_transactions_are_watched_no_more(stage: NotaryStage) -> None:
    stage.commit()
    worker = stage.worker()
    stage.settle(worker)
    (tx,) = stage.stores.book.transactions()
    assert tx.state is TxState.MINED and tx.gas_used > 40_000 and tx.cost > 0
    stage.levers.mine(40)
    for _ in range(10):
        worker.step()
        if not stage.stores.book.transactions():
            break
    found = stage.stores.book.transaction(tx.id)
    assert found is not None and found.state is TxState.FINAL
