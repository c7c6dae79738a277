"""Who acts, and where: a party with its wallet and vault, on a network of a ledger and a content store."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from registry.core.errors import InvalidInput, LedgerUnavailable
from registry.core.evidence.file import Evidence
from registry.core.facts import ZERO, FactQuery, Facts
from registry.core.scalars import CLOCK_SKEW, MAX_SAFE_INTEGER
from registry.core.statements.messages import Domain, domain_of
from registry.core.verify.judge import fact_queries
from registry.core.verify.policy import Policy
from registry.ledger.base import Ledger, Payer
from registry.storage.base import BlockStore
from registry.wallets.base import Wallet

if TYPE_CHECKING:
    from registry.vault.vault import Vault


def system_clock() -> int:
    """Unix seconds."""
    return int(time.time())


@dataclass(frozen=True)
class Network:
    """What parties share: a ledger and a content store. ``clock`` gives unix seconds."""

    ledger: Ledger
    store: BlockStore
    clock: Callable[[], int] = system_clock

    @property
    def domain(self) -> Domain:
        """The EIP-712 domain of this network's registry."""
        return domain_of(self.ledger.deployment.chain_id, self.ledger.deployment.registry)

    def policy(self, **asked: Any) -> Policy:
        """A `Policy` for this network's chain and registry; ``controllers`` must be stated, None for "not asked"."""
        return Policy(chain_id=self.domain.chain_id, registry=self.domain.verifying_contract, **asked)

    def read(self, evidence: Evidence, *, depth: int = 0, at: int | None = None) -> Facts:
        """The facts that decide this evidence, for the present or for a time ``at`` in the past."""
        anchors, signatures = fact_queries(evidence)
        return self.ledger.facts(anchors, signatures, depth=depth, as_of=at)

    def date_for(self, author: str) -> int:
        """When a statement of this author says it was issued: max(own clock, head's time, cutoff + 1).

        ``InvalidInput`` for a retired address; ``LedgerUnavailable`` where that would lie over 15 minutes ahead.
        """
        question = FactQuery(ZERO, author)
        facts = self.ledger.facts([question])
        cutoff = facts.anchors[question].cutoff
        if cutoff > MAX_SAFE_INTEGER:
            raise InvalidInput(
                f"{author} was retired for ever", "Use another account; this one is never believed again."
            )
        date = max(facts.present, cutoff + 1)
        if date > self.clock() + CLOCK_SKEW:
            raise LedgerUnavailable("the chain's clock runs more than 15 minutes ahead of this machine's")
        return date


@dataclass(frozen=True)
class Party:
    """One person or brand. ``sender`` pays for transactions; None is the network's own relay."""

    network: Network
    wallet: Wallet
    vault: Vault
    seed: bytes = field(repr=False)
    sender: Payer | None = None

    @property
    def address(self) -> str:
        """The account that signs, checksummed."""
        return self.wallet.address

    @property
    def pays_itself(self) -> bool:
        """Does the account that signs pay too, and so need no signature beside its transaction?"""
        return self.sender is not None and self.sender.address == self.address
