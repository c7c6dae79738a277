"""Note in the vault that grants have ended, so that nothing is ever added to what they handed over.

An ending is never refused for that: where the vault cannot be changed now, the person is told. `vault sync` does it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from registry.client.delivering import tell_ended
from registry.client.evidence_store import EvidenceStore, kept_by_digest
from registry.client.party import Party, Person
from registry.core.errors import ConsentError
from registry.core.facts import FactQuery
from registry.core.scalars import ZERO_WORD
from registry.core.statements.messages import Grant


def note_ended(party: Party, grants: Iterable[Grant]) -> None:
    """Note that these grants ended, of which the chain says so, and tell the brands; for a person alone."""
    ended = list(grants)
    _note(party, ended)
    tell_ended(party, ended)


def note_all_ended(party: Party) -> None:
    """Note that everything ended which this account issued until the time that the chain shows, and tell the brands.

    For a person alone.
    """
    if isinstance(party, Person):
        with _telling(party):
            note_ended(party, _ended_by(party))


def tell_all_ended(parties: Iterable[Party]) -> None:
    """Tell the brands of all that these accounts ended."""
    for party in parties:
        # `status` tells those of which nothing could be read now.
        with suppress(ConsentError):
            tell_ended(party, _ended_by(party))


def _note(party: Party, ended: list[Grant]) -> None:
    locks = [grant.revocation for grant in ended if grant.content != ZERO_WORD]
    if locks and isinstance(party, Person):
        with _telling(party):
            party.vault.shares.end(*locks)


def _ended_by(party: Party) -> list[Grant]:
    """Return the kept grants of this account which the chain shows to be ended with everything else of it."""
    query = FactQuery(ZERO_WORD, party.address)
    cutoff = party.network.ledger.facts([query]).anchors[query].cutoff
    return [grant for grant in _grants_by(party.evidence, party.address) if grant.issued_at <= cutoff]


def _grants_by(store: EvidenceStore, author: str) -> Iterator[Grant]:
    for digest, entry in store.entries().items():
        if (entry.kind, entry.author) == ("Grant", author) and (kept := kept_by_digest(store, digest)) is not None:
            assert isinstance(kept.statement.message, Grant)
            yield kept.statement.message


@contextmanager
def _telling(person: Person) -> Iterator[None]:
    try:
        yield
    except ConsentError as error:
        person.tell(f"It has ended. The vault could not note that, and `consent vault sync` will: {error}.")
