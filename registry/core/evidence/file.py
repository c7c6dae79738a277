"""The evidence file: one statement with everything that proves it (docs/formats.md, "Evidence file").

``application/vnd.consent-evidence+json``, RFC 8785, at most 1 MiB.
"""

from __future__ import annotations

from functools import cache, cached_property
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType
from msgspec.structs import force_setattr

from registry.core import codec
from registry.core.anchor import Anchor
from registry.core.crypto.revocation import handle_for
from registry.core.eip712 import Domain
from registry.core.errors import Malformed
from registry.core.file_kinds import EVIDENCE, as_another
from registry.core.merkle import commitment, root_from
from registry.core.notices.document import Notice, read_notice
from registry.core.scalars import Signature, read_hex, unhex
from registry.core.statements.messages import (
    REVOCABLE,
    Acceptance,
    Acknowledgement,
    Grant,
    Mandate,
    Refusal,
    Request,
    UseLog,
)
from registry.core.statements.typed_data import digest as digest_of

MAX_EVIDENCE = 1024 * 1024


class _Statement(Struct, frozen=True, forbid_unknown_fields=True, tag_field="primaryType"):
    domain: Domain


class _Request(_Statement, frozen=True, tag="Request"):
    message: Request


class _Grant(_Statement, frozen=True, tag="Grant"):
    message: Grant


class _Refusal(_Statement, frozen=True, tag="Refusal"):
    message: Refusal


class _Acceptance(_Statement, frozen=True, tag="Acceptance"):
    message: Acceptance


class _Acknowledgement(_Statement, frozen=True, tag="Acknowledgement"):
    message: Acknowledgement


class _UseLog(_Statement, frozen=True, tag="UseLog"):
    message: UseLog


class _Mandate(_Statement, frozen=True, tag="Mandate"):
    message: Mandate


# Each message with the structure that puts it into its domain.
STATEMENTS: dict[type[Any], type[Any]] = {
    Grant: _Grant,
    Request: _Request,
    Refusal: _Refusal,
    Acceptance: _Acceptance,
    Acknowledgement: _Acknowledgement,
    UseLog: _UseLog,
    Mandate: _Mandate,
}
Statement = _Grant | _Request | _Refusal | _Acceptance | _Acknowledgement | _UseLog | _Mandate

BY_SUBJECT = (Grant, Refusal, Mandate)
WITH_NOTICE = (Grant, Refusal, Request, Mandate)


class SignedAcceptance(Struct, frozen=True, forbid_unknown_fields=True):
    """The controller's counter-signature as a part of a grant's evidence."""

    statement: _Acceptance
    signature: Signature
    anchor: Anchor

    def __post_init__(self) -> None:
        read_hex(self.signature, "signature")


class SignedMandate(Struct, frozen=True, forbid_unknown_fields=True):
    """The mandate under which a delegate signed, as a part of the evidence of what it signed."""

    statement: _Mandate
    signature: Signature
    anchor: Anchor
    quoted_notice: Raw = msgspec.field(name="notice")

    def __post_init__(self) -> None:
        read_hex(self.signature, "signature")


class Evidence(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """One statement, its signature, its anchor, its notice, and the mandate and the acceptance if there are such.

    The notice stays a JSON string as in the file (made by `quoted`). Thousands of files hold the same notice, so it is
    parsed and checked once for all of them.
    """

    statement: Statement
    signature: Signature
    anchor: Anchor | UnsetType = UNSET
    quoted_notice: Raw | UnsetType = msgspec.field(default=UNSET, name="notice")
    mandate: SignedMandate | UnsetType = UNSET
    acceptance: SignedAcceptance | UnsetType = UNSET
    type: Literal["ConsentEvidence"] = "ConsentEvidence"
    version: Literal[1] = 1

    def __post_init__(self) -> None:
        absent = self.anchor is UNSET, self.quoted_notice is UNSET, self.mandate is UNSET, self.acceptance is UNSET
        _check_members(self.kind, absent)
        read_hex(self.signature, "signature")
        force_setattr(self, "digest", self._hash())  # eagerly: see statements.messages
        if self.acceptance is not UNSET and self.acceptance.statement.domain != self.statement.domain:
            raise Malformed("the acceptance names another domain than the grant")
        if self.mandate is not UNSET and self.mandate.statement.domain != self.statement.domain:
            raise Malformed("the mandate names another domain than what was signed under it")

    def __hash__(self) -> int:
        return hash(self.signature)  # the Raw notice is not hashable

    def _hash(self) -> bytes:
        """The statement's EIP-712 signing hash, 32 bytes. It also names the file."""
        return digest_of(self.statement.domain, self.statement.message)

    digest = cached_property(_hash)

    @property
    def signature_bytes(self) -> bytes:
        """The signature, 1 to 8,192 bytes."""
        return unhex(self.signature)

    @property
    def kind(self) -> str:
        """The primary type: Grant, Request, Refusal, Acceptance, Acknowledgement, UseLog or Mandate."""
        return type(self.statement.message).__name__

    @property
    def author(self) -> str:
        """The address whose statement it is: the subject of grants, refusals and mandates, else the controller."""
        message = self.statement.message
        return message.subject if isinstance(message, BY_SUBJECT) else message.controller

    @property
    def signer(self) -> str:
        """The address that must have signed: the author, or the delegate of the mandate beside it."""
        return self.author if self.mandate is UNSET else self.mandate.statement.message.delegate

    @property
    def signer_bytes(self) -> bytes:
        """The 20 bytes of that address."""
        message = self.statement.message if self.mandate is UNSET else self.mandate.statement.message
        return message.read.addresses[0 if self.mandate is UNSET else 1]

    @property
    def notice(self) -> str | UnsetType:
        """The text of the notice document, if the kind has one."""
        return UNSET if self.quoted_notice is UNSET else msgspec.json.decode(self.quoted_notice, type=str)

    @property
    def parsed_notice(self) -> Notice | None:
        """The parsed notice, if the kind has one."""
        return None if self.notice_and_digest is None else self.notice_and_digest[0]

    def _read_notice(self) -> tuple[Notice, str] | None:
        """The notice and the SHA-256 of its document; ``Malformed`` if the notice is."""
        if self.quoted_notice is UNSET:
            return None
        message = self.statement.message
        assert isinstance(message, WITH_NOTICE)  # `_check_members` refused a notice in any other kind
        return read_notice(self.quoted_notice, message.notice)

    notice_and_digest = cached_property(_read_notice)

    @cached_property
    def under(self) -> Evidence | None:
        """The mandate beside it as separate evidence, or None; ``Malformed`` if the mandate's notice is."""
        part = self.mandate
        if part is UNSET:
            return None
        found = Evidence(part.statement, part.signature, part.anchor, part.quoted_notice)
        force_setattr(found, "notice_and_digest", found._read_notice())
        return found

    @property
    def handle(self) -> str | None:
        """The handle that the contract marks when this grant or mandate is revoked; None for other kinds."""
        message = self.statement.message
        if not isinstance(message, REVOCABLE):
            return None
        return handle_for(message.subject, message.revocation, message.salt)


_decoder = msgspec.json.Decoder(Evidence)

# kind: (required members, optional members)
_SHAPES: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "Grant": (frozenset({"anchor", "notice"}), frozenset({"mandate", "acceptance"})),
    "Refusal": (frozenset({"anchor", "notice"}), frozenset({"mandate"})),
    "Request": (frozenset({"notice"}), frozenset()),
    "Acceptance": (frozenset({"anchor"}), frozenset()),
    "Acknowledgement": (frozenset({"anchor"}), frozenset()),
    "UseLog": (frozenset({"anchor"}), frozenset()),
    "Mandate": (frozenset({"anchor", "notice"}), frozenset()),
}
_PARTS = ("anchor", "notice", "mandate", "acceptance")


