"""What the notary is built on: its two stores, and the account that signs for it.

The *intake* holds what only a back-up brings back: requests and their times, endings, spent tokens, sponsors. The
*chain book* holds what `rebuild` restores from the chain and IPFS: batches, proofs, transactions, events. On SQLite
they are two files, so that building a batch never makes a request wait; on PostgreSQL they share a database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from registry.notary.records import (
    FREE,
    Arrival,
    Batch,
    BatchState,
    Ending,
    EndingState,
    Event,
    NewEnding,
    NewTransaction,
    Payment,
    Sponsor,
    Times,
    Transaction,
    TxState,
    Unpaid,
    Version,
    Waiting,
)


class Intake(Protocol):
    """What arrived. Each method is one durable transaction. Safe for threads."""

    def take(self, arrivals: Sequence[Arrival]) -> list[Times | Unpaid]:
        """Keep requests durably, in one commit. A known key gets the times of its first request, and pays nothing."""

    def known(self, key: bytes) -> Times | None:
        """Return the times of the request with this key; None for a new one."""

    def waiting(self) -> Waiting:
        """Count the commitments that are in no batch yet."""

    def times_of(self, commitment: bytes) -> Times | None:
        """Return the times of a commitment that waits for a batch in a request of its own; None for any other.

        Ask this before `ChainBook.proof`: a batch may close between the two.
        """

    def times_among(self, commitment: bytes) -> Times | None:
        """Do the same for one that waits among others. It reads those, but only so many: else `TooManyWaiting`."""

    def add_endings(self, endings: Sequence[NewEnding], payment: Payment = FREE) -> list[Ending] | Unpaid:
        """Keep endings durably, all or none. A known one is returned as it is; only new ones are paid for.

        One that was refused is tried again where a token pays for that.

        An ending is known by its key *and* its body, because anybody may name another's handle beside a bad signature.
        """

    def ending(self, key: bytes) -> Ending | None:
        """Return the ending with this handle or digest; of several the one that is furthest, refused ones last."""

    def waiting_endings(self, limit: int) -> list[Ending]:
        """Return the waiting endings: those with a token first, and then those that came first."""

    def free_waiting(self, limit: int) -> int:
        """Count the waiting endings that no token paid for, up to ``limit``."""

    def count_endings(self) -> dict[EndingState, int]:
        """Count the endings by state."""

    def set_endings(
        self, ids: Sequence[int], state: EndingState, *, transaction: int | None = None, why: str = ""
    ) -> None:
        """Set the state of these endings; a ``transaction`` of None leaves theirs."""

    def draw(self, sponsor: int, count: int) -> Unpaid | None:
        """Take ``count`` items from a sponsor's budget, at once or not at all."""

    def sponsor_of(self, key_hash: bytes) -> Sponsor | None:
        """Return the sponsor whose key has this SHA-256."""

    def sponsors(self) -> list[Sponsor]:
        """Return all sponsors, by name."""

    def add_sponsor(self, name: str, key_hash: bytes, budget: int, now: int) -> Sponsor:
        """Add a sponsor. ``InvalidInput`` where the name is taken."""

    def set_budget(self, name: str, budget: int) -> Sponsor:
        """Set a sponsor's budget in items; what is used stays used. ``InvalidInput`` for an unknown name."""

    def remove_sponsor(self, name: str) -> None:
        """Remove a sponsor; its key opens nothing any more. ``InvalidInput`` for an unknown name."""

    def forget_tokens(self, now: int) -> int:
        """Forget the spent tokens whose keys ended before ``now``; return how many."""

    def drop_items(self, batch: Batch) -> None:
        """Drop the stored commitments of the requests in a final batch; their keys and times stay, for repeats."""


class ChainBook(Protocol):
    """Batches, proofs, transactions and events. Safe for threads; on PostgreSQL also for several machines."""

    def close_batch(self, now: int, *, items: int, seconds: int, at_once: bool = False) -> Batch | None:
        """Make a batch of waiting requests if ``items`` wait, if one has waited ``seconds``, or ``at_once``.

        None where there is nothing to do. A commitment that is in a batch already is left out; a request goes into a
        batch whole. Two workers never take the same request.
        """

    def add_rebuilt(self, commitments: Sequence[bytes], transaction: str, block: int, time: int) -> Batch:
        """Keep a batch that the chain holds and whose manifest was found, as final; one that is kept stays."""

    def batch(self, root: bytes) -> Batch | None:
        """Return the batch with this root."""

    def batches(self, state: BatchState, limit: int = 100) -> list[Batch]:
        """Return the batches in a state, those that are due first, first."""

    def set_batch(self, batch: int, state: BatchState, *, transaction: str = "", block: int = 0, time: int = 0) -> None:
        """Set how far a batch is, and where it is on the chain."""

    def manifest(self, root: bytes) -> bytes | None:
        """Return the batch's commitments in ascending order, concatenated; None for an unknown root."""

    def proof(self, commitment: bytes) -> tuple[Batch, list[bytes]] | None:
        """Return the batch of a commitment, and its proof from the leaf up; None if it is in no batch."""

    def add_transaction(self, new: NewTransaction) -> Transaction:
        """Store a signed transaction. `NonceTaken` where the account has a live one with this nonce."""

    def add_version(self, transaction: int, version: Version) -> None:
        """Store a replacement before it is sent."""

    def transactions(self) -> list[Transaction]:
        """Return the transactions that are neither final nor lost, by nonce."""

    def transaction(self, id: int) -> Transaction | None:
        """Return one transaction."""

    def set_transaction(
        self,
        id: int,
        state: TxState,
        *,
        mined_hash: str = "",
        block: int = 0,
        block_hash: str = "",
        gas_used: int = 0,
        cost: int = 0,
    ) -> None:
        """Set how far a transaction is."""

    def spent_since(self, moment: int) -> int:
        """Return the wei that transactions signed since then cost, or may cost while they are not mined."""

    def totals(self) -> tuple[int, int]:
        """Return the gas that anchoring took so far, and how many commitments it anchored."""

    def add_events(self, events: Sequence[Event]) -> None:
        """Keep events in this order; their ids are given here.

        What stands already, or was taken back already, is left out, so that a follower may add events twice.
        """

    def events_after(self, id: int, limit: int = 1_000) -> list[Event]:
        """Return the events with larger ids, in order."""

    def event_of(self, word: bytes, manifest: bytes = b"") -> Event | None:
        """Return the newest event of a handle, or of a root with this manifest; None where that one was taken back.

        Anybody may anchor a word that is somebody's handle, or a root beside another manifest.
        """

    def put_note(self, name: str, value: dict[str, Any]) -> None:
        """Keep a small JSON object under a name: a cursor, a worker's state."""

    def notes(self) -> dict[str, dict[str, Any]]:
        """Return all notes."""

    def lead(self, account: str) -> bool:
        """Become the one worker that sends for an account, or check that this one still is; False where another is.

        A stopped process stays the leader. So transactions are fenced by their nonces as well.
        """

    def step_down(self) -> None:
        """Let another worker lead."""


class Signer(Protocol):
    """The notary's account. The edge makes it, because only `wallets` holds keys. Safe for threads."""

    @property
    def address(self) -> str:
        """Checksummed."""

    def sign_hash(self, digest: bytes) -> bytes:
        """Return the plain ECDSA signature (65 bytes, v 27 or 28) of a 32-byte digest."""

    def sign_transaction(self, tx: dict[str, Any]) -> bytes:
        """Return the signed transaction's bytes. ``tx`` has JSON-RPC's names, and numbers as integers."""
