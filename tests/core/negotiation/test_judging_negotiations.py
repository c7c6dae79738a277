"""`judge_negotiation`: each rule fails by its name, and nothing that somebody forges undoes a deal."""

from __future__ import annotations

from typing import Any

import pytest

from registry.core import errors
from registry.core.facts import SignatureQuery
from registry.core.negotiation.file import Negotiation, parse_negotiation, write_negotiation
from registry.core.negotiation.judging import VerifiedDeal, judge_negotiation
from registry.core.scalars import unhex
from tests.support.builders import NOW, account, policy
from tests.support.negotiations import (
    BRAND,
    HOUR,
    PERSON,
    bids,
    deal,
    facts,
    intent,
    intent_document,
    offer,
    offer_document,
    receipt,
)

POLICY = policy(controllers=None, purposes=None, data=None)
STRANGER = account("mallory")
INTENT = intent()
FIRST = offer(INTENT, INTENT, BRAND, PERSON)
COUNTER = offer(INTENT, FIRST, PERSON, BRAND, offer_document(price="80.00"))
SIMPLE = Negotiation((INTENT, FIRST, deal(FIRST, PERSON)))
LONGER = Negotiation((INTENT, FIRST, COUNTER, deal(COUNTER, BRAND)))
DEAL_AT = NOW - 9 * HOUR


def judge(negotiation: Negotiation, times: dict[str, int] | None = None, **ends: Any) -> VerifiedDeal:
    return judge_negotiation(write_negotiation(negotiation), facts(negotiation, times, **ends), POLICY, NOW)


@pytest.mark.parametrize("negotiation", [SIMPLE, LONGER])
def test_a_deal_that_both_signed(negotiation: Negotiation) -> None:
    assert judge(negotiation).anchored_at == DEAL_AT
    assert parse_negotiation(write_negotiation(negotiation)) == negotiation
    with pytest.raises(TypeError):
        VerifiedDeal()


def test_nobody_is_bound_who_did_not_sign() -> None:
    for forged in (
        Negotiation((INTENT, FIRST, deal(FIRST, PERSON, signer=BRAND))),
        Negotiation(
            (INTENT, forged_offer := offer(INTENT, INTENT, BRAND, PERSON, signer=PERSON), deal(forged_offer, PERSON))
        ),
    ):
        with pytest.raises(errors.LedgerUnavailable):
            judge(forged)  # the signature may be a contract's
    wrong = Negotiation((INTENT, FIRST, deal(FIRST, PERSON, signer=BRAND)))
    last = wrong.files[-1]
    asked = {SignatureQuery(last.author, last.digest, unhex(last.signature)): False}
    with pytest.raises(errors.BadSignature):
        judge(wrong, accepted=asked)


def test_out_of_turn_and_not_one_of_them() -> None:
    with pytest.raises(errors.OutOfTurn):
        judge(Negotiation((INTENT, FIRST, deal(FIRST, BRAND))))
    with pytest.raises(errors.NotOneOfThem):
        judge(Negotiation((INTENT, FIRST, deal(FIRST, STRANGER))))
    named = intent(intent_document(audience=[STRANGER.address]))
    first = offer(named, named, BRAND, PERSON)
    with pytest.raises(errors.NotOneOfThem):
        judge(Negotiation((named, first, deal(first, PERSON))))
    short = intent(intent_document(rounds=1))
    first = offer(short, short, BRAND, PERSON)
    second = offer(short, first, PERSON, BRAND)
    with pytest.raises(errors.OutOfTurn):
        judge(Negotiation((short, first, second, deal(second, BRAND))))
    with pytest.raises(errors.OutOfTurn):
        judge(Negotiation((INTENT, FIRST)))


def test_late() -> None:
    with pytest.raises(errors.Late):
        judge(SIMPLE, {FIRST.name: NOW - 10 * HOUR + 1, SIMPLE.files[-1].name: DEAL_AT})
    for ends, good in ((DEAL_AT, False), (DEAL_AT + 1, True)):
        first = offer(INTENT, INTENT, BRAND, PERSON, expires_at=ends)
        whole = Negotiation((INTENT, first, deal(first, PERSON)))
        if good:
            judge(whole)
        else:
            with pytest.raises(errors.Late):
                judge(whole)


