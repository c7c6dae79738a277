"""The states of a negotiation are IRIs of DPV, and what could not be checked is unknown."""

from __future__ import annotations

from typing import Any

import pytest

from registry.core.facts import AnchorFacts
from registry.core.negotiation import states
from registry.core.negotiation.court import NegotiationFacts, negotiation_queries
from registry.core.negotiation.file import Negotiation
from tests.support.builders import NOW, account, policy
from tests.support.negotiations import BRAND, HOUR, PERSON, bids, deal, facts, intent, intent_document, offer

POLICY = policy(controllers=None, purposes=None, data=None)
INTENT = intent(offers_until=NOW)
FIRST = offer(INTENT, INTENT, BRAND, PERSON)
COUNTER = offer(INTENT, FIRST, PERSON, BRAND)
SEALED = intent(intent_document(sealed=True))
BID = offer(SEALED, SEALED, BRAND, PERSON)


def state(negotiation: Negotiation, now: int = NOW, **ends: Any) -> str:
    found = states.negotiation_state(negotiation, facts(negotiation, **ends), POLICY, now)
    namespace, name = found.split("#")
    assert namespace == "https://w3id.org/dpv/standards/ieee/7012"
    return name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ((INTENT,), "AgreementNegotiationRequested"),
        ((INTENT, FIRST), "AgreementNegotiationPendingResponse"),
        ((INTENT, FIRST, COUNTER), "AgreementNegotiationCounterOfferMade"),
        ((INTENT, FIRST, deal(FIRST, PERSON)), "AgreementAccepted"),
        ((INTENT, FIRST, COUNTER, deal(COUNTER, BRAND)), "AgreementAccepted"),
        ((INTENT, FIRST, deal(FIRST, BRAND)), "AgreementNegotiationInvalid"),
        ((INTENT, offer(INTENT, INTENT, BRAND, PERSON, statement="For nothing.")), "AgreementNegotiationInvalid"),
        ((INTENT, COUNTER), "AgreementNegotiationInvalid"),
        ((INTENT, offer(INTENT, INTENT, BRAND, PERSON, signer=PERSON)), "AgreementNegotiationUnknown"),
    ],
)
def test_each_path_has_its_state(path: tuple[Any, ...], name: str) -> None:
    assert state(Negotiation(path)) == name


def test_a_forged_offer_is_no_offer() -> None:
    forged = Negotiation((INTENT, offer(INTENT, INTENT, BRAND, PERSON, signer=account("mallory"))))
    assert state(forged, accepted=dict.fromkeys(negotiation_queries(forged)[1], False)) == "AgreementNegotiationInvalid"


def test_time_goes_by() -> None:
    assert state(Negotiation((INTENT,)), NOW + 1) == "AgreementNegotiationExpired"
    short = Negotiation((INTENT, offer(INTENT, INTENT, BRAND, PERSON, expires_at=NOW + 1)))
    assert state(short) == "AgreementNegotiationPendingResponse"
    assert state(short, NOW + 1) == "AgreementNegotiationExpired"


def test_a_withdrawn_intent() -> None:
    assert state(Negotiation((INTENT,)), revoked_at=NOW) == "AgreementNegotiationTerminated"
    open_ = Negotiation((INTENT, FIRST))
    assert state(open_, revoked_at=NOW) == "AgreementNegotiationPendingResponse"  # an open offer stays open
    assert state(open_, revoked_at=NOW - 9 * HOUR - 1) == "AgreementNegotiationInvalid"


def test_a_cutoff_ends_what_is_open() -> None:
    open_, raised = Negotiation((INTENT, FIRST)), {BRAND.address: NOW}
    assert state(open_, cutoffs=raised) == "AgreementNegotiationUnknown"
    assert state(open_, cutoffs=raised, before=raised) == "AgreementNegotiationInvalid"


def test_a_sealed_bid_counts_once_it_is_listed() -> None:
    assert state(Negotiation((SEALED, BID))) == "AgreementNegotiationInvalid"
    assert (
        state(Negotiation((SEALED, BID), bids=(bids(SEALED, [BID.commitment]),)))
        == "AgreementNegotiationPendingResponse"
    )


def test_what_was_not_read_is_unknown() -> None:
    whole = Negotiation((INTENT, FIRST))
    known = facts(whole)
    nothing = NegotiationFacts(known.read._replace(anchors={}), {}, {})
    assert states.negotiation_state(whole, nothing, POLICY, NOW) == states.UNKNOWN
    gone = dict.fromkeys(known.read.anchors, AnchorFacts(0, 0, 0))
    unanchored = known._replace(read=known.read._replace(anchors=gone))
    assert states.negotiation_state(whole, unanchored, POLICY, NOW) == states.INVALID
