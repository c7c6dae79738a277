"""The sentences that people sign in a negotiation, in English and French, rendered from the documents.

These templates are frozen: a sentence that was signed must be rendered the same for ever. Another wording needs another
schema of the document.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from msgspec import UNSET

from registry.core.errors import NoticeMismatch
from registry.core.negotiation.documents import IntentDocument, Item, OfferDocument, Place
from registry.core.scalars import format_utc
from registry.core.statements.negotiating import Deal, Intent, Offer


class _Language(NamedTuple):
    and_: str
    wants: str
    budget: str
    shares: str
    until: str
    proposes: str
    accepts: str
    reward: str
    delivered: str
    one_condition: str
    conditions: str
    stands: str


_LANGUAGES = {
    "en": _Language(
        and_="and",
        wants="I want {wanted}, in {place}, by {by}.",
        budget=" I pay {budget} at most.",
        shares=" I would share my {data} for it, for {purposes}.",
        until=" I take offers until {until}, under {terms}.",
        proposes="I propose {items} for {price}",
        accepts="I accept the offer of {author}: {items} for {price}",
        reward=", with a reward of {reward}",
        delivered=", delivered by {by}, under {terms}.",
        one_condition=" One condition is in the document.",
        conditions=" {count} conditions are in the document.",
        stands=" The offer stands until {expires}.",
    ),
    "fr": _Language(
        and_="et",
        wants="Je cherche {wanted}, {place}, au plus tard le {by}.",
        budget=" Je paie {budget} au plus.",
        shares=" Je communiquerais pour cela mes données {data}, pour {purposes}.",
        until=" J\u2019accepte des offres jusqu\u2019au {until}, selon {terms}.",
        proposes="Je propose {items} pour {price}",
        accepts="J\u2019accepte l\u2019offre de {author}\u202f: {items} pour {price}",
        reward=", avec une récompense de {reward}",
        delivered=", livraison au plus tard le {by}, selon {terms}.",
        one_condition=" Une condition figure dans le document.",
        conditions=" {count} conditions figurent dans le document.",
        stands=" L\u2019offre vaut jusqu\u2019au {expires}.",
    ),
}
LANGUAGES = tuple(_LANGUAGES)


def intent_sentence(language: str, intent: Intent, document: IntentDocument) -> str:
    """The sentence of an Intent. ``language`` is "en" or "fr"."""
    words = _LANGUAGES[language]
    wanted = f"{document.quantity} \u00d7 {document.wanted.name}"
    text = _fill(words.wants, wanted=wanted, place=_place(document.place), by=document.by)
    if document.budget is not UNSET:
        text += _fill(words.budget, budget=str(document.budget))
    if document.offered:
        data = sorted({term for offered in document.offered for term in offered.data})
        purposes = sorted({term for offered in document.offered for term in offered.purposes})
        text += _fill(words.shares, data=_join(words, data), purposes=_join(words, purposes))
    text += _count(words, len(document.must))
    return text + _fill(words.until, until=format_utc(intent.offers_until), terms=intent.terms)


def offer_sentence(language: str, offer: Offer, document: OfferDocument) -> str:
    """The sentence of an Offer. ``language`` is "en" or "fr"."""
    words = _LANGUAGES[language]
    proposed = words.proposes + "".join(_conditions(words, document))
    text = _filled(words, proposed, offer, document)
    return text + _fill(words.stands, expires=format_utc(offer.expires_at))


def deal_sentence(language: str, offer: Offer, document: OfferDocument) -> str:
    """The sentence of the Deal that accepts this Offer. ``language`` is "en" or "fr"."""
    words = _LANGUAGES[language]
    return _filled(words, words.accepts + "".join(_conditions(words, document)), offer, document)


def check_intent_sentence(intent: Intent, document: IntentDocument) -> None:
    """``NoticeMismatch`` unless the Intent has its sentence in one of the languages."""
    _check(intent.statement, (intent_sentence(language, intent, document) for language in LANGUAGES), "intent")


def check_offer_sentence(offer: Offer, document: OfferDocument) -> None:
    """``NoticeMismatch`` unless the Offer has its sentence in one of the languages."""
    _check(offer.statement, (offer_sentence(language, offer, document) for language in LANGUAGES), "offer")


def check_deal_sentence(deal: Deal, offer: Offer, document: OfferDocument) -> None:
    """``NoticeMismatch`` unless the Deal has the sentence that accepts this Offer in one of the languages."""
    _check(deal.statement, (deal_sentence(language, offer, document) for language in LANGUAGES), "deal")


def _check(statement: str, wordings: Iterator[str], name: str) -> None:
    if statement not in wordings:  # the second language is rendered only where the first does not fit
        raise NoticeMismatch(f"the statement is not the sentence of this {name}")


def _conditions(words: _Language, document: OfferDocument) -> Iterator[str]:
    if document.reward is not UNSET:
        yield words.reward
    yield words.delivered
    yield _count(words, len(document.conditions))


def _count(words: _Language, count: int) -> str:
    if count == 0:
        return ""
    return words.one_condition if count == 1 else _fill(words.conditions, count=str(count))


def _filled(words: _Language, template: str, offer: Offer, document: OfferDocument) -> str:
    reward = "" if document.reward is UNSET else str(document.reward)
    return _fill(
        template,
        author=offer.author,
        items=_join(words, [_item(item) for item in document.items]),
        price=str(document.cost),
        reward=reward,
        by=document.delivery.by,
        terms=offer.terms,
    )


def _fill(template: str, **values: str) -> str:
    # Split first, then substitute, so that values are not searched for placeholders.
    pieces = template.replace("}", "{").split("{")
    pieces[1::2] = [values[name] for name in pieces[1::2]]
    return "".join(pieces)


def _item(item: Item) -> str:
    return f"{item.quantity} \u00d7 {item.name}"


def _place(place: Place) -> str:
    return place.country if place.region is UNSET else f"{place.region} ({place.country})"


def _join(words: _Language, listed: list[str]) -> str:
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} {words.and_} {listed[-1]}"
