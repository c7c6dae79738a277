"""Negotiations by a fiduciary: what a mandate does not cover binds nobody, and its time is that of the act's anchor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from registry.core import errors
from registry.core.evidence.file import Evidence, signed_mandate
from registry.core.facts import AnchorFacts, FactQuery, SignatureQuery
from registry.core.negotiation.court import NegotiationFacts, fact_query_of, negotiation_queries
from registry.core.negotiation.file import Negotiation, Part, parse_negotiation, write_negotiation
from registry.core.negotiation.judging import judge_negotiation
from registry.core.scalars import ZERO_ADDRESS, ZERO_WORD, to_hex, unhex
from registry.core.verify.queries import fact_query
from tests.support.builders import NOW, account, anchored, policy
from tests.support.negotiations import (
    BRAND,
    HOUR,
    PERSON,
    STEWARD,
    bids,
    deal,
    facts,
    intent,
    intent_document,
    mandate,
    offer,
    offer_document,
    receipt,
    under,
)

POLICY = policy(controllers=None, purposes=None, data=None)
STRANGER = account("mallory")
OTHER_BRAND = account("another brand").address
RETIRED = 2**64 - 1
GIVEN = mandate()
# The times that `facts` gives to a path of five messages.
INTENT_AT, FIRST_AT, COUNTER_AT, LAST_AT, DEAL_AT = (NOW - hours * HOUR for hours in (13, 12, 11, 10, 9))
KINDS = ("Intent", "Bids", "Offer", "Deal")


def negotiation_by(given: dict[str, Evidence], signer: Any = STEWARD) -> Negotiation:
    """Sealed bids, a counter-offer, a last offer and a deal; ``given`` has the mandate of each delegated kind."""

    def by(kind: str) -> Any:
        return signer if kind in given else None

    def act(part: Part) -> Part:
        return under(part, given[part.kind]) if part.kind in given else part

    wanted = act(intent(intent_document(sealed=True), signer=by("Intent") or PERSON))
    first = offer(wanted, wanted, BRAND, PERSON)
    listed = act(bids(wanted, [first.commitment], signer=by("Bids")))
    low = offer_document(price="80.00")
    counter = act(offer(wanted, first, PERSON, BRAND, low, signer=by("Offer") or PERSON))
    last = offer(wanted, counter, BRAND, PERSON, offer_document(price="85.00"))
    return Negotiation((wanted, first, counter, last, act(deal(last, PERSON, by("Deal")))), bids=(listed,))


ALL = negotiation_by(dict.fromkeys(KINDS, GIVEN))


def facts_of(whole: Negotiation, **ends: Any) -> NegotiationFacts:
    listed = {} if whole.bids is msgspec.UNSET else {whole.bids[0].name: INTENT_AT}
    return facts(whole, listed, **ends)


def judge(whole: Negotiation, **ends: Any) -> int:
    return judge_negotiation(write_negotiation(whole), facts_of(whole, **ends), POLICY, NOW).anchored_at


@pytest.mark.parametrize("kinds", [KINDS, *((kind,) for kind in KINDS)])
def test_a_fiduciary_negotiates_for_a_person(kinds: tuple[str, ...]) -> None:
    whole = negotiation_by(dict.fromkeys(kinds, GIVEN))
    assert judge(whole) == DEAL_AT
    assert parse_negotiation(write_negotiation(whole)) == whole
    signers = {part.kind: part.signer for part in whole.parts if part.author == PERSON.address}
    assert signers == {kind: STEWARD.address if kind in kinds else PERSON.address for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_every_power_is_needed(kind: str) -> None:
    rest = mandate(powers=tuple(sorted({*KINDS} - {kind})))
    only = mandate(powers=(kind,))
    assert judge(negotiation_by({kind: only})) == DEAL_AT
    refused(negotiation_by({kind: rest}), f"no power to sign a {kind}")


@pytest.mark.parametrize(
    ("kind", "is_for_a_brand"), [("Intent", False), ("Bids", False), ("Offer", True), ("Deal", True)]
)
def test_the_other_side_is_in_controllers(kind: str, is_for_a_brand: bool) -> None:
    """An Offer's recipient, the author of the Offer that a Deal accepts, and nobody for an Intent and for Bids."""
    assert judge(negotiation_by({kind: mandate(controllers=(ZERO_ADDRESS,))})) == DEAL_AT
    other = negotiation_by({kind: mandate(controllers=(OTHER_BRAND,))})
    if kind in ("Offer", "Deal"):
        refused(other, "is not for")
    else:
        assert judge(other) == DEAL_AT


