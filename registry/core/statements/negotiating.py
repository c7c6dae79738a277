"""The statements of a negotiation: Intent, Offer, Bids, Deal and Receipt (docs/formats.md, "Negotiations").

A person wants something (Intent), both sides name conditions in turn (Offer), and a Deal accepts the last of these. It
is signed by the recipient of the Offer that it names, so that both have signed.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from registry.core.crypto.keccak import keccak256
from registry.core.errors import Malformed
from registry.core.scalars import (
    MAX_CACHED,
    Address,
    Bytes32,
    TooLargeToKeep,
    UInt64,
    check_term,
    hash_text,
    known_address,
    read_address,
    read_words,
)
from registry.core.statements.base import MemberBytes, check_window

NEGOTIATION_TYPES = {
    "Intent": "Intent(string statement,address subject,string category,bytes32 details,string terms,uint64 issuedAt,"
    "uint64 offersUntil,uint64 expiresAt,bytes32 revocation,bytes32 salt)",
    "Offer": "Offer(string statement,address author,address recipient,bytes32 intent,bytes32 answers,bytes32 details,"
    "bytes32 request,string terms,uint64 issuedAt,uint64 expiresAt,bytes32 salt)",
    "Bids": "Bids(address author,bytes32 intent,bytes32[] commitments,uint64 issuedAt,bytes32 salt)",
    "Deal": "Deal(string statement,address author,bytes32 offer,uint64 issuedAt,bytes32 salt)",
    "Receipt": "Receipt(address author,bytes32 counter,uint64 issuedAt,bytes32 salt)",
}
# So that a list fits an evidence file of 1 MiB.
MAX_BIDS = 10_000


class _Negotiating(Struct, frozen=True, forbid_unknown_fields=True, rename="camel", dict=True):
    def __post_init__(self) -> None:
        force_setattr(self, "read", self._read())  # eagerly: see `registry.core.statements.messages`

    def _read(self) -> MemberBytes:
        """The members as bytes, each checked: ``Malformed`` where one breaks a rule."""
        raise NotImplementedError

    @cached_property
    def read(self) -> MemberBytes:
        return self._read()


class Intent(_Negotiating, frozen=True):
    """A person says what they want, and until when they take offers. Its document is in ``details``."""

    statement: str
    subject: Address
    category: str
    details: Bytes32
    terms: str
    issued_at: UInt64
    offers_until: UInt64
    expires_at: UInt64
    revocation: Bytes32
    salt: Bytes32

    def _read(self) -> MemberBytes:
        check_window(self.issued_at, self.issued_at, self.expires_at)
        if not self.issued_at < self.offers_until <= self.expires_at:
            raise Malformed("offersUntil is not between issuedAt and expiresAt")
        words = read_words((self.details, self.revocation, self.salt))
        return MemberBytes(words, (read_address(self.subject),), _hashed(("category", self.category), self.terms))


class Offer(_Negotiating, frozen=True):
    """Somebody names conditions to ``recipient``. ``answers`` is the digest of the Intent, or of an Offer to them."""

    statement: str
    author: Address
    recipient: Address
    intent: Bytes32
    answers: Bytes32
    details: Bytes32
    request: Bytes32
    terms: str
    issued_at: UInt64
    expires_at: UInt64
    salt: Bytes32

    def _read(self) -> MemberBytes:
        check_window(self.issued_at, self.issued_at, self.expires_at)
        if self.author == self.recipient:
            raise Malformed("the author of the offer is its recipient too")
        words = read_words((self.intent, self.answers, self.details, self.request, self.salt))
        return MemberBytes(
            words, (known_address(self.author), known_address(self.recipient)), _hashed(None, self.terms)
        )


class Bids(_Negotiating, frozen=True):
    """The person lists the commitments of all sealed bids, before any of them is opened."""

    author: Address
    intent: Bytes32
    commitments: Annotated[tuple[Bytes32, ...], Meta(min_length=1, max_length=MAX_BIDS)]
    issued_at: UInt64
    salt: Bytes32

    def _read(self) -> MemberBytes:
        if isinstance(self.commitments, str) or not 1 <= len(self.commitments) <= MAX_BIDS:
            raise Malformed(f"commitments is not a list of 1 to {MAX_BIDS:,} words")
        if list(self.commitments) != sorted(set(self.commitments)):
            raise Malformed("commitments must be sorted, with no repeats")
        listed = keccak256(b"".join(read_words(self.commitments)))
        return MemberBytes(read_words((self.intent, self.salt)), (read_address(self.author),), (listed,))


class Deal(_Negotiating, frozen=True):
    """The recipient of the Offer that ``offer`` names accepts it."""

    statement: str
    author: Address
    offer: Bytes32
    issued_at: UInt64
    salt: Bytes32

    def _read(self) -> MemberBytes:
        return MemberBytes(read_words((self.offer, self.salt)), (read_address(self.author),), ())


class Receipt(_Negotiating, frozen=True):
    """The author of an Offer has got the counter-offer that ``counter`` names: their Offer does not stand any more."""

    author: Address
    counter: Bytes32
    issued_at: UInt64
    salt: Bytes32

    def _read(self) -> MemberBytes:
        return MemberBytes(read_words((self.counter, self.salt)), (read_address(self.author),), ())


def _hashed(named: tuple[str, str] | None, terms: str) -> tuple[bytes, ...]:
    """The hashes of a named term, if there is one, and of the agreement; ``Malformed`` where one is no term."""
    listed = (("terms", terms),) if named is None else (named, ("terms", terms))
    try:
        return _cached_hashes(listed)
    except TooLargeToKeep:
        return _hashes(listed)


@lru_cache(maxsize=1024)
def _cached_hashes(listed: tuple[tuple[str, str], ...]) -> tuple[bytes, ...]:
    if sum(len(value) for _, value in listed) > MAX_CACHED:
        raise TooLargeToKeep
    return _hashes(listed)


def _hashes(listed: tuple[tuple[str, str], ...]) -> tuple[bytes, ...]:
    return tuple(hash_text(check_term(value, name)) for name, value in listed)
