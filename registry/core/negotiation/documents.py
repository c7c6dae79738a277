"""The documents of a negotiation, ``consent-intent/1`` and ``consent-offer/1`` (docs/formats.md, "Negotiations").

RFC 8785, at most 64 KiB. A statement names the SHA-256 of its document in ``details``. Every text is plain text, as a
notice's is. Both formats are frozen: what comes later gets another schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from hashlib import sha256
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from registry.core import codec
from registry.core.errors import Malformed
from registry.core.negotiation.money import Money, check_money
from registry.core.notices import plain_text
from registry.core.notices.document import MAX_NOTICE, MAX_QUOTED, AgeRecipient
from registry.core.notices.plain_text import NAME, SENTENCE, TEXT, Kind
from registry.core.scalars import Address, check_address, check_term, check_terms, to_hex

MAX_DETAILS = MAX_NOTICE
DEFAULT_ROUNDS = 8
EVERYBODY = "everybody"

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_CODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z ._/-]{0,79}")
_CORRECT = "Ask its author to correct it; docs/formats.md says what the document may hold."

Quantity = Annotated[int, Meta(ge=1, le=1_000_000)]
Texts = Annotated[tuple[str, ...], Meta(max_length=32)]


class Wanted(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What is wanted: members of schema.org's Demand, under their own names."""

    name: str
    description: str | UnsetType = UNSET
    gtin: str | UnsetType = UNSET
    mpn: str | UnsetType = UNSET
    sku: str | UnsetType = UNSET
    item_condition: str | UnsetType = UNSET

    def __post_init__(self) -> None:
        _check_thing(self)


class Item(Wanted, frozen=True, kw_only=True):
    """One item of an offer, so many times."""

    quantity: Quantity


class Place(Struct, frozen=True, forbid_unknown_fields=True):
    """A country (ISO 3166-1, two letters), and a region or town where one is named."""

    country: str
    region: str | UnsetType = UNSET

    def __post_init__(self) -> None:
        if _COUNTRY.fullmatch(self.country) is None:
            raise Malformed(f"country {self.country[:40]!r} is not a code of two capital letters", _CORRECT)
        if self.region is not UNSET:
            _check(self.region, NAME, "region")


class Offered(Struct, frozen=True, forbid_unknown_fields=True):
    """What the person would share: for each purpose each datum, these fields of it, of the last ``days`` days.

    No fields stand for all of them.
    """

    purposes: tuple[str, ...]
    data: tuple[str, ...]
    fields: Annotated[tuple[str, ...], Meta(max_length=256)]
    days: Annotated[int, Meta(ge=1, le=36_500)]

    def __post_init__(self) -> None:
        check_terms(self.purposes, "purposes of what is offered")
        check_terms(self.data, "data of what is offered")
        if list(self.fields) != sorted(set(self.fields)):
            raise Malformed("fields must be sorted, with no repeats", _CORRECT)
        _check_all(self.fields, SENTENCE, "fields")


class IntentDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """What a person wants. ``audience`` is "everybody", or the accounts of the brands that may answer, sorted."""

    schema: Literal["consent-intent/1"]
    wanted: Wanted
    must: Texts
    may: Texts
    quantity: Quantity
    place: Place
    by: str
    offered: Annotated[tuple[Offered, ...], Meta(max_length=64)]
    audience: Literal["everybody"] | tuple[Address, ...] | dict[str, Any]
    recipient: AgeRecipient
    budget: Money | UnsetType = UNSET
    sealed: bool | UnsetType = UNSET
    rounds: Annotated[int, Meta(ge=1, le=64)] | UnsetType = UNSET
    payee: Address | UnsetType = UNSET

    def __post_init__(self) -> None:
        _check_all(self.must, SENTENCE, "must")
        _check_all(self.may, SENTENCE, "may")
        _check_date(self.by)
        _check_audience(self.audience)
        if self.sealed is False:
            raise Malformed("sealed is false: leave it out where bids are open", _CORRECT)
        if self.payee is not UNSET:
            check_address(self.payee)

    @property
    def most_offers(self) -> int:
        """The number of Offers that a negotiation may have."""
        return DEFAULT_ROUNDS if self.rounds is UNSET else self.rounds

    @property
    def is_sealed(self) -> bool:
        """Whether first Offers are sealed bids."""
        return self.sealed is True

    def addresses(self, account: str) -> bool:
        """Whether this account is one of those that may answer."""
        return self.audience == EVERYBODY or account in self.audience


