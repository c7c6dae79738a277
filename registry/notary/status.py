"""How a notary is doing, from its database and its chain, and what is in trouble."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from registry.core.errors import CouldNotCheck
from registry.core.scalars import format_units, format_utc
from registry.ledger.base import Head
from registry.ledger.rpc import RpcLedger
from registry.notary.condition import WORKER_NOTE, Condition
from registry.notary.protocols import ChainBook, Intake
from registry.notary.records import ON_THEIR_WAY, Batch, BatchState, EndingState, Waiting
from registry.notary.settings import DAY, NotarySettings
from registry.notary.site import COIN, Clock, Site, balance_of

# A promise is near its time when less than this part of its span is left.
NEAR = 4
# The worker writes its note in every round; a note that is this old says that no worker runs.
SILENT_SECONDS = 60
_SOME = 1_000


class Chain(NamedTuple):
    """What the chain says: its newest block, and the account's balance in wei."""

    head: Head
    balance: int


class Status(NamedTuple):
    """One look at a notary. ``chain`` is None where the node did not answer, and ``unknown`` says why.

    ``batches`` are those that are not final. ``late`` and ``near`` tell of promises in words. ``worker`` is its note.
    ``silent`` is how many seconds ago it was written. ``spent`` is what the last 24 hours cost at most, in wei.
    """

    account: str
    silent: int
    chain: Chain | None
    unknown: str
    waiting: Waiting
    batches: dict[BatchState, int]
    endings: dict[EndingState, int]
    gas: int
    grants: int
    spent: int
    ceiling: int
    worker: dict[str, Any]
    late: tuple[str, ...]
    near: tuple[str, ...]

    @property
    def gas_a_grant(self) -> float | None:
        """The gas that a commitment took so far; None before the first."""
        return self.gas / self.grants if self.grants else None

    @property
    def troubles(self) -> tuple[str, ...]:
        """What needs the operator, in words; empty where all is well."""
        return (*self._troubles(), *self.late, *self.near)

    def _troubles(self) -> Iterator[str]:
        if not self.worker:
            yield "no worker has run yet"
        elif self.silent > SILENT_SECONDS:
            yield f"the worker has been silent for {self.silent:,} s"
        elif (why := self.worker.get("why")) and self.worker.get("state") != Condition.OK:
            yield f"the worker says: {why}"
        if self.chain is not None and self.chain.balance == 0:
            yield f"the account {self.account} has no funds"
        if self.spent >= self.ceiling:
            yield f"the last 24 hours cost {format_units(self.spent, COIN)}, and the ceiling is reached"


def read_status(site: Site, intake: Intake, book: ChainBook, account: str, clock: Clock = time.time) -> Status:
    """Read how the notary is doing. ``DatabaseUnavailable`` where the database does not answer."""
    chain, unknown = _chain(site, account)
    here = int(clock())
    # The chain judges promises, so its time counts where it is ahead. What the worker notes is of this machine's clock.
    now = max(here, chain.head.time if chain else 0)
    worker = book.notes().get(WORKER_NOTE, {})
    gas, grants = book.totals()
    batches = [batch for state in BatchState if state != BatchState.FINAL for batch in book.batches(state, _SOME)]
    waiting = intake.waiting()
    dues = [*_batch_dues(batches), *_waiting_dues(waiting, site.settings), *_ending_dues(intake)]
    return Status(
        account=account,
        silent=abs(here - int(worker.get("at", here))),
        chain=chain,
        unknown=unknown,
        waiting=waiting,
        batches={
            state: sum(batch.state == state for batch in batches) for state in BatchState if state != BatchState.FINAL
        },
        endings=intake.count_endings(),
        gas=gas,
        grants=grants,
        spent=book.spent_since(here - DAY),
        ceiling=round(site.settings.spend_per_day * 10**COIN),
        worker=worker,
        late=tuple(f"{what} were due at {format_utc(due)}" for what, due, _ in dues if due < now),
        near=tuple(
            f"{what} are due at {format_utc(due)}" for what, due, span in dues if due >= now > due - span // NEAR
        ),
    )


def _chain(site: Site, account: str) -> tuple[Chain | None, str]:
    try:
        head = RpcLedger(site.node_url, site.deployment).head()
        return Chain(head, balance_of(site, account)), ""
    except CouldNotCheck as error:
        return None, str(error)


_Due = tuple[str, int, int]


def _batch_dues(batches: list[Batch]) -> Iterator[_Due]:
    for batch in batches:
        if batch.due and batch.state in ON_THEIR_WAY:
            what = f"the {batch.size:,} commitments of the {batch.state} batch 0x{batch.root.hex()}"
            yield what, batch.due, max(batch.due - batch.closed_at, 0)


def _waiting_dues(waiting: Waiting, settings: NotarySettings) -> Iterator[_Due]:
    if waiting.commitments:
        due = waiting.oldest + settings.promise_seconds
        yield f"the first of {waiting.commitments:,} waiting commitments", due, settings.promise_seconds


def _ending_dues(intake: Intake) -> Iterator[_Due]:
    dues = [one.times for one in intake.waiting_endings(_SOME) if one.times.due]
    if dues:
        first = min(dues, key=lambda times: times.due)
        yield f"the first of {len(dues):,} waiting endings", first.due, first.due - first.received_at
