"""The negotiation file: every message of one path, for anybody it is given to (docs/formats.md, "Negotiations").

Each message is an evidence file of its own kind: statement, signature, anchor, and the document of an Intent or Offer.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from registry.core import codec
from registry.core.anchor import Anchor
from registry.core.eip712 import Domain
from registry.core.errors import Malformed
from registry.core.evidence.file import Evidence, SignedMandate, mandate_evidence
from registry.core.merkle import commitment, root_from
from registry.core.negotiation.documents import Details, read_details
from registry.core.scalars import Signature, read_hex, to_hex, unhex
from registry.core.statements.negotiating import Bids, Deal, Intent, Offer, Receipt
from registry.core.statements.typed_data import digest

MAX_NEGOTIATION = 1024 * 1024


class _Statement(Struct, frozen=True, forbid_unknown_fields=True, tag_field="primaryType"):
    domain: Domain


class _Intent(_Statement, frozen=True, tag="Intent"):
    message: Intent


class _Offer(_Statement, frozen=True, tag="Offer"):
    message: Offer


class _Bids(_Statement, frozen=True, tag="Bids"):
    message: Bids


class _Deal(_Statement, frozen=True, tag="Deal"):
    message: Deal


class _Receipt(_Statement, frozen=True, tag="Receipt"):
    message: Receipt


STATEMENTS: dict[type[Any], type[Any]] = {Intent: _Intent, Offer: _Offer, Bids: _Bids, Deal: _Deal, Receipt: _Receipt}


class Part(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """One signed and anchored message. ``quoted_details`` is its document as a JSON string, as the file has it.

    ``mandate`` is the one under which a delegate signed it.
    """

    statement: _Intent | _Offer | _Bids | _Deal | _Receipt
    signature: Signature
    anchor: Anchor
    quoted_details: Raw | UnsetType = msgspec.field(default=UNSET, name="details")
    mandate: SignedMandate | UnsetType = UNSET
    type: Literal["ConsentEvidence"] = "ConsentEvidence"
    version: Literal[1] = 1

    def __post_init__(self) -> None:
        read_hex(self.signature, "signature")
        if self.mandate is not UNSET:
            self._check_mandate(self.mandate)
        if (self.quoted_details is UNSET) == isinstance(self.statement.message, Intent | Offer):
            raise Malformed("an Intent and an Offer have their document in details, and nothing else has one")

    def _check_mandate(self, mandate: SignedMandate) -> None:
        if isinstance(self.statement.message, Receipt):
            raise Malformed("evidence of a Receipt has no mandate")
        if mandate.statement.domain != self.statement.domain:
            raise Malformed("the mandate names another domain than what was signed under it")

    @property
    def kind(self) -> str:
        """The primary type: Intent, Offer, Bids, Deal or Receipt."""
        return type(self.statement.message).__name__

    @property
    def author(self) -> str:
        """The address whose statement it is."""
        message = self.statement.message
        return message.subject if isinstance(message, Intent) else message.author

    @property
    def signer(self) -> str:
        """The address that must have signed: the author, or the delegate of the mandate beside it."""
        return self.author if self.mandate is UNSET else self.mandate.statement.message.delegate

    @property
    def signer_bytes(self) -> bytes:
        """The 20 bytes of that address."""
        message = self.statement.message if self.mandate is UNSET else self.mandate.statement.message
        return message.read.addresses[0 if self.mandate is UNSET else 1]

    @cached_property
    def under(self) -> Evidence | None:
        """The mandate beside it as separate evidence, or None; ``Malformed`` if the mandate's notice is."""
        return None if self.mandate is UNSET else mandate_evidence(self.mandate)

    @cached_property
    def digest(self) -> bytes:
        """The statement's EIP-712 signing hash, 32 bytes."""
        return digest(self.statement.domain, self.statement.message)

    @property
    def name(self) -> str:
        """The digest in hex, by which other messages name this one."""
        return to_hex(self.digest)

    @property
    def commitment(self) -> bytes:
        """keccak256(abi.encode(digest, keccak256(signature))): what is anchored, and what a sealed bid shows first."""
        return commitment(self.digest, unhex(self.signature))

    @property
    def is_included(self) -> bool:
        """Whether the anchor's proof leads from this statement and signature to the anchor's root."""
        words = self.anchor.words
        return root_from(self.commitment, words[2:]) == words[1]

    @cached_property
    def document(self) -> tuple[Details, str] | None:
        """The document and its SHA-256, if the kind has one; ``Malformed`` if it is."""
        if self.quoted_details is UNSET:
            return None
        return read_details(self.quoted_details, self.kind)


class Negotiation(Struct, frozen=True, forbid_unknown_fields=True):
    """``files``: Intent, Offers, and the Deal at the end. Lists of bids, counter-offers and receipts lie beside it."""

    files: Annotated[tuple[Part, ...], Meta(min_length=1, max_length=66)]
    bids: Annotated[tuple[Part, ...], Meta(min_length=1)] | UnsetType = UNSET
    counters: Annotated[tuple[Part, ...], Meta(min_length=1)] | UnsetType = UNSET
    receipts: Annotated[tuple[Part, ...], Meta(min_length=1)] | UnsetType = UNSET
    type: Literal["ConsentNegotiation"] = "ConsentNegotiation"
    version: Literal[1] = 1

    def __post_init__(self) -> None:
        kinds = [type(part.statement.message) for part in self.files]
        if kinds[0] is not Intent or any(kind is not Offer for kind in kinds[1:-1]):
            raise Malformed("files is not a path: an Intent, Offers, and a Deal at the end")
        if len(kinds) > 1 and kinds[-1] not in (Offer, Deal):
            raise Malformed("files does not end with an Offer or a Deal")
        for listed, kind in ((self.bids, Bids), (self.counters, Offer), (self.receipts, Receipt)):
            if listed is not UNSET and any(type(part.statement.message) is not kind for part in listed):
                raise Malformed(f"a list of {kind.__name__} holds something else")

    @property
    def parts(self) -> tuple[Part, ...]:
        """Every message in the file, the path first."""
        beside = (() if listed is UNSET else listed for listed in (self.bids, self.counters, self.receipts))
        return (*self.files, *(part for listed in beside for part in listed))


_decoder = msgspec.json.Decoder(Negotiation)


def parse_negotiation(raw: bytes) -> Negotiation:
    """Parse the one encoding of a negotiation file, at most 1 MiB; everything else is ``Malformed``."""
    found = codec.decode(raw, _decoder, MAX_NEGOTIATION)
    for part in found.parts:
        _ = part.document, part.under  # refuses a malformed document or notice here, not later
    return found


def write_negotiation(negotiation: Negotiation) -> bytes:
    """Encode a negotiation as the bytes of its file."""
    return codec.encode(negotiation)
