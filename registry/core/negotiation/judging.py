"""`judge_negotiation`: whether a negotiation file makes a deal. A pure function; the first rule that fails is raised.

1-4. Every message of the path: domain, signature or mandate, proof, anchor            ``WrongDomain`` to ``PostDated``
5.   No signer's cutoff raised before the Deal; the Intent not revoked before an Offer ``Revoked``
6.   Every Offer is anchored inside the Intent's window                                ``NotYetValid``, ``Expired``
7.   Each message has its document and its sentence                                    ``NoticeMismatch``
8.   Each message is by one of the two, and answers the one before                     ``NotOneOfThem``, ``OutOfTurn``
9.   None came after what it answers had ended; sealed bids are in the list            ``Late``
10.  The accepted Offer was not ended by a confirmed counter-offer                     ``Closed``
11.  The policy: controllers (the author of the first Offer), terms, purposes, data    ``WrongController``, ...
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NoReturn

from msgspec import UNSET

from registry.core import errors
from registry.core.errors import NotAgreed, NotConsented
from registry.core.negotiation.court import Court, NegotiationFacts, fact_query_of
from registry.core.negotiation.documents import IntentDocument, OfferDocument
from registry.core.negotiation.file import Negotiation, Part, parse_negotiation
from registry.core.negotiation.sentences import check_deal_sentence, check_intent_sentence, check_offer_sentence
from registry.core.scalars import CLOCK_SKEW, to_hex
from registry.core.statements.negotiating import Bids, Deal, Intent, Offer, Receipt
from registry.core.verify.policy import Policy


@dataclass(frozen=True, init=False)
class VerifiedDeal:
    """A deal that both sides signed. Only `judge_negotiation` makes one."""

    negotiation: Negotiation
    anchored_at: int
    block: int

    def __init__(self, *_: object, **__: object) -> None:
        raise TypeError("only judge_negotiation() makes a verified deal")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a verified deal cannot be copied or stored: verify again")


def judge_negotiation(files: Negotiation | bytes, facts: NegotiationFacts, policy: Policy, now: int) -> VerifiedDeal:
    """Judge by what held when the Deal was anchored. ``NotConsented`` or ``NotAgreed`` names the first failed rule.

    ``LedgerUnavailable`` if the facts do not decide. ``now`` is unix seconds. The other side of a deal has signed, so
    that a policy's ``accepted`` is met.
    """
    negotiation = parse_negotiation(files) if isinstance(files, bytes) else files  # 0
    if not isinstance(negotiation.files[-1].statement.message, Deal):
        raise errors.OutOfTurn("nobody accepted the last offer yet", "Ask for its Deal.")
    court = Court(facts, policy, now)
    end = _judge_path(negotiation, court)[-1]  # 1 to 9
    _still_open(negotiation, end, court)  # 10
    _fits_policy(negotiation, policy)  # 11
    verified = object.__new__(VerifiedDeal)
    verified.__dict__.update(negotiation=negotiation, anchored_at=end, block=facts.read.block_number)
    return verified


def judge_open(negotiation: Negotiation, facts: NegotiationFacts, policy: Policy, now: int) -> None:
    """Judge a path that ends with the Intent or an Offer by steps 1 to 9 and 11, at ``now`` (unix seconds).

    ``before`` of the facts has the cutoffs at ``now``. The errors are those of `judge_negotiation`.
    """
    _judge_path(negotiation, Court(facts, policy, now), now)
    if _offers(negotiation):
        _fits_policy(negotiation, policy)


def _judge_path(negotiation: Negotiation, court: Court, now: int | None = None) -> list[int]:
    """Take steps 1 to 9 at the last message's anchor, or at ``now``; return the times of the anchors."""
    moments = [court.proved(part, _controller(part, negotiation)) for part in negotiation.files]  # 1 to 4
    end = moments[-1] if now is None else now
    for part, moment in zip(negotiation.files, moments, strict=True):
        if moment > end:
            raise errors.NotAnchored("a message was anchored after the Deal")
        court.not_ended(part, moment)  # 5
    _in_force(negotiation, moments, court)  # 5 and 6
    _fits(negotiation)  # 7
    _in_turn(negotiation)  # 8
    _in_time(negotiation, moments, end, court)  # 9
    return moments


