"""Take evidence that came from elsewhere into a party's own: after a loss, or from the other side of a grant."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from msgspec import UNSET

from registry.client.evidence_store import EvidenceStore, kept_copy
from registry.client.network import Network
from registry.client.verify import read, verify
from registry.core.errors import Expired, InvalidInput, NotConsented, NotYetValid, Revoked
from registry.core.evidence.file import Evidence
from registry.core.scalars import to_hex

if TYPE_CHECKING:
    from registry.client.home import Home
    from registry.vault.database import Database

# Of these, everything else was judged before: who signed it, its anchor and its dates.
_ENDED = (Revoked, Expired, NotYetValid)


class Imported(NamedTuple):
    """What is kept now and where, in words; why it is not in force, if it is not; whether it was kept before."""

    evidence: Evidence
    kept: str
    ended: NotConsented | None
    known: bool


def import_evidence(
    network: Network,
    store: EvidenceStore,
    file: Evidence | bytes,
    is_own: Callable[[Evidence], bool],
    is_shredded: Callable[[str], bool] = lambda _: False,
) -> Imported:
    """Check evidence and keep it, also where it has ended. A more complete copy that is kept already stays.

    Raises what `verify` raises, because kept evidence counts as checked: ``LedgerUnavailable`` for evidence of another
    network. ``InvalidInput`` where neither side of it ``is_own``: a party's endings go through all that it keeps. So it
    is for evidence that ``is_shredded`` (by its digest), and for evidence that is kept and not used.
    """
    evidence = read(file)
    if evidence.kind == "Acceptance":
        raise InvalidInput("this is an Acceptance alone", "Give the grant's file that the brand completed with it.")
    ended, accepted = _judged(network, evidence)
    _refuse_gone(store, to_hex(evidence.digest), is_shredded)
    if not is_own(evidence):
        message = evidence.statement.message
        what = f"neither its author {evidence.author} nor its controller {message.controller} is of this home"
        raise InvalidInput(what, "Check it where it is, with `consent verify FILE`: a home keeps its own alone.")
    old = kept_copy(store, evidence)
    if old is not None and not (accepted and old.acceptance is UNSET):
        return Imported(old, store.keep(old), ended, known=True)
    return Imported(evidence, store.keep(evidence), ended, known=False)


def shredded_by(home: Home, open_vault: Callable[[], Database]) -> Callable[[str], bool]:
    """Return what tells whether a home of this seed erased the evidence with a digest for good.

    The vault is opened only where there is one: a brand's home needs no passphrase for that.
    """
    return lambda digest: (home.vault / "index").exists() and open_vault().marks.is_shredded()(digest)


def _refuse_gone(store: EvidenceStore, digest: str, is_shredded: Callable[[str], bool]) -> None:
    if is_shredded(digest):
        advice = "Keep the file outside of your home, if you need it again."
        raise InvalidInput("you erased this evidence for good, and no home of yours takes it again", advice)
    if store.is_restricted(digest):
        advice = f"Use it again: `consent evidence release {digest[:14]}`."
        raise InvalidInput("this evidence is kept here already, and not used", advice)


def _judged(network: Network, evidence: Evidence) -> tuple[NotConsented | None, bool]:
    """Why it is not in force, and whether its acceptance holds."""
    try:
        verified = verify(network, evidence, network.policy(controllers=None))
    except _ENDED as no:
        return no, False
    return None, verified.acceptance == "verified"
