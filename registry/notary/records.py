"""What the notary keeps, as frozen types. The stores are in `registry.notary.protocols`."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple


class Times(NamedTuple):
    """When a request was received, and by when it is due; unix seconds."""

    received_at: int
    due: int


class Payment(NamedTuple):
    """What pays for a request: a token (the SHA-256 of its nonce and the time its key ends), a sponsor, or neither.

    A request that neither pays for used up an allowance before it came here.
    """

    token: bytes | None = None
    token_ends: int = 0
    sponsor: int | None = None


FREE = Payment()


class Arrival(NamedTuple):
    """A request to anchor: 32 bytes for each of its different commitments, in the order in which they came.

    ``key`` is the commitment itself where there is one, else the SHA-256 of ``items``; it recognises a repeat.
    """

    key: bytes
    items: bytes
    times: Times
    payment: Payment = FREE


class Unpaid(StrEnum):
    """Why a payment was not taken."""

    TOKEN_SPENT = "TokenSpent"  # noqa: S105 - it paid for another item
    BUDGET_SPENT = "BudgetSpent"  # the sponsor's budget does not hold as many items
    NO_SPONSOR = "NoSponsor"  # the sponsor was removed


class Waiting(NamedTuple):
    """The commitments that are in no batch yet: how many, and when the first was received (0 for none)."""

    commitments: int
    oldest: int


class TooManyWaiting(Exception):
    """More requests wait than are read for one answer, and the commitment is not in those that were."""


class EndingKind(StrEnum):
    """The kinds of endings; each is relayed by one function of the contract."""

    OPENING = "Opening"
    REVOKE = "Revoke"
    REVOKE_ALL = "RevokeAll"
    RETIRE = "Retire"


class EndingState(StrEnum):
    """How far an ending is. ``REFUSED``: the contract does not take it, as with a contract account's bad signature."""

    WAITING = "waiting"
    SENT = "sent"
    ENDED = "ended"
    REFUSED = "refused"


class NewEnding(NamedTuple):
    """An ending that arrived. ``key`` (32 bytes) is its handle, or its digest where it has none.

    ``body`` is the canonical JSON of the `Opening` or the signed ending. ``due`` is 0 where no promise is given.
    ``weight`` is what it may cost, in openings.
    """

    key: bytes
    kind: EndingKind
    body: bytes
    times: Times
    weight: int = 1


class Ending(NamedTuple):
    """An ending that is kept. ``transaction`` is the id of the `Transaction` that carries it, 0 for none."""

    id: int
    key: bytes
    kind: EndingKind
    body: bytes
    times: Times
    has_token: bool
    state: EndingState
    transaction: int
    why: str


class Sponsor(NamedTuple):
    """Who may draw tokens, or anchor, within a budget of items. Its key is kept as a hash."""

    id: int
    name: str
    budget: int
    used: int
    created_at: int


class BatchState(StrEnum):
    """How far a batch is. ``PINNED``: its manifest is stored. ``ANCHORED``: in a block, not yet deep enough."""

    CLOSED = "closed"
    PINNED = "pinned"
    SENT = "sent"
    ANCHORED = "anchored"
    FINAL = "final"


ON_THEIR_WAY = (BatchState.CLOSED, BatchState.PINNED, BatchState.SENT)
"""The states of batches that are in no block yet."""


class Batch(NamedTuple):
    """One batch. ``root`` and ``manifest`` (SHA-256 of it) have 32 bytes; ``transaction`` is a 0x hash, empty for none.

    ``block`` and ``time`` (unix seconds) are those of the block that holds it, 0 for none. ``due`` is the earliest
    ``anchorBy`` that was promised for a commitment in it, 0 where that is not known (a rebuilt batch).
    """

    id: int
    root: bytes
    manifest: bytes
    size: int
    closed_at: int
    due: int
    state: BatchState
    transaction: str
    block: int
    time: int


class TxKind(StrEnum):
    """The function of the contract that a transaction calls."""

    ANCHOR = "anchor"
    REVOKE_BATCH = "revokeBatch"
    REVOKE_OPENLY = "revokeOpenlyFor"
    REVOKE_ALL = "revokeAllFor"
    RETIRE = "retireFor"


class TxState(StrEnum):
    """How far a transaction is. ``SIGNED``: stored, perhaps not sent yet. ``LOST``: another one took its nonce."""

    SIGNED = "signed"
    SENT = "sent"
    MINED = "mined"
    FINAL = "final"
    LOST = "lost"


class Version(NamedTuple):
    """One signed form of a transaction: its 0x hash, its bytes, and the fields that were signed (JSON-RPC's names)."""

    hash: str
    raw: bytes
    tx: dict[str, Any]
    signed_at: int


class Transaction(NamedTuple):
    """A transaction of the notary's account. Its versions have the same nonce, so only one of them can be mined.

    ``call`` is the data for the registry. ``cost`` is in wei, 0 until it is in a block.
    """

    id: int
    account: str
    nonce: int
    kind: TxKind
    call: bytes
    batch: int
    endings: tuple[int, ...]
    state: TxState
    versions: tuple[Version, ...]
    mined_hash: str
    block: int
    block_hash: str
    gas_used: int
    cost: int


class NewTransaction(NamedTuple):
    """A transaction with its first signed version, to be stored before it is sent."""

    account: str
    nonce: int
    kind: TxKind
    call: bytes
    version: Version
    batch: int = 0
    endings: tuple[int, ...] = ()


class NonceTaken(Exception):
    """Another worker has stored a live transaction with this nonce of this account."""


class EventKind(StrEnum):
    """What an event tells: a root anchored, a handle revoked, or either one taken back by a reorganisation."""

    ANCHORED = "anchored"
    REVOKED = "revoked"
    REMOVED = "removed"


class Event(NamedTuple):
    """One event of the registry's log, as all clients get it. ``word`` is the root or the handle (32 bytes).

    ``id`` rises by the order in which events were noted. ``manifest`` is empty but for an anchor.
    """

    id: int
    kind: EventKind
    word: bytes
    manifest: bytes
    block: int
    time: int