def refused(whole: Negotiation, why: str, **ends: Any) -> None:
    """A list of bids that no mandate covers proves nothing, so that the first Offer is in no list."""
    is_bids = whole.bids is not msgspec.UNSET and whole.bids[0].mandate is not msgspec.UNSET
    with pytest.raises(errors.Late if is_bids else errors.BadMandate, match=None if is_bids else why):
        judge(whole, **ends)


@pytest.mark.parametrize("kind", KINDS)
def test_a_mandate_of_another_person(kind: str) -> None:
    refused(negotiation_by({kind: mandate(STRANGER)}), "was given by")


@pytest.mark.parametrize("kind", ["Intent", "Offer", "Deal"])
@pytest.mark.parametrize("signer", [STRANGER, PERSON, BRAND])
def test_somebody_else_uses_it(kind: str, signer: Any) -> None:
    whole = negotiation_by({kind: GIVEN}, signer)
    with pytest.raises(errors.LedgerUnavailable):
        judge(whole)  # the delegate may be a contract
    asked = dict.fromkeys(negotiation_queries(whole)[1], False)
    assert [query.signer for query in asked] == [STEWARD.address]
    with pytest.raises(errors.BadSignature):
        judge(whole, accepted=asked)
    judge(whole, accepted=dict.fromkeys(asked, True))


@pytest.mark.parametrize(("at", "holds"), [(COUNTER_AT - 1, False), (COUNTER_AT, False), (COUNTER_AT + 1, True)])
def test_the_end_of_a_mandate_counts_from_its_second_on(at: int, holds: bool) -> None:
    whole, ended = negotiation_by({"Offer": GIVEN}), AnchorFacts(NOW - 25 * HOUR, at, 0)
    if holds:
        judge(whole, mandate=ended)
    else:
        refused(whole, "Revoked", mandate=ended)


@pytest.mark.parametrize(
    ("window", "why"),
    [
        ({"expires_at": DEAL_AT}, "Expired"),
        ({"expires_at": DEAL_AT + 1}, ""),
        ({"not_before": DEAL_AT}, ""),
        ({"not_before": DEAL_AT + 1}, "NotYetValid"),
        ({"statement": "Do what you like."}, "NoticeMismatch"),
    ],
)
def test_its_window_is_judged_at_the_acts_anchor(window: dict[str, Any], why: str) -> None:
    whole = negotiation_by({"Deal": mandate(**window)})
    if why:
        refused(whole, why)
    else:
        judge(whole)


@pytest.mark.parametrize(("anchored", "holds"), [(0, False), (DEAL_AT, True), (DEAL_AT + 1, False)])
def test_it_is_anchored_by_then(anchored: int, holds: bool) -> None:
    whole, answer = negotiation_by({"Deal": GIVEN}), AnchorFacts(anchored, 0, 0)
    if holds:
        judge(whole, mandate=answer)
    else:
        refused(whole, "NotAnchored", mandate=answer)


def test_cutoffs_before_the_deal() -> None:
    """A kill-switch that reaches the mandate ends what it allows; after the Deal it ends nothing."""
    whole, person = negotiation_by({"Deal": GIVEN}), PERSON.address
    reaches = {person: NOW - 25 * HOUR}  # the mandate, and not the intent
    with pytest.raises(errors.LedgerUnavailable):
        judge(whole, cutoffs=reaches)
    refused(whole, "Revoked", cutoffs=reaches, before=reaches)
    judge(whole, cutoffs=reaches, before={person: 0})
    judge(whole, cutoffs={person: NOW - 31 * HOUR})
    for later in (NOW, RETIRED):
        judge(whole, cutoffs={person: later}, before={person: 0})
    refused(whole, "Revoked", cutoffs={person: NOW}, before={person: DEAL_AT - 1})
    with pytest.raises(errors.Revoked, match=person):
        judge(whole, cutoffs={person: RETIRED}, before={person: RETIRED})


def test_the_delegates_cutoff_counts_like_the_persons() -> None:
    whole, steward = negotiation_by({"Deal": GIVEN}), STEWARD.address
    with pytest.raises(errors.LedgerUnavailable):
        judge(whole, cutoffs={steward: NOW})
    judge(whole, cutoffs={steward: NOW}, before={steward: DEAL_AT - 1})
    for raised in (DEAL_AT, RETIRED):  # the Deal is dated with its anchor
        with pytest.raises(errors.Revoked, match=steward):
            judge(whole, cutoffs={steward: raised}, before={steward: raised})


