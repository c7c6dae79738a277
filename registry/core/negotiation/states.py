"""The state of a negotiation as an IRI of the W3C Data Privacy Vocabulary (DPV 2.3, ``ieee-7012.ttl``).

The states of a person's own decisions (paused, clarification or confirmation required, refused) are in no file: whoever
shows a negotiation adds them.
"""

from __future__ import annotations

from registry.core.errors import LedgerUnavailable, NotAgreed, NotConsented
from registry.core.negotiation.court import NegotiationFacts, fact_query_of
from registry.core.negotiation.file import Negotiation
from registry.core.negotiation.judging import judge_negotiation, judge_open
from registry.core.statements.negotiating import Deal, Intent, Offer
from registry.core.verify.policy import Policy

_NAMESPACE = "https://w3id.org/dpv/standards/ieee/7012#"
REQUESTED = f"{_NAMESPACE}AgreementNegotiationRequested"
PENDING = f"{_NAMESPACE}AgreementNegotiationPendingResponse"
COUNTERED = f"{_NAMESPACE}AgreementNegotiationCounterOfferMade"
EXPIRED = f"{_NAMESPACE}AgreementNegotiationExpired"
TERMINATED = f"{_NAMESPACE}AgreementNegotiationTerminated"
INVALID = f"{_NAMESPACE}AgreementNegotiationInvalid"
UNKNOWN = f"{_NAMESPACE}AgreementNegotiationUnknown"
ACCEPTED = f"{_NAMESPACE}AgreementAccepted"


def negotiation_state(negotiation: Negotiation, facts: NegotiationFacts, policy: Policy, now: int) -> str:
    """The IRI of the state at ``now`` (unix seconds). What could not be checked is ``UNKNOWN``, and never invalid.

    For a path without a Deal, ``before`` of the facts has the cutoffs at ``now``.
    """
    last = negotiation.files[-1].statement.message
    try:
        if isinstance(last, Deal):
            judge_negotiation(negotiation, facts, policy, now)
            return ACCEPTED
        judge_open(negotiation, facts, policy, now)
    except LedgerUnavailable:
        return UNKNOWN
    except (NotAgreed, NotConsented):
        return INVALID
    if isinstance(last, Intent):
        return _of_intent(last, facts.read.anchors[fact_query_of(negotiation.files[0])].revoked_at, now)
    assert isinstance(last, Offer)  # by the parser
    if now >= last.expires_at:
        return EXPIRED
    return PENDING if len(negotiation.files) == 2 else COUNTERED


def _of_intent(intent: Intent, revoked_at: int, now: int) -> str:
    if revoked_at and revoked_at <= now:
        return TERMINATED
    return EXPIRED if now > intent.offers_until else REQUESTED
