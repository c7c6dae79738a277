"""The seam between a statement and its anchor: an anchorer sees a commitment, and returns something to wait for."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from registry.core.anchor import Anchor
from registry.core.merkle import build_tree, manifest_digest
from registry.core.scalars import to_hex
from registry.ledger.base import Ledger, Payer, Pending, Receipt


class PendingAnchor(Protocol):
    """A commitment that is on its way to the chain."""

    def wait(self) -> tuple[Anchor, Receipt]:
        """Return the anchor, once it is made, and its receipt; ``CouldNotCheck`` if that is not known in time."""


class Anchorer(Protocol):
    """Takes commitments (32 bytes each) and anchors them. It never sees a statement."""

    def submit(self, commitment: bytes) -> PendingAnchor:
        """Hand over one commitment. The errors are those of `Ledger.submit`, and ``NotaryUnavailable``."""


class OwnAnchorer(NamedTuple):
    """Anchors each commitment by itself, as a batch of one, in a transaction that ``sender`` or the relay pays."""

    ledger: Ledger
    sender: Payer | None = None

    def submit(self, commitment: bytes) -> PendingAnchor:
        root, manifest = own_root(commitment), to_hex(manifest_digest([commitment]))
        return _OwnAnchor(root, self.ledger.submit("anchor", root, manifest, sender=self.sender))


class _OwnAnchor(NamedTuple):
    root: str
    pending: Pending

    def wait(self) -> tuple[Anchor, Receipt]:
        receipt = self.pending.wait()
        # A batch of one needs no proof.
        return Anchor(self.root, (), receipt.transaction, receipt.block), receipt


def own_root(commitment: bytes) -> str:
    """Return the root of a batch that holds this commitment alone, 0x hex."""
    return to_hex(build_tree([commitment]).root)
