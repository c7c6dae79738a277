"""A network: the ledger and the content store that parties share."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.core.eip712 import Domain, domain_of
from registry.core.errors import InvalidInput, LedgerUnavailable
from registry.core.evidence.file import Evidence
from registry.core.facts import FactQuery, Facts
from registry.core.scalars import CLOCK_SKEW, MAX_SAFE_INTEGER, ZERO_WORD
from registry.core.verify.policy import Policy
from registry.core.verify.queries import fact_queries
from registry.ledger.base import Ledger
from registry.storage.base import BlockStore

if TYPE_CHECKING:
    from registry.vault.place import Place


def system_clock() -> int:
    """Return the machine's time in unix seconds."""
    return int(time.time())


@dataclass(frozen=True)
class Network:
    """A ledger and a content store. ``clock`` gives unix seconds.

    Three members bound every `Policy`. ``max_backdate`` may be a function, called when a policy is made. ``place``
    names the store, so that a vault remembers it; None stands for a store of the caller's own.
    """

    ledger: Ledger
    store: BlockStore
    clock: Callable[[], int] = system_clock
    confirmations: int = 0
    max_backdate: int | Callable[[], int | None] | None = None
    max_facts_age: int | None = None
    place: Place | None = None

    @property
    def domain(self) -> Domain:
        """The EIP-712 domain of this network's registry."""
        return domain_of(self.ledger.deployment.chain_id, self.ledger.deployment.registry)

    def policy(self, **asked: Any) -> Policy:
        """Return a `Policy` for this chain and registry, with the network's bounds where ``asked`` names none."""
        for name in ("confirmations", "max_backdate", "max_facts_age"):
            if asked.get(name) is None:
                bound = getattr(self, name)
                asked[name] = bound() if callable(bound) else bound
        domain = self.domain
        return Policy(chain_id=domain.chain_id, registry=domain.verifying_contract, **asked)

    def read(self, evidence: Evidence, *, depth: int = 0, at: int | None = None) -> Facts:
        """Read the facts that decide this evidence, for the present or for a time ``at`` (unix seconds)."""
        anchors, signatures = fact_queries(evidence)
        return self.ledger.facts(anchors, signatures, depth=depth, as_of=at)

    def is_retired(self, account: str) -> bool:
        """Tell whether this account was retired for ever."""
        return self._cutoff(account)[1] > MAX_SAFE_INTEGER

    def date_for(self, author: str) -> int:
        """Return the date of a new statement by this author: max(own clock, head's time, cutoff + 1).

        ``InvalidInput`` for a retired address; ``LedgerUnavailable`` if that date is over 15 minutes ahead.
        """
        facts, cutoff = self._cutoff(author)
        if cutoff > MAX_SAFE_INTEGER:
            advice = "Use another account: no statement of this one will ever be believed."
            raise InvalidInput(f"{author} was retired for ever", advice)
        date = max(facts.present, cutoff + 1)
        if date > self.clock() + CLOCK_SKEW:
            raise LedgerUnavailable("the chain's clock runs more than 15 minutes ahead of this machine's")
        return date

    def _cutoff(self, account: str) -> tuple[Facts, int]:
        query = FactQuery(ZERO_WORD, account)
        facts = self.ledger.facts([query])
        return facts, facts.anchors[query].cutoff