def _in_force(negotiation: Negotiation, moments: list[int], court: Court) -> None:
    intent = _intent(negotiation)
    revoked_at = court.answer(fact_query_of(negotiation.files[0])).revoked_at
    # Never at the Deal's time: an Offer that is open when the Intent ends stays open.
    for moment in moments[1 : 1 + len(_offers(negotiation))]:
        if revoked_at and revoked_at < moment:
            raise errors.Revoked("the person ended the intent before this offer came")
        if moment < intent.issued_at - CLOCK_SKEW:
            raise errors.NotYetValid("the offer came before the intent")
        if moment >= intent.expires_at:
            raise errors.Expired("the intent had expired when this offer came")


def _fits(negotiation: Negotiation) -> None:
    for part in negotiation.files:
        message = part.statement.message
        if isinstance(message, Intent | Offer):
            _fits_document(part, message)
    offer, deal = negotiation.files[-2:] if len(negotiation.files) > 1 else (None, negotiation.files[-1])
    accepted = None if offer is None else offer.statement.message
    if offer is not None and isinstance(accepted, Offer) and isinstance(deal.statement.message, Deal):
        check_deal_sentence(deal.statement.message, accepted, _proposed(offer))


def _fits_document(part: Part, message: Intent | Offer) -> None:
    document = part.document
    assert document is not None  # by the parser
    if document[1] != message.details:
        raise errors.NoticeMismatch("the document is not the one that was signed (its SHA-256 differs)")
    if isinstance(message, Offer):
        check_offer_sentence(message, _proposed(part))
        return
    assert isinstance(document[0], IntentDocument)
    check_intent_sentence(message, document[0])


def _in_turn(negotiation: Negotiation) -> None:
    intent, offers = _intent(negotiation), _offers(negotiation)
    wanted = _wanted(negotiation)
    if not offers:
        if len(negotiation.files) > 1:
            raise errors.OutOfTurn("the deal accepts no offer")
        return
    if not wanted.addresses(offers[0].author):
        raise errors.NotOneOfThem("the intent does not address the author of the first offer")
    parties = {intent.subject, offers[0].author}
    if any({offer.author, offer.recipient} != parties for offer in offers):
        raise errors.NotOneOfThem("an offer is by or to somebody else than the two parties")
    if offers[0].recipient != intent.subject or any(a.recipient != b.author for a, b in pairwise(offers)):
        raise errors.OutOfTurn("an offer is not by the recipient of the one before it")
    if len(offers) > wanted.most_offers:
        raise errors.OutOfTurn(f"there are {len(offers)} offers, and the intent allows {wanted.most_offers}")
    _linked(negotiation, offers)
    _accepted(negotiation, offers[-1], parties)


def _accepted(negotiation: Negotiation, last: Offer, parties: set[str]) -> None:
    deal = negotiation.files[-1].statement.message
    if not isinstance(deal, Deal):
        return
    if deal.author not in parties:
        raise errors.NotOneOfThem("the deal is by somebody else than the two parties")
    if deal.author != last.recipient or deal.offer != negotiation.files[-2].name:
        raise errors.OutOfTurn("the deal is not by the recipient of the offer before it")


def _linked(negotiation: Negotiation, offers: list[Offer]) -> None:
    intent, name = _intent(negotiation), negotiation.files[0].name
    for before, offer in zip(negotiation.files, offers, strict=False):
        if offer.answers != before.name or offer.intent != name or offer.terms != intent.terms:
            raise errors.OutOfTurn("an offer does not answer the message before it, under the terms of the intent")


def _in_time(negotiation: Negotiation, moments: list[int], end: int, court: Court) -> None:
    if len(moments) == 1:
        return
    if _wanted(negotiation).is_sealed:
        _listed(negotiation, end, court)
    elif moments[1] > _intent(negotiation).offers_until:
        raise errors.Late("the first offer came after offersUntil")
    for offer, moment in zip(_offers(negotiation), moments[2:], strict=False):  # nobody answered an open one
        if moment >= offer.expires_at:
            raise errors.Late("an answer came after the offer had ended")


