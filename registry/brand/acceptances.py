"""The Acceptance of each live grant: the brand's counter-signature, which completes the grant's file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from registry.brand.owed import Done, Owed
from registry.brand.records import Answer, Change, State
from registry.brand.store import Store
from registry.client.network import Network
from registry.client.sign import fresh_salt
from registry.core.evidence.file import parse_evidence, with_acceptance, write_evidence
from registry.core.scalars import to_hex
from registry.core.statements.messages import Acceptance


@dataclass(frozen=True)
class Acceptances:
    """Acceptances by the account ``controller``. ``settles_after`` blocks, a completed grant is verified once more."""

    network: Network
    store: Store
    controller: str
    settles_after: int

    def owed(self, limit: int) -> list[Owed]:
        """Return an Acceptance for each live grant that has none."""
        return [self._owed(grant) for grant in self.store.unsigned(limit)]

    def _owed(self, grant: Answer) -> Owed:
        digest = to_hex(grant.digest)
        return Owed(grant.id, lambda date: Acceptance(digest, self.controller, date, fresh_salt()))

    def complete(self, done: Sequence[Done]) -> None:
        """Put each into its grant's file. What ended meanwhile needs no counter-signature."""
        now, block = self.network.clock(), self.network.ledger.head().number
        grants = {each.id: each for each in self.store.by_id([each.about for each in done])}
        live = [(grants[each.about], each.evidence) for each in done if grants[each.about].state is State.LIVE]
        changes = []
        for grant, acceptance in live:
            file = write_evidence(with_acceptance(parse_evidence(grant.file), acceptance))
            check_at = block + self.settles_after
            # Only what is live still: the follower may have found meanwhile that the chain changed below it.
            changes.append(Change(grant.id, (State.LIVE,), State.LIVE, file=file, accepted_at=now, check_at=check_at))
        self.store.change(changes)
