"""What the verifier wants to know of a chain, and what the chain answered: plain values, no I/O.

Facts are read first, then judged (DESIGN section 4); whoever reads them decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from registry.core.crypto.revocation import handle_for

ZERO = "0x" + "00" * 32
# Blocks below the head: the deepest at which an anchor may be asked for.
MAX_DEPTH = 1_000_000


class FactQuery(NamedTuple):
    """One anchor to ask for: ``facts(root, handle, subject)`` of the contract. Hex strings; root zero where unused.

    It holds what the handle is made of (``lock`` is the grant's ``revocation``), both None for what cannot be
    revoked. Whoever asks the chain works the handle out; whoever has the answer finds it without those three hashes.
    """

    root: str
    subject: str
    lock: str | None = None
    salt: str | None = None

    @property
    def handle(self) -> str:
        """What the contract marks when it is revoked; zero for what cannot be."""
        return ZERO if self.lock is None or self.salt is None else handle_for(self.subject, self.lock, self.salt)


class SignatureQuery(NamedTuple):
    """Does the contract at ``signer`` accept this signature of this digest (ERC-1271)?"""

    signer: str
    digest: bytes
    signature: bytes


class AnchorFacts(NamedTuple):
    """The contract's answer, in unix seconds; zero is "never"."""

    anchored_at: int
    revoked_at: int
    cutoff: int


class Facts(NamedTuple):
    """Everything read from one chain for one verification.

    ``clock`` is the reader's own clock when it asked; ``depth`` how many blocks below the head ``anchored_at``
    was read; ``as_of`` the past instant (unix seconds) for which cutoffs and ERC-1271 answers were read, None
    for the present. ``signatures`` holds an answer for each question that was asked.
    """

    chain_id: int
    block_number: int
    block_hash: str
    block_time: int
    clock: int
    depth: int
    as_of: int | None
    anchors: Mapping[FactQuery, AnchorFacts]
    signatures: Mapping[SignatureQuery, bool]

    @property
    def present(self) -> int:
        """max(own clock, head's time): a chain whose clock runs ahead never hides a revocation."""
        return max(self.clock, self.block_time)