def test_a_person_who_ends_everything_reaches_what_the_delegate_signed() -> None:
    whole, person = negotiation_by({"Offer": GIVEN}), PERSON.address
    with pytest.raises(errors.Revoked, match=person):
        judge(whole, cutoffs={person: NOW}, before={person: COUNTER_AT + 1})


def test_a_brands_delegate_accepts_a_counter_offer() -> None:
    wanted = intent()
    first = offer(wanted, wanted, BRAND, PERSON)
    counter = offer(wanted, first, PERSON, BRAND, offer_document(price="80.00"))
    accepted = deal(counter, BRAND, STEWARD)
    good = mandate(BRAND, controllers=(PERSON.address,))
    judge(Negotiation((wanted, first, counter, under(accepted, good))))
    refused(Negotiation((wanted, first, counter, under(accepted, mandate(BRAND)))), "is not for")
    refused(Negotiation((wanted, first, counter, under(accepted, GIVEN))), "was given by")


def test_the_persons_contract_accepts_the_mandates_signature() -> None:
    """ERC-1271 of the mandate is asked at the Deal's block, with the other answers."""
    forged = mandate(salt="0x" + "77" * 32)
    given = msgspec.structs.replace(GIVEN, signature=forged.signature)
    whole = negotiation_by({"Deal": anchored(given)})
    asked = negotiation_queries(whole)[1]
    assert asked == [SignatureQuery(PERSON.address, given.digest, unhex(forged.signature))]
    with pytest.raises(errors.LedgerUnavailable):
        judge(whole)
    refused(whole, "BadSignature", accepted={asked[0]: False})
    judge(whole, accepted={asked[0]: True})


def test_every_answer_of_the_chain_is_asked_for_and_needed() -> None:
    whole = negotiation_by({"Deal": GIVEN})
    known = facts_of(whole)
    queries, _ = negotiation_queries(whole)
    assert set(queries) == set(known.read.anchors)
    assert {fact_query(GIVEN), FactQuery(ZERO_WORD, STEWARD.address), fact_query_of(whole.files[-1])} <= set(queries)
    for gone in queries:
        rest = {query: answer for query, answer in known.read.anchors.items() if query != gone}
        with pytest.raises(errors.LedgerUnavailable):
            judge_negotiation(whole, known._replace(read=known.read._replace(anchors=rest)), POLICY, NOW)


def test_two_fiduciaries_who_answer_at_once_make_two_deals() -> None:
    """How many deals a person makes is theirs to say; neither fiduciary passes for the other."""
    one = negotiation_by({"Deal": GIVEN})
    two = Negotiation((*one.files[:-1], deal(one.files[-2], PERSON)), bids=one.bids)
    assert judge(one) == judge(two) == DEAL_AT
    assert one.files[-1].signer != two.files[-1].signer


def _is_receipt(part: Part) -> Part:
    return msgspec.structs.replace(receipt(part, PERSON), mandate=signed_mandate(GIVEN))


def _on_another_chain(part: Part) -> Part:
    given = signed_mandate(GIVEN)
    domain = msgspec.structs.replace(given.statement.domain, chain_id=1)
    moved = msgspec.structs.replace(given.statement, domain=domain)
    return msgspec.structs.replace(part, mandate=msgspec.structs.replace(given, statement=moved))


@pytest.mark.parametrize("make", [_is_receipt, _on_another_chain])
def test_a_mandate_that_cannot_stand_there(make: Callable[[Part], Part]) -> None:
    with pytest.raises(errors.Malformed, match="mandate"):
        make(ALL.files[2])


def test_a_malformed_notice_of_a_mandate_is_found_at_once() -> None:
    raw = write_negotiation(negotiation_by({"Deal": GIVEN}))
    assert raw.count(b"consent-notice/1") == 1
    with pytest.raises(errors.Malformed):
        parse_negotiation(raw.replace(b"consent-notice/1", b"consent-notice/9"))


def test_the_root_binds_no_mandate() -> None:
    """A mandate is added beside an act: the act's anchor stays as it is."""
    whole = negotiation_by({"Deal": GIVEN})
    bare = msgspec.structs.replace(whole.files[-1], mandate=msgspec.UNSET)
    assert to_hex(bare.commitment) == to_hex(whole.files[-1].commitment)
    with pytest.raises(errors.BadSignature):
        without = Negotiation((*whole.files[:-1], bare), bids=whole.bids)
        judge(without, accepted=dict.fromkeys(negotiation_queries(without)[1], False))
