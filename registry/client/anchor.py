"""Anchoring: a commitment goes under a Merkle root on chain (DESIGN section 3, "Batches")."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from registry.core.evidence.file import Anchor
from registry.core.merkle import build_tree, manifest_digest
from registry.core.scalars import to_hex
from registry.ledger.base import Ledger, Payer, Pending, Receipt


class AnchorReceipt(NamedTuple):
    """An anchor for an evidence file, and the receipt of the transaction that made it."""

    anchor: Anchor
    receipt: Receipt


class PendingAnchor(Protocol):
    """A commitment that is on its way to the chain."""

    def wait(self) -> AnchorReceipt:
        """Wait until it is anchored. ``LedgerUnavailable`` where that is not known in time."""


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

    def wait(self) -> AnchorReceipt:
        receipt = self.pending.wait()
        # A batch of one needs no proof.
        return AnchorReceipt(Anchor(self.root, (), receipt.transaction, receipt.block), receipt)
