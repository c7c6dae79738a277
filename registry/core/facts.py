"""The verifier's queries to a chain and the chain's answers: read first, judged afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from registry.core.crypto.revocation import handle_for
from registry.core.scalars import ZERO_ADDRESS, ZERO_WORD

# In blocks below the head: the largest depth at which an anchor may be read.
MAX_DEPTH = 1_000_000


class FactQuery(NamedTuple):
    """One call of the contract's ``facts(root, handle, subject)``: hex strings, a zero root where there is none.

    ``lock`` (the grant's ``revocation``) and ``salt`` make the handle; both are None for statements that cannot be
    revoked. Only the reader of the chain computes its three hashes; looking an answer up needs none.
    """

    root: str
    subject: str
    lock: str | None = None
    salt: str | None = None

    @property
    def handle(self) -> str:
        """The handle that the contract marks as revoked; zero for a statement that cannot be revoked."""
        return ZERO_WORD if self.lock is None or self.salt is None else handle_for(self.subject, self.lock, self.salt)


class HandleQuery(NamedTuple):
    """The same call for a handle or a root that is known without its grant; the zero word stands for none."""

    root: str
    handle: str
    subject: str = ZERO_ADDRESS


class SignatureQuery(NamedTuple):
    """Asks whether the contract at ``signer`` accepts this signature of this digest (ERC-1271)."""

    signer: str
    digest: bytes
    signature: bytes


class AnchorFacts(NamedTuple):
    """The contract's answer, in unix seconds; zero is "never"."""

    anchored_at: int
    revoked_at: int
    cutoff: int


class Facts(NamedTuple):
    """Everything read from one chain for one verification; times are unix seconds.

    ``clock`` is the reader's own clock at the time of asking. ``depth`` is the number of blocks below the head at
    which ``anchored_at`` was read. ``as_of`` is the past time for which cutoffs and ERC-1271 answers were read, None
    for the present. ``signatures`` holds the answer to each `SignatureQuery` that was asked.
    """

    chain_id: int
    block_number: int
    block_hash: str
    block_time: int
    clock: int
    depth: int
    as_of: int | None
    anchors: Mapping[FactQuery | HandleQuery, AnchorFacts]
    signatures: Mapping[SignatureQuery, bool]

    @property
    def present(self) -> int:
        """max(own clock, head's time): a chain whose clock runs ahead never hides a revocation."""
        return max(self.clock, self.block_time)
