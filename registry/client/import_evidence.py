"""Take evidence that came from elsewhere into a party's own: after a loss, or from the other side of a grant."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from msgspec import UNSET

from registry.client.evidence_store import EvidenceStore, kept_copy
from registry.client.network import Network
from registry.client.verify import read, verify
from registry.core.errors import Expired, InvalidInput, NotConsented, NotYetValid, Revoked
from registry.core.evidence.file import Evidence

# Of these, everything else was judged before: who signed it, its anchor and its dates.
_ENDED = (Revoked, Expired, NotYetValid)


class Imported(NamedTuple):
    """What is kept now and where, in words; why it is not in force, if it is not; whether it was kept before."""

    evidence: Evidence
    kept: str
    ended: NotConsented | None
    known: bool


def import_evidence(
    network: Network, store: EvidenceStore, file: Evidence | bytes, is_own: Callable[[Evidence], bool]
) -> Imported:
    """Check evidence and keep it, also where it has ended. A more complete copy that is kept already stays.

    Raises what `verify` raises, because kept evidence counts as checked: ``LedgerUnavailable`` for evidence of another
    network. ``InvalidInput`` where neither side of it ``is_own``: a party's endings go through all that it keeps.
    """
    evidence = read(file)
    if evidence.kind == "Acceptance":
        raise InvalidInput("this is an Acceptance alone", "Give the grant's file that the brand completed with it.")
    ended, accepted = _judged(network, evidence)
    if not is_own(evidence):
        message = evidence.statement.message
        what = f"neither its author {evidence.author} nor its controller {message.controller} is of this home"
        raise InvalidInput(what, "Check it where it is, with `consent verify FILE`: a home keeps its own alone.")
    old = kept_copy(store, evidence)
    if old is not None and not (accepted and old.acceptance is UNSET):
        return Imported(old, store.keep(old), ended, known=True)
    return Imported(evidence, store.keep(evidence), ended, known=False)


def _judged(network: Network, evidence: Evidence) -> tuple[NotConsented | None, bool]:
    """Why it is not in force, and whether its acceptance holds."""
    try:
        verified = verify(network, evidence, network.policy(controllers=None))
    except _ENDED as no:
        return no, False
    return None, verified.acceptance == "verified"
