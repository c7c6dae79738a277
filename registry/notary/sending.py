"""The transactions of the notary's account: signed, stored, then sent.

Every step may be cut off by a crash. What was stored then decides: a transaction that is stored is sent again as it is,
and what a live transaction carries is never given to another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import chain

from registry.core.errors import LedgerUnavailable
from registry.core.scalars import format_units
from registry.ledger.base import CallRefused, FeeTooHigh, OutOfFunds
from registry.ledger.observation import SignedTx, fee_of
from registry.ledger.outbox import Funds, InBlock, Outbox
from registry.notary.condition import Condition, Trouble, trouble
from registry.notary.records import (
    BatchState,
    EndingState,
    NewTransaction,
    NonceTaken,
    Transaction,
    TxKind,
    TxState,
    Version,
)
from registry.notary.settings import DAY, NotarySettings
from registry.notary.stores import Stores

# An anchor takes half of it.
_USUAL_GAS = 100_000
UNMINED = (TxState.SIGNED, TxState.SENT)
_IN_A_BLOCK = (BatchState.ANCHORED, BatchState.FINAL)
SIGNED_ENDINGS = (TxKind.REVOKE_OPENLY, TxKind.REVOKE_ALL, TxKind.RETIRE)
# A hostile contract account could make its ending cost much. A Safe of ten owners takes a tenth of the first one; the
# second one is for endings that no token paid for.
MAX_ENDING_GAS, MAX_FREE_GAS = 1_000_000, 300_000
# Endings that nobody pays for take at most this part of what a day may cost, and each takes about so much gas.
FREE_PART, _OPENING_GAS = 2, 30_000


class Held(Exception):
    """Nothing more can be sent now. ``trouble`` says why."""

    def __init__(self, found: Trouble) -> None:
        super().__init__(found.state)
        self.trouble = found


class Sending:
    """The live transactions, and the ways to change them. ``load`` reads them; one worker at a time may use it."""

    def __init__(
        self, stores: Stores, outbox: Outbox, settings: NotarySettings, clock: Callable[[], float] = time.time
    ) -> None:
        self._intake, self._book, self._outbox = stores.intake, stores.book, outbox
        self._settings, self._clock = settings, clock
        self.live: dict[int, Transaction] = {}
        self.funds: Funds | None = None
        self.free_room: int | None = None

    def load(self) -> None:
        """Read the live transactions from the book. What the account holds is asked for again when it is needed."""
        self.live = {tx.id: tx for tx in self._book.transactions()}
        self.funds = None

    @property
    def unmined(self) -> list[Transaction]:
        """The transactions that are in no block, by nonce."""
        return [tx for tx in self.live.values() if tx.state in UNMINED]

    @property
    def has_unsent(self) -> bool:
        """Whether a transaction is signed, and the node did not take it yet."""
        return any(tx.state is TxState.SIGNED for tx in self.live.values())

    @property
    def carried_endings(self) -> frozenset[int]:
        """The ids of the endings that live transactions carry."""
        return frozenset(chain.from_iterable(tx.endings for tx in self.live.values()))

    @property
    def carried_batches(self) -> frozenset[int]:
        """The ids of the batches that live transactions carry."""
        return frozenset(tx.batch for tx in self.live.values() if tx.kind is TxKind.ANCHOR)

    def post(
        self,
        kind: TxKind,
        call: bytes,
        *,
        batch: int = 0,
        endings: Sequence[int] = (),
        most_gas: int = MAX_ENDING_GAS,
    ) -> None:
        """Sign a call, store it, then send it.

        `Held` where money or fees do not allow it. ``CallRefused`` where the contract does not: then nothing is stored.
        ``NonceTaken`` where another worker sends for this account.
        """
        nonce = self._next_nonce()
        signed = self._priced(call, nonce)
        if kind in SIGNED_ENDINGS and signed.tx["gas"] > most_gas:
            raise CallRefused(f"it takes {signed.tx['gas']:,} gas, and the notary pays at most {most_gas:,} for it")
        self._check_ceiling(_most(signed))
        version = Version(signed.hash, signed.raw, signed.tx, int(self._clock()))
        if not self._book.lead(self._outbox.account):
            raise NonceTaken("another worker leads now")
        new = NewTransaction(self._outbox.account, nonce, kind, call, version, batch, tuple(endings))
        tx = self._book.add_transaction(new)
        self.live[tx.id] = tx
        self.mark_sent(tx)
        self.send(tx)

    def means(self) -> list[Trouble]:
        """Return what would hold up a transaction, so that nobody promises what the account cannot pay."""
        self.funds = self._outbox.funds()
        try:
            price = self._outbox.price()
            self.free_room = self._room(price)
            needed = _USUAL_GAS * price
            self._check_ceiling(needed)
        except FeeTooHigh as error:
            return [trouble(Condition.FEES, error)]
        except Held as held:
            return [held.trouble]
        if self.funds.balance < needed:
            has, needs = (format_units(amount, 18) for amount in (self.funds.balance, needed))
            why = f"{self._outbox.account} has {has}, and one transaction may take {needs}"
            return [Trouble(Condition.FUNDS, why, "Send it more of the chain's currency.")]
        return []

    def _room(self, price: int) -> int:
        """Return how many more openings may be taken for nothing, so that they never use up a day's money."""
        limit, spent = self._limit // FREE_PART, self._book.spent_since(int(self._clock()) - DAY)
        return max(0, limit - spent) // max(1, price * _OPENING_GAS)

    @property
    def _limit(self) -> int:
        return int(self._settings.spend_per_day * 10**18)

    def _next_nonce(self) -> int:
        if self.funds is None:
            self.funds = self._outbox.funds()
        return max([self.funds.nonce, *(tx.nonce + 1 for tx in self.live.values())])

    def _priced(self, call: bytes, nonce: int) -> SignedTx:
        try:
            return self._outbox.sign(call, nonce)
        except OutOfFunds as error:
            raise Held(trouble(Condition.FUNDS, error)) from None
        except FeeTooHigh as error:
            raise Held(trouble(Condition.FEES, error)) from None

    def _check_ceiling(self, more: int) -> None:
        limit = self._limit
        spent = self._book.spent_since(int(self._clock()) - DAY)
        if spent + more > limit:
            was, needs, most = (format_units(amount, 18) for amount in (spent, more, limit))
            why = f"{was} of the chain's currency is spent, {needs} more is needed, and the ceiling of a day is {most}"
            raise Held(Trouble(Condition.CEILING, why, "Wait, or raise spend_per_day in notary.toml."))

    def mark_sent(self, tx: Transaction) -> None:
        """Mark what the transaction carries, before it is sent; after a crash again."""
        if tx.endings:
            self._intake.set_endings(tx.endings, EndingState.SENT, transaction=tx.id)
        if tx.kind is TxKind.ANCHOR and not self._is_anchored_by_another(tx):
            self._book.set_batch(tx.batch, BatchState.SENT, transaction=tx.versions[-1].hash)

    def _is_anchored_by_another(self, tx: Transaction) -> bool:
        batch = self._book.batch(tx.call[4:36])  # the root is the call's first argument
        ours = [version.hash for version in tx.versions]
        return batch is not None and batch.state in _IN_A_BLOCK and batch.transaction not in ours

    def send(self, tx: Transaction) -> None:
        """Give the node the newest version; `Held` where it does not take it."""
        try:
            refused = self._outbox.send(signed_of(tx.versions[-1]))
        except OutOfFunds as error:
            raise Held(trouble(Condition.FUNDS, error)) from None
        except LedgerUnavailable as error:
            raise Held(trouble(Condition.CHAIN, error)) from None
        # With a used nonce, the next look tells whether a version of ours used it.
        if refused is None and tx.state is TxState.SIGNED:
            self.set_state(tx, TxState.SENT)

    def set_state(self, tx: Transaction, state: TxState) -> None:
        """Set the state of a transaction that is in no block."""
        self._book.set_transaction(tx.id, state)
        self.live[tx.id] = tx._replace(state=state)

    def record(self, tx: Transaction, state: TxState, found: InBlock) -> None:
        """Record the block that holds it, and what it cost."""
        self._book.set_transaction(
            tx.id,
            state,
            mined_hash=found.hash,
            block=found.block.number,
            block_hash=found.block.hash,
            gas_used=found.gas_used,
            cost=found.cost,
        )
        self.live[tx.id] = tx._replace(state=state, block=found.block.number, block_hash=found.block.hash)

    def release(self, tx: Transaction) -> None:
        """Let another transaction carry what this one carried."""
        if tx.endings:
            self._intake.set_endings(tx.endings, EndingState.WAITING, transaction=0)
        if tx.kind is TxKind.ANCHOR and not self._is_anchored_by_another(tx):
            self._book.set_batch(tx.batch, BatchState.PINNED)

    def replace(self, tx: Transaction) -> None:
        """Sign it anew for higher fees, store that, then send it; `Held` where money or fees do not allow it."""
        newest = signed_of(tx.versions[-1])
        try:
            signed = self._outbox.replace(newest)
        except FeeTooHigh as error:
            raise Held(trouble(Condition.FEES, error)) from None
        self._check_ceiling(_most(signed) - _most(newest))
        version = Version(signed.hash, signed.raw, signed.tx, int(self._clock()))
        self._book.add_version(tx.id, version)
        tx = self.live[tx.id] = tx._replace(versions=(*tx.versions, version))
        self.mark_sent(tx)
        self.send(tx)


def signed_of(version: Version) -> SignedTx:
    """Return the version as the outbox takes it."""
    return SignedTx(version.hash, version.raw, version.tx)


def _most(version: SignedTx) -> int:
    """Return the wei that a version may cost."""
    return int(version.tx["gas"]) * fee_of(version.tx)
