"""The proofs that evidence holds by itself, without a chain: steps 2, 3 and 7 of `judge`, one by one.

They are shown to people and are not a verdict: only `judge` gives one.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec import UNSET

from registry.core.errors import NotConsented
from registry.core.evidence.file import WITH_NOTICE, Evidence, acceptance_evidence, is_included
from registry.core.notices.rendering import fits
from registry.core.scalars import to_hex
from registry.core.statements.messages import Acceptance
from registry.core.verify.coverage import check_covers
from registry.core.verify.queries import is_plainly_signed


class Proof(NamedTuple):
    """One proof. ``holds`` is None if only the chain can decide; ``why`` says what does not fit."""

    name: str
    holds: bool | None
    why: str = ""


def proofs(evidence: Evidence) -> list[Proof]:
    """Check the proofs that this kind of evidence has: "signature", "mandate", "notice", "inclusion", "acceptance"."""
    checked = [Proof("signature", _signed(evidence))]
    if evidence.under is not None:
        checked.append(_mandate(evidence.under, evidence))
    if evidence.quoted_notice is not UNSET:
        checked.append(_notice(evidence))
    if evidence.anchor is not UNSET:
        checked.append(Proof("inclusion", is_included(evidence)))
    part = acceptance_evidence(evidence)
    return checked if part is None else [*checked, _acceptance(part, evidence)]


def _signed(evidence: Evidence) -> bool | None:
    # Any other signature may be a contract's (ERC-1271), so the answer is open.
    return True if is_plainly_signed(evidence) else None


def _mandate(mandate: Evidence, act: Evidence) -> Proof:
    """Whether the mandate covers the act, and proves itself. Only the chain tells whether it held at that time."""
    try:
        check_covers(mandate, act)
    except NotConsented as no:
        return Proof("mandate", False, str(no))
    failed = next((proof for proof in proofs(mandate) if proof.holds is False), None)
    return Proof("mandate", None) if failed is None else Proof("mandate", False, failed.why or "it was altered")


def _notice(evidence: Evidence) -> Proof:
    message, noticed = evidence.statement.message, evidence.notice_and_digest
    assert noticed is not None and isinstance(message, WITH_NOTICE)
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
        return Proof("acceptance", False, "it accepts another grant")
    if not is_included(part):
        return Proof("acceptance", False, "its proof does not lead to its root")
    return Proof("acceptance", _signed(part))
