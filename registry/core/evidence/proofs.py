"""What evidence proves by itself, before any chain is asked: steps 2, 3 and 7 of `judge`, one by one.

No judgement: only ``verify`` judges. Here a person is told which proofs hold, and which only the chain can complete.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec import UNSET

from registry.core.crypto.signatures import recover_address
from registry.core.errors import NotConsented
from registry.core.evidence.file import Evidence, acceptance_evidence, is_included
from registry.core.notices.rendering import fits
from registry.core.scalars import to_hex
from registry.core.statements.messages import Acceptance


class Proof(NamedTuple):
    """One proof: ``holds`` is None where only the chain can tell; ``why`` says what does not fit."""

    name: str
    holds: bool | None
    why: str = ""


def proofs(evidence: Evidence) -> list[Proof]:
    """The proofs in this evidence: "signature", "notice", "inclusion", "acceptance", those that its kind has."""
    found = [Proof("signature", _signed(evidence))]
    if evidence.quoted_notice is not UNSET:
        found.append(_notice(evidence))
    if evidence.anchor is not UNSET:
        found.append(Proof("inclusion", is_included(evidence)))
    part = acceptance_evidence(evidence)
    return found if part is None else [*found, _acceptance(part, evidence)]


def _signed(evidence: Evidence) -> bool | None:
    # Another signature may still be a contract's (ERC-1271) or a delegate's: not yes, and not no either.
    plain = recover_address(evidence.digest, evidence.signature_bytes) == evidence.author_bytes
    return True if plain and evidence.mandate is UNSET else None


def _notice(evidence: Evidence) -> Proof:
    message, noticed = evidence.statement.message, evidence.notice_and_digest
    assert noticed is not None and not isinstance(message, Acceptance)
    try:
        fits(*noticed, message)
    except NotConsented as no:
        return Proof("notice", False, str(no))
    return Proof("notice", True)


def _acceptance(part: Evidence, grant: Evidence) -> Proof:
    accepted, granted = part.statement.message, grant.statement.message
    if accepted.controller != granted.controller:
        return Proof("acceptance", False, "it is not by the grant's controller")
    if not isinstance(accepted, Acceptance) or accepted.grant != to_hex(grant.digest):
        return Proof("acceptance", False, "it is of another grant")
    if not is_included(part):
        return Proof("acceptance", False, "its proof does not lead to its root")
    return Proof("acceptance", _signed(part))