class Delivery(Struct, frozen=True, forbid_unknown_fields=True):
    """By which day (UTC) it is delivered, and how, where that is said."""

    by: str
    method: str | UnsetType = UNSET

    def __post_init__(self) -> None:
        _check_date(self.by)
        if self.method is not UNSET:
            _check(self.method, SENTENCE, "method")


class OfferDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """What is proposed: the items, their price together with delivery, and what the person gets for a Grant."""

    schema: Literal["consent-offer/1"]
    items: Annotated[tuple[Item, ...], Meta(min_length=1, max_length=100)]
    price: str
    currency: str
    delivery: Delivery
    conditions: Texts
    reward: Money | UnsetType = UNSET

    def __post_init__(self) -> None:
        check_money(self.price, self.currency)
        _check_all(self.conditions, SENTENCE, "conditions")

    @property
    def cost(self) -> Money:
        """The price of everything."""
        return Money(self.price, self.currency)


Details = IntentDocument | OfferDocument
# A union that msgspec tells apart by ``schema`` needs tags; two decoders need none.
_INTENT, _OFFER = msgspec.json.Decoder(IntentDocument), msgspec.json.Decoder(OfferDocument)
_string = msgspec.json.Decoder(str)


def parse_intent_document(raw: bytes) -> IntentDocument:
    """Parse ``consent-intent/1`` from its one encoding, at most 64 KiB; everything else is ``Malformed``."""
    return codec.decode(raw, _INTENT, MAX_DETAILS)


def parse_offer_document(raw: bytes) -> OfferDocument:
    """Parse ``consent-offer/1`` from its one encoding, at most 64 KiB; everything else is ``Malformed``."""
    return codec.decode(raw, _OFFER, MAX_DETAILS)


def details_digest(raw: bytes) -> str:
    """SHA-256 of the document's bytes, 0x hex: the statement's ``details``."""
    return to_hex(sha256(raw).digest())


def read_details(quoted: Raw, kind: str) -> tuple[Details, str]:
    """Parse the document in the evidence of an "Intent" or an "Offer", a JSON string; return it with its digest."""
    raw = codec.decode(bytes(quoted), _string, MAX_QUOTED).encode()
    parsed = parse_intent_document(raw) if kind == "Intent" else parse_offer_document(raw)
    return parsed, details_digest(raw)


def _check_thing(thing: Wanted) -> None:
    _check(thing.name, NAME, "name")
    if thing.description is not UNSET:
        _check(thing.description, TEXT, "description")
    for name in ("gtin", "mpn", "sku"):
        code = getattr(thing, name)
        if code is not UNSET and _CODE.fullmatch(code) is None:
            raise Malformed(f"{name} {code[:80]!r} is not 1 to 80 letters, digits and marks of a code", _CORRECT)
    if thing.item_condition is not UNSET:
        check_term(thing.item_condition, "itemCondition")


def _check_audience(audience: str | tuple[str, ...] | dict[str, Any]) -> None:
    if isinstance(audience, dict):
        raise Malformed(
            "audience names certificates, and nobody can check these yet", 'Name accounts, or write "everybody".'
        )
    if audience == EVERYBODY:
        return
    if not audience:
        raise Malformed("audience is empty, so nobody may answer", 'Name accounts, or write "everybody".')
    for account in audience:
        check_address(account)
    if list(audience) != sorted(set(audience)):
        raise Malformed("audience must be sorted, with no repeats", _CORRECT)


def _check_date(text: str) -> None:
    try:
        good = _DATE.fullmatch(text) is not None and date.fromisoformat(text) is not None
    except ValueError:
        good = False
    if not good:
        raise Malformed(f"by {text[:40]!r} is not a day such as 2026-12-24", _CORRECT)


def _check_all(values: Iterable[str], kind: Kind, name: str) -> None:
    for value in values:
        _check(value, kind, name)


def _check(value: str, kind: Kind, name: str) -> None:
    if fault := plain_text.find_fault(value, kind):
        raise Malformed(f"{name} {fault}", _CORRECT)
