"""The behaviour that all ledgers share: in memory, embedded, and on real nodes."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import pytest

from registry.core.crypto.revocation import handle_for, lock_of, salt_hash, tag_of
from registry.core.eip712 import domain_of
from registry.core.errors import InvalidInput
from registry.core.facts import AnchorFacts, FactQuery, Facts, SignatureQuery
from registry.core.scalars import CLOCK_SKEW, to_hex
from registry.core.statements.messages import Message, Retire, Revoke, RevokeAll
from registry.core.statements.typed_data import digest, typed_data
from registry.ledger.base import Ledger
from registry.wallets.keywallet import KeyWallet
from tests.support.levers import ACCEPTING, WALLETS, Levers

pytestmark = pytest.mark.slow

NOBODY = "0x" + "00" * 20
ZERO = "0x" + "00" * 32
RETIRED = 2**64 - 1
Lock = tuple[str | None, str | None]  # a grant's revocation and salt
# In seconds. Few, because geth makes a block for each.
LATER = 20


def word() -> str:
    return to_hex(os.urandom(32))


def read(
    ledger: Ledger, *, root: str = ZERO, subject: str = NOBODY, lock: Lock = (None, None), **how: int
) -> AnchorFacts:
    question = FactQuery(root, subject, *lock)
    return ledger.facts([question], **how).anchors[question]


def sign(ledger: Ledger, wallet: KeyWallet, message: Message) -> bytes:
    domain = domain_of(ledger.deployment.chain_id, ledger.deployment.registry)
    return wallet.sign_typed_data(typed_data(domain, message))


def test_facts_name_the_head_they_were_read_at(levers: Levers) -> None:
    head = levers.ledger.head()
    facts = levers.ledger.facts([])
    assert isinstance(facts, Facts)
    assert (facts.block_number, facts.block_hash, facts.block_time) == head
    assert facts.chain_id == levers.ledger.deployment.chain_id
    assert (facts.depth, facts.as_of, facts.anchors, facts.signatures) == (0, None, {}, {})


def test_the_head_moves_with_the_time(levers: Levers) -> None:
    before = levers.ledger.head()
    levers.pass_time(LATER)
    levers.mine(1)
    after = levers.ledger.head()
    # A chain may be a few seconds ahead, because no two blocks have the same time.
    assert after.number > before.number and after.time >= before.time + LATER // 2 and after.hash != before.hash


def test_an_anchor_is_found_with_its_block_time(levers: Levers) -> None:
    root = word()
    assert read(levers.ledger, root=root).anchored_at == 0
    receipt = levers.ledger.transact("anchor", root, word())
    assert read(levers.ledger, root=root) == AnchorFacts(receipt.time, 0, 0)
    assert receipt.transaction.startswith("0x") and len(receipt.transaction) == 66
    assert receipt.gas_used > 21_000 and receipt.block <= levers.ledger.head().number


def test_a_second_anchor_keeps_the_first_time(levers: Levers) -> None:
    root = word()
    first = levers.ledger.transact("anchor", root, word())
    levers.pass_time(LATER)
    second = levers.ledger.transact("anchor", root, word())
    assert second.time >= first.time + LATER // 2
    assert read(levers.ledger, root=root).anchored_at == first.time


def test_arguments_may_be_bytes(levers: Levers) -> None:
    root = os.urandom(32)
    receipt = levers.ledger.transact("anchor", root, os.urandom(32))
    assert read(levers.ledger, root=to_hex(root)).anchored_at == receipt.time


def test_a_zero_root_is_refused_in_words(levers: Levers) -> None:
    with pytest.raises(InvalidInput, match="root of zero"):
        levers.ledger.transact("anchor", ZERO, word())


def test_a_secret_revokes_in_private_and_before_any_anchor(levers: Levers) -> None:
    secret, subject, salt = os.urandom(32), levers.wallet().address, word()
    asked: dict[str, Any] = {"subject": subject, "lock": (lock_of(secret), salt)}
    receipt = levers.ledger.transact("revoke", secret, tag_of(subject, salt))
    assert read(levers.ledger, **asked) == AnchorFacts(0, receipt.time, 0)
    levers.pass_time(LATER)
    levers.ledger.transact("revoke", secret, tag_of(subject, salt))
    assert read(levers.ledger, **asked).revoked_at == receipt.time


def test_a_batch_revokes_each_of_its_openings(levers: Levers) -> None:
    opened = [(os.urandom(32), word()) for _ in range(3)]
    openings = [(secret, tag_of(NOBODY, salt)) for secret, salt in opened]
    receipt = levers.ledger.transact("revokeBatch", openings)
    questions = [FactQuery(ZERO, NOBODY, lock_of(secret), salt) for secret, salt in opened]
    found = levers.ledger.facts(questions).anchors
    assert [found[question].revoked_at for question in questions] == [receipt.time] * 3


def test_the_subject_revokes_openly_without_the_secret(levers: Levers) -> None:
    subject, other, lock, salt = levers.wallet(), levers.wallet(), word(), word()
    levers.ledger.transact("revokeOpenly", lock, salt_hash(salt), sender=other)
    assert read(levers.ledger, subject=subject.address, lock=(lock, salt)).revoked_at == 0
    receipt = levers.ledger.transact("revokeOpenly", lock, salt_hash(salt), sender=subject)
    assert receipt.sender == subject.address
    assert read(levers.ledger, subject=subject.address, lock=(lock, salt)).revoked_at == receipt.time


def test_anyone_relays_a_signed_revocation(levers: Levers) -> None:
    subject, lock, salt = levers.wallet(), word(), word()
    handle = handle_for(subject.address, lock, salt)
    signature = sign(levers.ledger, subject, Revoke(subject.address, handle))
    receipt = levers.ledger.transact("revokeOpenlyFor", subject.address, lock, salt_hash(salt), signature)
    assert receipt.sender != subject.address
    assert read(levers.ledger, subject=subject.address, lock=(lock, salt)).revoked_at == receipt.time


def test_another_ones_signature_is_refused_in_words(levers: Levers) -> None:
    subject, lock, salt = levers.wallet(), word(), word()
    handle = handle_for(subject.address, lock, salt)
    signature = sign(levers.ledger, levers.wallet(), Revoke(subject.address, handle))
    with pytest.raises(InvalidInput, match=subject.address):
        levers.ledger.transact("revokeOpenlyFor", subject.address, lock, salt_hash(salt), signature)
    assert read(levers.ledger, subject=subject.address, lock=(lock, salt)).revoked_at == 0


def test_the_kill_switch_is_at_the_block_time(levers: Levers) -> None:
    subject = levers.wallet()
    receipt = levers.ledger.transact("revokeAll", sender=subject)
    assert read(levers.ledger, subject=subject.address) == AnchorFacts(0, 0, receipt.time)


def test_a_relayed_kill_switch_is_clamped_and_never_goes_back(levers: Levers) -> None:
    subject = levers.wallet()
    ahead = levers.ledger.head().time + CLOCK_SKEW // 2
    receipt = _kill(levers.ledger, subject, ahead)
    assert read(levers.ledger, subject=subject.address).cutoff == receipt < ahead
    _kill(levers.ledger, subject, receipt - 1000)
    assert read(levers.ledger, subject=subject.address).cutoff == receipt


def _kill(ledger: Ledger, subject: KeyWallet, until: int) -> int:
    signature = sign(ledger, subject, RevokeAll(subject.address, until))
    return ledger.transact("revokeAllFor", subject.address, until, signature).time


def test_a_kill_switch_for_the_future_is_refused_in_words(levers: Levers) -> None:
    with pytest.raises(InvalidInput, match="15 minutes ahead"):
        _kill(levers.ledger, levers.wallet(), levers.ledger.head().time + 2 * CLOCK_SKEW)


@pytest.mark.parametrize("relayed", [False, True])
def test_a_retired_address_is_never_believed_again(levers: Levers, relayed: bool) -> None:
    subject = levers.wallet()
    if relayed:
        signature = sign(levers.ledger, subject, Retire(subject.address))
        levers.ledger.transact("retireFor", subject.address, signature)
    else:
        levers.ledger.transact("retire", sender=subject)
    levers.ledger.transact("revokeAll", sender=subject)
    assert read(levers.ledger, subject=subject.address).cutoff == RETIRED


def test_only_the_anchor_waits_for_depth(levers: Levers) -> None:
    subject, root, secret, salt = levers.wallet(), word(), os.urandom(32), word()
    anchored = levers.ledger.transact("anchor", root, word()).time
    revoked = levers.ledger.transact("revoke", secret, tag_of(subject.address, salt)).time
    killed = levers.ledger.transact("revokeAll", sender=subject).time
    question: dict[str, Any] = {"root": root, "subject": subject.address, "lock": (lock_of(secret), salt)}
    assert read(levers.ledger, **question) == AnchorFacts(anchored, revoked, killed)
    assert read(levers.ledger, **question, depth=3) == AnchorFacts(0, revoked, killed)
    levers.mine(3)
    assert read(levers.ledger, **question, depth=3) == AnchorFacts(anchored, revoked, killed)


def test_nothing_is_anchored_deeper_than_the_chain(levers: Levers) -> None:
    root = word()
    levers.ledger.transact("anchor", root, word())
    for depth in (levers.ledger.head().number, levers.ledger.head().number + 1, 1_000_000):
        assert read(levers.ledger, root=root, depth=depth).anchored_at == 0


def test_a_past_instant_has_the_cutoff_of_its_time(levers: Levers) -> None:
    subject = levers.wallet()
    first = levers.ledger.transact("revokeAll", sender=subject).time
    levers.pass_time(LATER)
    second = levers.ledger.transact("revokeAll", sender=subject).time
    levers.pass_time(LATER)
    levers.mine(1)
    cutoffs = {
        when: read(levers.ledger, subject=subject.address, as_of=when).cutoff
        for when in (0, first - 1, first, second - 1, second, second + LATER // 2)
    }
    assert cutoffs == {0: 0, first - 1: 0, first: first, second - 1: first, second: second, second + LATER // 2: second}


def test_facts_say_whether_they_are_of_the_past(levers: Levers) -> None:
    subject = levers.wallet()
    cutoff = levers.ledger.transact("revokeAll", sender=subject).time
    levers.pass_time(LATER)
    levers.mine(1)
    head = levers.ledger.head()
    assert levers.ledger.facts([], as_of=head.time - 1).as_of == head.time - 1
    present = levers.ledger.facts([FactQuery(ZERO, subject.address)], as_of=head.time + 10)
    assert present.as_of is None
    assert next(iter(present.anchors.values())).cutoff == cutoff


def test_a_past_instant_hides_neither_anchor_nor_revocation(levers: Levers) -> None:
    root, secret, salt = word(), os.urandom(32), word()
    anchored = levers.ledger.transact("anchor", root, word()).time
    revoked = levers.ledger.transact("revoke", secret, tag_of(NOBODY, salt)).time
    levers.pass_time(LATER)
    levers.mine(1)
    past = read(levers.ledger, root=root, lock=(lock_of(secret), salt), as_of=anchored - 1)
    assert past == AnchorFacts(anchored, revoked, 0)


@pytest.mark.parametrize("kind", list(WALLETS))
def test_a_contract_accepts_a_signature_or_does_not(levers: Levers, kind: str) -> None:
    """Also by answers of a megabyte, which nobody copies (item 12)."""
    question = SignatureQuery(levers.contract(kind), os.urandom(32), b"any bytes")
    assert levers.ledger.facts([], [question]).signatures == {question: kind in ACCEPTING}


def test_an_address_without_code_accepts_nothing(levers: Levers) -> None:
    question = SignatureQuery(levers.wallet().address, os.urandom(32), b"x" * 65)
    assert levers.ledger.facts([], [question]).signatures == {question: False}


def test_a_contract_accepts_nothing_before_it_was_there(levers: Levers) -> None:
    levers.mine(1)
    before = levers.ledger.head().time
    levers.pass_time(LATER)
    question = SignatureQuery(levers.contract("yes"), os.urandom(32), b"any bytes")
    created = levers.ledger.head().time
    levers.pass_time(LATER)
    levers.mine(1)
    answers = [levers.ledger.facts([], [question], as_of=when).signatures[question] for when in (before, created)]
    assert answers == [False, True]


def test_a_contract_account_revokes_through_its_own_check(levers: Levers) -> None:
    account = levers.contract("yes")
    levers.ledger.transact("retireFor", account, b"its own kind of signature")
    assert read(levers.ledger, subject=account).cutoff == RETIRED


@pytest.mark.parametrize("kind", list(WALLETS))
def test_off_chain_and_on_chain_read_an_answer_alike(levers: Levers, kind: str) -> None:
    """The registry retires the account exactly if the ledger says that it accepts (item 12)."""
    account, signature = levers.contract(kind), b"its own kind of signature"
    question = SignatureQuery(account, os.urandom(32), signature)
    accepted = levers.ledger.facts([], [question]).signatures[question]
    with nullcontext() if accepted else pytest.raises(InvalidInput):
        levers.ledger.transact("retireFor", account, signature)
    assert read(levers.ledger, subject=account).cutoff == (RETIRED if accepted else 0)


def test_many_questions_are_answered_at_once(levers: Levers) -> None:
    roots = [word() for _ in range(4)]
    times = [levers.ledger.transact("anchor", root, word()).time for root in roots]
    questions = [FactQuery(root, NOBODY) for root in (*roots, *(word() for _ in range(120)))]
    found = levers.ledger.facts(questions).anchors
    assert list(found) == questions
    assert [found[question].anchored_at for question in questions] == times + [0] * 120


def test_threads_send_at_the_same_time(levers: Levers) -> None:
    roots = [word() for _ in range(6)]
    with ThreadPoolExecutor(3) as pool:
        receipts = list(pool.map(lambda root: levers.ledger.transact("anchor", root, word()), roots))
    assert [read(levers.ledger, root=root).anchored_at for root in roots] == [r.time for r in receipts]
    assert len({receipt.transaction for receipt in receipts}) == 6


def test_a_submitted_call_gives_its_receipt_when_it_is_waited_for(levers: Levers) -> None:
    root = word()
    pending = levers.ledger.submit("anchor", root, word())
    receipt = pending.wait()
    assert (receipt.transaction, pending.wait()) == (pending.transaction, receipt)
    assert read(levers.ledger, root=root).anchored_at == receipt.time


def test_two_calls_submitted_before_the_first_wait_both_arrive(levers: Levers) -> None:
    roots, payer = [word(), word()], levers.wallet()
    sent = [levers.ledger.submit("anchor", root, word(), sender=payer) for root in roots]
    assert sent[0].transaction != sent[1].transaction
    # Wait for the later one first: neither depends on the other.
    times = [pending.wait().time for pending in reversed(sent)]
    assert [read(levers.ledger, root=root).anchored_at for root in reversed(roots)] == times


def test_a_call_that_the_contract_refuses_is_not_sent(levers: Levers) -> None:
    with pytest.raises(InvalidInput, match="root of zero"):
        levers.ledger.submit("anchor", ZERO, word())


def test_a_wallet_that_signs_as_somebody_else_sends_nothing(levers: Levers) -> None:
    claimed, real = levers.wallet(), levers.wallet()

    class Impostor:
        address = claimed.address
        sign_transaction = staticmethod(real.sign_transaction)

    with pytest.raises(InvalidInput, match="somebody else"):
        levers.ledger.transact("revokeAll", sender=Impostor())
    assert read(levers.ledger, subject=real.address).cutoff == 0


def test_digests_match_the_registry_that_checks_them(levers: Levers) -> None:
    """A signature for another registry, or for another chain, is refused."""
    subject, deployment = levers.wallet(), levers.ledger.deployment
    for chain_id, registry in ((deployment.chain_id + 1, deployment.registry), (deployment.chain_id, NOBODY)):
        document = typed_data(domain_of(chain_id, registry), Retire(subject.address))
        with pytest.raises(InvalidInput, match="signature is not one of"):
            levers.ledger.transact("retireFor", subject.address, subject.sign_typed_data(document))
    assert len(digest(domain_of(deployment.chain_id, deployment.registry), Retire(subject.address))) == 32
