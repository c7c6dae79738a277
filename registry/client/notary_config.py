"""Open the notaries that a configuration names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.client.notary import NotaryClient, parse_notaries
from registry.client.notary_anchor import Notaries
from registry.client.pending_store import PendingFolder
from registry.client.tokens import Tokens

if TYPE_CHECKING:
    from registry.client.session import Session


def open_notaries(session: Session) -> Notaries | None:
    """Return the notaries of ``--notary``; None where none is named, or ``--sender`` says without one who pays.

    No notary is asked yet. A ``sender`` of the configuration pays only where no notary does it.
    """
    flags = session.configuration.flags
    names = parse_notaries(session.configuration.settings.notary)
    if not names or (flags.get("sender") is not None and not flags.get("notary")):
        return None
    for name in names:
        if name.account is None:
            session.attendant.tell(
                f"No account is known for the notary {name.url}, so it names its own: its promises prove something "
                f"only to those who know that account. Write {name.url}#ACCOUNT."
            )
    tokens = Tokens(session.home.path / "tokens")
    return Notaries(
        tuple(NotaryClient(name, session.network.domain, tokens) for name in names),
        PendingFolder(session.home.path),
        tell=session.attendant.tell,
        progress=session.attendant.waiting_for,
        waits=not flags.get("no_wait"),
    )
