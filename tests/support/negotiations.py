"""A whole negotiation in a few lines: an intent, offers in turn, a deal, and the facts that fit it."""

from __future__ import annotations

from typing import Any

import msgspec

from registry.core import codec
from registry.core.anchor import Anchor
from registry.core.evidence.file import Evidence, signed_mandate
from registry.core.facts import AnchorFacts, FactQuery, Facts
from registry.core.merkle import build_tree, commitment
from registry.core.negotiation import sentences
from registry.core.negotiation.court import NegotiationFacts, fact_query_of
from registry.core.negotiation.documents import details_digest, parse_intent_document, parse_offer_document
from registry.core.negotiation.file import STATEMENTS, Negotiation, Part
from registry.core.scalars import ZERO_WORD, to_hex
from registry.core.statements.messages import Bids, Deal, Intent, Offer, Receipt
from registry.core.statements.typed_data import digest
from registry.core.verify.queries import fact_query
from tests.support.builders import (
    CHAIN_ID,
    DOMAIN,
    NOW,
    account,
    evidence_of,
    fiduciary_document,
    mandate_message,
    sign,
    word,
)

PERSON, BRAND, STEWARD = account("alice"), account("aurelle"), account("steward")
TERMS = "ieee-7012:PDC-INTENT"
HOUR = 3600


def intent_document(**changes: Any) -> bytes:
    plain: dict[str, Any] = {
        "schema": "consent-intent/1", "wanted": {"name": "winter coat"}, "must": ["warm"], "may": [], "quantity": 1,
        "place": {"country": "FR"}, "by": "2026-12-24", "offered": [], "audience": "everybody", "recipient": "age1test",
    }  # fmt: skip
    return codec.dump(plain | changes)


def offer_document(**changes: Any) -> bytes:
    plain: dict[str, Any] = {
        "schema": "consent-offer/1", "items": [{"name": "coat", "quantity": 1}], "price": "99.90", "currency": "EUR",
        "delivery": {"by": "2026-12-20"}, "conditions": [],
    }  # fmt: skip
    return codec.dump(plain | changes)


def part(message: Any, signer: Any, document: bytes | None = None) -> Part:
    signature = sign(message, signer)
    tree = build_tree([commitment(digest(DOMAIN, message), signature)])
    anchor = Anchor(to_hex(tree.root), (), word(1), 1)
    quoted = msgspec.UNSET if document is None else msgspec.Raw(codec.encode(document.decode()))
    return Part(STATEMENTS[type(message)](domain=DOMAIN, message=message), to_hex(signature), anchor, quoted)


def intent(document: bytes | None = None, **changes: Any) -> Part:
    raw = intent_document() if document is None else document
    signer = changes.pop("signer", PERSON)
    members = {
        "statement": "", "subject": PERSON.address, "category": "schema:Product", "details": details_digest(raw),
        "terms": TERMS, "issued_at": NOW - 20 * HOUR, "offers_until": NOW - 10 * HOUR, "expires_at": NOW + HOUR,
        "revocation": word(5), "salt": word(6),
    }  # fmt: skip
    message = Intent(**members | changes)
    said = sentences.intent_sentence("en", message, parse_intent_document(raw))
    return part(message if "statement" in changes else msgspec.structs.replace(message, statement=said), signer, raw)


def offer(first: Part, before: Part, by: Any, to: Any, document: bytes | None = None, **changes: Any) -> Part:
    raw = offer_document() if document is None else document
    signer = changes.pop("signer", by)
    members = {
        "statement": "", "author": by.address, "recipient": to.address, "intent": first.name, "answers": before.name,
        "details": details_digest(raw), "request": ZERO_WORD, "terms": TERMS, "issued_at": NOW - 15 * HOUR,
        "expires_at": NOW + HOUR, "salt": word(7),
    }  # fmt: skip
    message = Offer(**members | changes)
    said = sentences.offer_sentence("fr", message, parse_offer_document(raw))
    return part(message if "statement" in changes else msgspec.structs.replace(message, statement=said), signer, raw)


def deal(accepted: Part, by: Any, signer: Any = None, **changes: Any) -> Part:
    message, document = accepted.statement.message, accepted.document
    assert isinstance(message, Offer) and document is not None
    said = sentences.deal_sentence("en", message, document[0])  # type: ignore[arg-type]
    members = {"statement": said, "author": by.address, "offer": accepted.name, "issued_at": NOW - 9 * HOUR}
    return part(Deal(**members | {"salt": word(8)} | changes), signer or by)


def receipt(counter: Part, by: Any) -> Part:
    return part(Receipt(by.address, counter.name, NOW - 12 * HOUR, word(9)), by)


def bids(first: Part, listed: list[bytes], by: Any = PERSON, salt: int = 10, signer: Any = None) -> Part:
    commitments = tuple(sorted(map(to_hex, listed)))
    return part(Bids(by.address, first.name, commitments, NOW - 14 * HOUR, word(salt)), signer or by)


def mandate(by: Any = PERSON, **changes: Any) -> Evidence:
    """A mandate of one of the two for the steward, with every power of a negotiation and for the brand."""
    document = fiduciary_document()
    for language in document["text"].values():
        language["labels"] |= {f"power:{power}": power.lower() for power in ("Bids", "Deal", "Intent", "Offer")}
    notice = codec.dump(document)
    members = {"powers": ("Bids", "Deal", "Intent", "Offer"), "subject": by.address, "data": ("pd:EmailAddress",)}
    dated = {"issued_at": NOW - 30 * HOUR, "not_before": NOW - 30 * HOUR}
    return evidence_of(mandate_message(notice, **members | dated | changes), signer=by, notice=notice)


def under(act: Part, given: Evidence) -> Part:
    """The act with this mandate beside it."""
    return msgspec.structs.replace(act, mandate=signed_mandate(given))


def facts(negotiation: Negotiation, times: dict[str, int] | None = None, **ends: Any) -> NegotiationFacts:
    """Anchored in the order of the path, an hour apart, ending nine hours ago; ``times`` (by name) overrides.

    Mandates are anchored 25 hours ago, unless ``mandate`` has another answer; ``cutoffs`` are by address.
    """
    at = {one.name: NOW - 9 * HOUR - (len(negotiation.files) - 1 - n) * HOUR for n, one in enumerate(negotiation.files)}
    at = {one.name: NOW - 12 * HOUR for one in negotiation.parts} | at | (times or {})
    cutoffs, revoked_at = ends.get("cutoffs", {}), ends.get("revoked_at", 0)
    anchors = {}
    for one in negotiation.parts:
        revoked = revoked_at if isinstance(one.statement.message, Intent) else 0
        anchors[fact_query_of(one)] = AnchorFacts(at[one.name], revoked, cutoffs.get(one.author, 0))
        if one.under is not None:
            given = ends.get("mandate", AnchorFacts(NOW - 25 * HOUR, 0, 0))
            anchors[fact_query(one.under)] = given._replace(cutoff=cutoffs.get(one.under.author, 0))
            anchors[FactQuery(ZERO_WORD, one.signer)] = AnchorFacts(0, 0, cutoffs.get(one.signer, 0))
    read = Facts(CHAIN_ID, 42, word(42), NOW - 5, NOW, 0, None, anchors, {})
    return NegotiationFacts(read, ends.get("before", {}), ends.get("accepted", {}))