def _listed(negotiation: Negotiation, end: int, court: Court) -> None:
    """The first Offer is in the Bids that were anchored first; where several were at once, in each of these."""
    intent, found = negotiation.files[0], list[tuple[int, Bids]]()
    for part in () if negotiation.bids is UNSET else negotiation.bids:
        message, moment = part.statement.message, _proved_or_none(part, negotiation, end, court)
        assert isinstance(message, Bids)  # by the parser
        if moment is not None and message.intent == intent.name and message.author == intent.author:
            found.append((moment, message))
    first = min((moment for moment, _ in found), default=0)
    bid = to_hex(negotiation.files[1].commitment)
    lists = [bids.commitments for moment, bids in found if moment == first]
    if not lists or any(bid not in listed for listed in lists):
        raise errors.Late("the first offer is not in the list of sealed bids")


def _still_open(negotiation: Negotiation, end: int, court: Court) -> None:
    """Nothing that the accepted Offer's author confirmed before the Deal has ended it."""
    accepted, offer = negotiation.files[-2], _offers(negotiation)[-1]
    beside = () if negotiation.counters is UNSET else negotiation.counters
    receipts = () if negotiation.receipts is UNSET else negotiation.receipts
    for part in beside:
        counter = part.statement.message
        assert isinstance(counter, Offer)  # by the parser
        ends = (counter.author, counter.recipient, counter.answers) == (offer.recipient, offer.author, accepted.name)
        if not ends or _proved_or_none(part, negotiation, end, court) is None:
            continue
        confirmed = [one for one in (*receipts, *beside) if _confirms(one, part.name, offer.author)]
        if any((_proved_or_none(one, negotiation, end, court) or end) < end for one in confirmed):
            raise errors.Closed("its author confirmed a counter-offer to it before the deal")


def _fits_policy(negotiation: Negotiation, policy: Policy) -> None:
    """A deal grants nothing: a policy that asks for purposes or data needs the Grant that goes with it."""
    brand, terms = _offers(negotiation)[0].author, _intent(negotiation).terms
    if policy.controllers is not None and brand not in policy.controllers:
        raise errors.WrongController(f"the deal is with {brand}")
    if policy.purposes is not None:
        raise errors.PurposeNotGranted(f"the purpose {min(policy.purposes)} is not in a deal")
    if policy.data is not None:
        raise errors.DataNotGranted(f"the datum {min(policy.data)} is not in a deal")
    if policy.terms is not None and policy.terms != terms:
        raise errors.TermsNotGranted(f"its terms are {terms}")


def _controller(part: Part, negotiation: Negotiation) -> str | None:
    """Whom a mandate for this act must be for: an Offer's recipient, or the author of the Offer that a Deal accepts."""
    message = part.statement.message
    if isinstance(message, Offer):
        return message.recipient
    # That the Deal names the Offer before it is judged in `_in_turn`.
    return negotiation.files[-2].author if isinstance(message, Deal) else None


def _confirms(part: Part, counter: str, author: str) -> bool:
    message = part.statement.message
    named = message.counter if isinstance(message, Receipt) else getattr(message, "answers", "")
    return part.author == author and named == counter


def _proved_or_none(part: Part, negotiation: Negotiation, end: int, court: Court) -> int | None:
    """The anchor's time of a message beside the path; None for one that proves nothing by the Deal's time.

    A forged message must not undo a deal, so that it is passed over. What could not be checked is still raised.
    """
    try:
        moment = court.proved(part, _controller(part, negotiation))
        court.not_ended(part, moment)
    except (NotConsented, NotAgreed):
        return None
    return moment if moment <= end else None


def _intent(negotiation: Negotiation) -> Intent:
    message = negotiation.files[0].statement.message
    assert isinstance(message, Intent)  # by the parser
    return message


def _offers(negotiation: Negotiation) -> list[Offer]:
    return [part.statement.message for part in negotiation.files if isinstance(part.statement.message, Offer)]


def _wanted(negotiation: Negotiation) -> IntentDocument:
    document = negotiation.files[0].document
    assert document is not None and isinstance(document[0], IntentDocument)  # by the parser
    return document[0]


def _proposed(part: Part) -> OfferDocument:
    assert part.document is not None and isinstance(part.document[0], OfferDocument)  # by the parser
    return part.document[0]
