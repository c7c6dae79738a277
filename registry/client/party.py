"""The parties: a person with a vault, and a brand with a key for what people send it; and what anchors for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from registry.client.evidence_store import EvidenceStore
from registry.client.network import Network
from registry.core.age.recipients import recipient_of
from registry.core.anchor import Anchor
from registry.core.merkle import build_tree, manifest_digest
from registry.core.scalars import to_hex
from registry.ledger.base import Ledger, Payer, Pending, Receipt
from registry.wallets.base import Wallet

if TYPE_CHECKING:
    from registry.vault.vault import Vault


class PendingAnchor(Protocol):
    """A commitment that is on its way to the chain."""

    def wait(self) -> tuple[Anchor, Receipt]:
        """Return the anchor, once it is made, and its receipt; ``LedgerUnavailable`` if that is not known in time."""


class Anchorer(Protocol):
    """Takes commitments (32 bytes each) and anchors them. It never sees a statement."""

    def submit(self, commitment: bytes) -> PendingAnchor:
        """Hand over one commitment. The errors are those of `Ledger.submit`."""


class OwnAnchorer(NamedTuple):
    """Anchors each commitment by itself, as a batch of one, in a transaction that ``sender`` or the relay pays."""

    ledger: Ledger
    sender: Payer | None = None

    def submit(self, commitment: bytes) -> PendingAnchor:
        root, manifest = to_hex(build_tree([commitment]).root), to_hex(manifest_digest([commitment]))
        return _OwnAnchor(root, self.ledger.submit("anchor", root, manifest, sender=self.sender))


class _OwnAnchor(NamedTuple):
    root: str
    pending: Pending

    def wait(self) -> tuple[Anchor, Receipt]:
        receipt = self.pending.wait()
        # A batch of one needs no proof.
        return Anchor(self.root, (), receipt.transaction, receipt.block), receipt


@dataclass(frozen=True, kw_only=True)
class Party:
    """One account on a network. ``evidence`` keeps what it signs; ``sender`` pays, None is the network's own relay."""

    network: Network
    wallet: Wallet
    evidence: EvidenceStore
    sender: Payer | None = None

    @property
    def address(self) -> str:
        """The account that signs, checksummed."""
        return self.wallet.address

    @property
    def pays_itself(self) -> bool:
        """True where the account that signs also pays, and so needs no signature beside its transaction."""
        return self.sender is not None and self.sender.address == self.address

    @property
    def payer(self) -> str:
        """The address that pays openly; empty where the network's relay pays."""
        return "" if self.sender is None else self.sender.address

    @property
    def anchorer(self) -> Anchorer:
        """Puts this party's commitments on chain."""
        return OwnAnchorer(self.network.ledger, self.sender)


@dataclass(frozen=True, kw_only=True)
class Person(Party):
    """A person: the subject of grants. The vault holds their records, and makes the secrets that end a grant."""

    vault: Vault


@dataclass(frozen=True, kw_only=True)
class Brand(Party):
    """A brand: the controller. ``identity`` is the secret age identity that opens capsules."""

    identity: str = field(repr=False)

    @property
    def recipient(self) -> str:
        """The age recipient for a notice: people seal their data to it."""
        return recipient_of(self.identity)