def parse_evidence(raw: bytes) -> Evidence:
    """Parse the one encoding of evidence (step 0 of `judge`); everything else is ``Malformed``, and named if known."""
    try:
        evidence = codec.decode(raw, _decoder, MAX_EVIDENCE)
    except Malformed as error:
        raise as_another(error, raw, EVIDENCE) from None
    # Refuses a malformed notice here, not later. Set eagerly: see statements.messages.
    force_setattr(evidence, "notice_and_digest", evidence._read_notice())
    _ = evidence.under
    return evidence


def quoted(notice: bytes) -> Raw:
    """Encode a notice document as the JSON string that an evidence file carries."""
    return Raw(codec.encode(notice.decode()))


def write_evidence(evidence: Evidence) -> bytes:
    """Encode evidence as the bytes of its file."""
    return codec.encode(evidence)


def canonical_evidence(raw: bytes) -> bytes:
    """Restore the one encoding of a file that an editor or tool re-formatted; a changed value stays changed."""
    restored = codec.canonical(raw, MAX_EVIDENCE)
    parse_evidence(restored)
    return restored


def acceptance_evidence(grant: Evidence) -> Evidence | None:
    """The acceptance in a grant's evidence as separate evidence, or None."""
    part = grant.acceptance
    return None if part is UNSET else Evidence(part.statement, part.signature, part.anchor)


def with_acceptance(grant: Evidence, acceptance: Evidence) -> Evidence:
    """Return the grant with the controller's counter-signature in it."""
    if not isinstance(acceptance.statement, _Acceptance) or acceptance.anchor is UNSET:
        raise Malformed("this is not an anchored acceptance")
    part = SignedAcceptance(acceptance.statement, acceptance.signature, acceptance.anchor)
    return msgspec.structs.replace(grant, acceptance=part)


def signed_mandate(mandate: Evidence) -> SignedMandate:
    """A mandate's evidence as the part that a delegate's acts carry; ``Malformed`` for other evidence."""
    if not isinstance(mandate.statement, _Mandate) or mandate.anchor is UNSET or mandate.quoted_notice is UNSET:
        raise Malformed(f"this is a {mandate.kind}, not a Mandate")
    return SignedMandate(mandate.statement, mandate.signature, mandate.anchor, mandate.quoted_notice)


def commitment_of(evidence: Evidence) -> bytes:
    """keccak256(abi.encode(digest, keccak256(signature))), 32 bytes."""
    return commitment(evidence.digest, evidence.signature_bytes)


def is_included(evidence: Evidence) -> bool:
    """Whether the anchor's proof leads from this statement and signature to the anchor's root."""
    assert evidence.anchor is not UNSET
    words = evidence.anchor.words
    return root_from(commitment_of(evidence), words[2:]) == words[1]


@cache
def _check_members(kind: str, absent: tuple[bool, ...]) -> None:
    required, allowed = _SHAPES[kind]
    present = {name for name, is_absent in zip(_PARTS, absent, strict=True) if not is_absent}
    if required - present:
        raise Malformed(f"evidence of a {kind} needs its {min(required - present)}")
    if present - required - allowed:
        raise Malformed(f"evidence of a {kind} has no {min(present - required - allowed)}")
