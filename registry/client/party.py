"""The parties: a person with a vault, and a brand with a key for what people send it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from registry.client.anchoring import Anchorer, OwnAnchorer
from registry.client.evidence_store import EvidenceStore
from registry.client.network import Network
from registry.core.age.recipients import recipient_of
from registry.ledger.base import Payer
from registry.wallets.base import Wallet

if TYPE_CHECKING:
    from registry.client.confirm import Confirmations
    from registry.client.deliveries import Deliveries
    from registry.client.notary_anchor import Notaries
    from registry.vault.database import Database


@dataclass(frozen=True, kw_only=True)
class Party:
    """One account on a network. ``evidence`` keeps what it signs; ``sender`` pays, None is the network's own relay.

    ``notaries`` anchor and end for it, free, and are asked first. They may be none: then the party does it itself, and
    what it signs is kept from the moment it is signed. None stands for a party that keeps nothing until it is anchored.
    ``confirmations`` ask a brand's domain whether it is that brand; None asks nobody. ``deliveries`` keep what is on
    its way to brands; None delivers nothing.
    """

    network: Network
    wallet: Wallet
    evidence: EvidenceStore
    sender: Payer | None = None
    notaries: Notaries | None = None
    confirmations: Confirmations | None = None
    deliveries: Deliveries | None = None

    @property
    def address(self) -> str:
        """The account that signs, checksummed."""
        return self.wallet.address

    @property
    def pays_itself(self) -> bool:
        """True where the account that signs also pays, and so needs no signature beside its transaction."""
        return self.payer == self.address

    @property
    def payer(self) -> str:
        """The address that pays openly; empty where a notary or the network's relay pays."""
        return "" if self.sender is None or self.asks_notaries else self.sender.address

    @property
    def asks_notaries(self) -> bool:
        """True where a notary is asked before the party pays itself."""
        return self.notaries is not None and bool(self.notaries.clients)

    @property
    def by_itself(self) -> Self:
        """The same party without its notaries."""
        return replace(self, notaries=None)

    @property
    def anchorer(self) -> Anchorer:
        """Puts this party's commitments on chain, in a transaction of its own."""
        return OwnAnchorer(self.network.ledger, self.sender)


@dataclass(frozen=True, kw_only=True)
class Person(Party):
    """A person: the subject of grants. The vault holds their records, and makes the secrets that end a grant.

    ``tell`` hears what could not be done beside the answer, and is left for later.
    """

    vault: Database
    tell: Callable[[str], object] = field(default=lambda _: None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Fiduciary(Party):
    """A fiduciary: it signs for people, as itself, under their mandates. Its vault makes the secrets of its acts."""

    vault: Database


@dataclass(frozen=True, kw_only=True)
class Brand(Party):
    """A brand: the controller. ``identity`` is the secret age identity that opens capsules."""

    identity: str = field(repr=False)

    @property
    def recipient(self) -> str:
        """The age recipient for a notice: people seal their data to it."""
        return recipient_of(self.identity)
