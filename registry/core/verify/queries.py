"""The queries to a chain that evidence needs before it can be judged."""

from __future__ import annotations

from msgspec import UNSET

from registry.core.crypto.signatures import recover_address
from registry.core.evidence.file import Evidence, acceptance_evidence
from registry.core.facts import FactQuery, SignatureQuery
from registry.core.scalars import ZERO_WORD
from registry.core.statements.messages import REVOCABLE


def fact_queries(evidence: Evidence) -> tuple[list[FactQuery], list[SignatureQuery]]:
    """The queries to a chain before this evidence can be judged: one `FactQuery` for each anchor in the file.

    One more is about the delegate who signed it, if a mandate is beside it.
    """
    unclear = [part for part in _parts(evidence) if not is_plainly_signed(part)]
    return anchor_queries(evidence), [signature_query(part) for part in unclear]


def anchor_queries(evidence: Evidence) -> list[FactQuery]:
    """The queries about the anchors in the file, without looking at its signatures, which costs half of `judge`."""
    queries = [fact_query(part) for part in _parts(evidence)]
    return queries if evidence.mandate is UNSET else [*queries, signer_query(evidence)]


def is_plainly_signed(evidence: Evidence) -> bool:
    """Whether the key of the address that must have signed made the signature. A contract's has other forms."""
    return recover_address(evidence.digest, evidence.signature_bytes) == evidence.signer_bytes


def signature_query(evidence: Evidence) -> SignatureQuery:
    """Ask whether the contract at the address that must have signed accepts the signature."""
    return SignatureQuery(evidence.signer, evidence.digest, evidence.signature_bytes)


def fact_query(evidence: Evidence) -> FactQuery:
    """Ask about the anchor, the handle and the author of one statement."""
    root = ZERO_WORD if evidence.anchor is UNSET else evidence.anchor.root
    message = evidence.statement.message
    if isinstance(message, REVOCABLE):
        return FactQuery(root, message.subject, message.revocation, message.salt)
    return FactQuery(root, evidence.author)


def signer_query(evidence: Evidence) -> FactQuery:
    """Ask about the delegate who signed: only its cutoff matters."""
    return FactQuery(ZERO_WORD, evidence.signer)


def _parts(evidence: Evidence) -> list[Evidence]:
    return [part for part in (evidence, evidence.under, acceptance_evidence(evidence)) if part is not None]