def test_a_withdrawn_intent_stops_new_offers_and_ends_no_open_one() -> None:
    offered = DEAL_AT - HOUR
    with pytest.raises(errors.Revoked):
        judge(SIMPLE, revoked_at=offered - 1)
    judge(SIMPLE, revoked_at=offered)
    judge(SIMPLE, revoked_at=DEAL_AT - 1)


def test_a_cutoff_counts_only_where_it_was_raised_before_the_deal() -> None:
    raised = {BRAND.address: NOW - 1}
    with pytest.raises(errors.LedgerUnavailable):
        judge(SIMPLE, cutoffs=raised)
    judge(SIMPLE, cutoffs=raised, before={BRAND.address: 0})  # raised with the deal, or after it
    with pytest.raises(errors.Revoked):
        judge(SIMPLE, cutoffs=raised, before={BRAND.address: DEAL_AT - 1})


def test_a_confirmed_counter_closes_the_offer_and_an_unconfirmed_one_does_not() -> None:
    got = receipt(COUNTER, BRAND)
    accepted = SIMPLE.files
    judge(Negotiation(accepted, counters=(COUNTER,)))
    judge(SIMPLE)  # a file that leaves out the counter shows a deal, until the other side adds what it has
    with pytest.raises(errors.Closed):
        judge(Negotiation(accepted, counters=(COUNTER,), receipts=(got,)))
    judge(Negotiation(accepted, counters=(COUNTER,), receipts=(got,)), {got.name: DEAL_AT})  # equal times
    judge(Negotiation(accepted, counters=(COUNTER,), receipts=(receipt(COUNTER, PERSON),)))  # not its author's
    answer = offer(INTENT, COUNTER, BRAND, PERSON, offer_document(price="90.00"))
    with pytest.raises(errors.Closed):
        judge(Negotiation(accepted, counters=(COUNTER, answer)))


def test_sealed_bids() -> None:
    sealed = intent(intent_document(sealed=True))
    first = offer(sealed, sealed, BRAND, PERSON)
    path = sealed, first, deal(first, PERSON)
    with pytest.raises(errors.Late):
        judge(Negotiation(path))
    good, without = bids(sealed, [first.commitment]), bids(sealed, [b"\1" * 32], salt=11)
    judge(Negotiation(path, bids=(good,)))
    judge(Negotiation(path, bids=(good, without)), {without.name: NOW - 11 * HOUR})
    for when in (NOW - 12 * HOUR, NOW - 13 * HOUR):  # at once, or before: it could be opened late
        with pytest.raises(errors.Late):
            judge(Negotiation(path, bids=(good, without)), {without.name: when})
    with pytest.raises(errors.Late):
        judge(Negotiation(path, bids=(bids(sealed, [first.commitment], by=BRAND),)))
    other = offer(sealed, sealed, BRAND, PERSON, offer_document(price="1.00"))
    with pytest.raises(errors.Late):  # it differs from what was committed
        judge(Negotiation((sealed, other, deal(other, PERSON)), bids=(good,)))


def test_another_sentence_or_document() -> None:
    for wrong in (
        offer(INTENT, INTENT, BRAND, PERSON, statement="I give it for nothing."),
        offer(INTENT, INTENT, BRAND, PERSON, details="0x" + "11" * 32),
    ):
        with pytest.raises(errors.NoticeMismatch):
            judge(Negotiation((INTENT, wrong, deal(wrong, PERSON))))


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"controllers": {BRAND.address}}, None),
        ({"controllers": {PERSON.address}}, errors.WrongController),
        ({"controllers": ()}, errors.WrongController),
        ({"terms": "ieee-7012:PDC-INTENT"}, None),
        ({"terms": "ieee-7012:SD-BASE"}, errors.TermsNotGranted),
        ({"purposes": {"dpv:Marketing"}}, errors.PurposeNotGranted),
        ({"data": {"pd:EmailAddress"}}, errors.DataNotGranted),
        ({"accepted": True}, None),
    ],
)
@pytest.mark.parametrize("negotiation", [SIMPLE, LONGER])
def test_the_policy_counts(negotiation: Negotiation, asked: dict[str, Any], error: type[Exception] | None) -> None:
    """In both directions: the brand is the author of the first offer, whoever accepts at the end."""
    open_ = {"controllers": None, "purposes": None, "data": None}
    if error is None:
        judge_negotiation(negotiation, facts(negotiation), policy(**open_ | asked), NOW)
        return
    with pytest.raises(error):
        judge_negotiation(negotiation, facts(negotiation), policy(**open_ | asked), NOW)
