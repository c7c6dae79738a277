"""Open the notaries that a configuration names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.client.notary import parse_notaries
from registry.client.notary_anchor import Notaries

if TYPE_CHECKING:
    from registry.client.party import Party
    from registry.client.session import Session
    from registry.core.evidence.pending import PendingFile


def open_notaries(session: Session) -> Notaries:
    """Return the notaries of ``--notary``: none of them where ``--sender`` without it says who pays.

    No notary is asked yet. A ``sender`` of the configuration pays only where no notary does it.
    """
    flags = session.configuration.flags
    texts = session.configuration.settings.notary
    names = parse_notaries(texts)
    if flags.get("sender") is not None and not flags.get("notary"):
        names, texts = (), ()
    for name in names:
        if name.account is None:
            session.attendant.tell(
                f"No account is known for the notary {name.url}, so it names its own: its promises prove something "
                f"only to those who know that account. Write {name.url}#ACCOUNT."
            )
    how = {"tell": session.attendant.tell, "progress": session.attendant.waiting_for}
    return session.home.notaries(session.network, *texts, **how, waits=not flags.get("no_wait"))


def pending_party(session: Session, pending: PendingFile) -> Party:
    """Return the party that goes on with a pending statement: it signs nothing any more, and may have to pay."""
    from registry.client.party import Party
    from registry.wallets.base import AbsentWallet

    wallet = AbsentWallet(pending.evidence.signer)
    sender = session.wallets.payer(wallet)
    evidence, notaries = session.home.evidence, session.notaries
    return Party(network=session.network, wallet=wallet, evidence=evidence, sender=sender, notaries=notaries)


def ending_party(session: Session, pending: PendingFile) -> Party:
    """Return the party that gives up a pending statement: the person with the vault, where it must be ended first."""
    from registry.client.pending import must_be_ended

    if not must_be_ended(pending):
        return pending_party(session, pending)
    return session.person_of(pending.evidence.as_if_anchored, signs=False)
