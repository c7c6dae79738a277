"""The transactions of the notary's account: signed, stored, then sent; observed, replaced, sent again.

Every step may be cut off by a crash. What was stored then decides: a transaction that is stored is sent again as it is,
and what a live transaction carries is never given to another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import chain

from registry.core.errors import LedgerUnavailable
from registry.core.scalars import format_units
from registry.ledger.base import CallRefused, FeeTooHigh, Head, OutOfFunds
from registry.ledger.observation import SignedTx, fee_of
from registry.ledger.outbox import Funds, InBlock, Outbox, Sighting
from registry.notary.condition import Condition, Trouble, trouble
from registry.notary.records import (
    BatchState,
    EndingState,
    NewTransaction,
    Transaction,
    TxKind,
    TxState,
    Version,
)
from registry.notary.settings import DAY, NotarySettings
from registry.notary.stores import Stores

# Below so many blocks a transaction is watched no more. A reorganisation that deep makes a new transaction.
WATCHED_BLOCKS = 32
# A block that was started before the transaction arrived is no sign that its fees are too low.
_BLOCKS_TO_WAIT = 2
# A node that lags behind itself shows a used nonce before the receipt.
_SURE_SECONDS = 2.0
_UNMINED = (TxState.SIGNED, TxState.SENT)
_IN_A_BLOCK = (BatchState.ANCHORED, BatchState.FINAL)
_SIGNED_ENDINGS = (TxKind.REVOKE_OPENLY, TxKind.REVOKE_ALL, TxKind.RETIRE)
# A hostile contract account could make its ending cost much. A Safe of ten owners takes a tenth of it.
MAX_ENDING_GAS = 1_000_000


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
        # By transaction: since when the node does not know it; since when, and at which block, a version waits.
        self._misses: dict[int, float] = {}
        self._waits: dict[int, tuple[int, float, int]] = {}

    def load(self) -> None:
        """Read the live transactions from the book. What the account holds is asked for again when it is needed."""
        self.live = {tx.id: tx for tx in self._book.transactions()}
        self.funds = None
        self._misses = {id: since for id, since in self._misses.items() if id in self.live}
        self._waits = {id: since for id, since in self._waits.items() if id in self.live}

    @property
    def unmined(self) -> list[Transaction]:
        """The transactions that are in no block, by nonce."""
        return [tx for tx in self.live.values() if tx.state in _UNMINED]

    @property
    def carried_endings(self) -> frozenset[int]:
        """The ids of the endings that live transactions carry."""
        return frozenset(chain.from_iterable(tx.endings for tx in self.live.values()))

    @property
    def carried_batches(self) -> frozenset[int]:
        """The ids of the batches that live transactions carry."""
        return frozenset(tx.batch for tx in self.live.values() if tx.kind is TxKind.ANCHOR)

    def settle(self, head: Head, *, all_of_them: bool) -> list[Trouble]:
        """Look for the transactions that are in no block, or for ``all_of_them``, and do what each needs.

        Return what could not be done.
        """
        deep = head.number - self._settings.confirmations - WATCHED_BLOCKS
        looked_for = [tx for tx in self.live.values() if all_of_them or tx.state in _UNMINED or tx.block <= deep]
        seen = self._outbox.sight([[_signed(version) for version in tx.versions] for tx in looked_for])
        troubles = []
        for tx, sighting in zip(looked_for, seen, strict=True):
            try:
                self._settle(tx, sighting, head)
            except Held as held:
                troubles.append(held.trouble)
        return troubles

    def post(self, kind: TxKind, call: bytes, *, batch: int = 0, endings: Sequence[int] = ()) -> None:
        """Sign a call, store it, then send it.

        `Held` where money or fees do not allow it. ``CallRefused`` where the contract does not: then nothing is stored.
        ``NonceTaken`` where another worker sends for this account.
        """
        nonce = self._next_nonce()
        signed = self._priced(call, nonce)
        if kind in _SIGNED_ENDINGS and signed.tx["gas"] > MAX_ENDING_GAS:
            raise CallRefused(f"it takes {signed.tx['gas']:,} gas, and a notary pays at most {MAX_ENDING_GAS:,}")
        self._check_ceiling(_most(signed))
        version = Version(signed.hash, signed.raw, signed.tx, int(self._clock()))
        new = NewTransaction(self._outbox.account, nonce, kind, call, version, batch, tuple(endings))
        tx = self._book.add_transaction(new)
        self.live[tx.id] = tx
        self._mark_sent(tx)
        self._send(tx)

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
        limit = int(self._settings.spend_per_day * 10**18)
        spent = self._book.spent_since(int(self._clock()) - DAY)
        if spent + more > limit:
            amounts = (format_units(amount, 18) for amount in (spent, more, limit))
            why = "{} of the chain's currency is spent, {} more is needed, and the ceiling of a day is {}".format(
                *amounts
            )
            raise Held(Trouble(Condition.CEILING, why, "Wait, or raise spend_per_day in notary.toml."))

    def _mark_sent(self, tx: Transaction) -> None:
        """Mark what the transaction carries, before it is sent; after a crash again."""
        if tx.endings:
            self._intake.set_endings(tx.endings, EndingState.SENT, transaction=tx.id)
        if tx.kind is TxKind.ANCHOR and not self._is_anchored_by_another(tx):
            self._book.set_batch(tx.batch, BatchState.SENT, transaction=tx.versions[-1].hash)

    def _is_anchored_by_another(self, tx: Transaction) -> bool:
        batch = self._book.batch(tx.call[4:36])  # the root is the call's first argument
        ours = [version.hash for version in tx.versions]
        return batch is not None and batch.state in _IN_A_BLOCK and batch.transaction not in ours

    def _send(self, tx: Transaction) -> None:
        try:
            refused = self._outbox.send(_signed(tx.versions[-1]))
        except OutOfFunds as error:
            raise Held(trouble(Condition.FUNDS, error)) from None
        except LedgerUnavailable as error:
            raise Held(trouble(Condition.CHAIN, error)) from None
        # With a used nonce, the next look tells whether a version of ours used it.
        if refused is None and tx.state is TxState.SIGNED:
            self._set(tx, TxState.SENT)

    def _set(self, tx: Transaction, state: TxState) -> None:
        self._book.set_transaction(tx.id, state)
        self.live[tx.id] = tx._replace(state=state)

    def _settle(self, tx: Transaction, seen: Sighting, head: Head) -> None:
        if seen.mined is not None:
            self._misses.pop(tx.id, None)
            self._waits.pop(tx.id, None)
            self._mined(tx, seen.mined, head)
            return
        if tx.state is TxState.MINED:
            tx = self._taken_back(tx)
        if seen.taken or not seen.known:
            self._missing(tx, seen)
        else:
            self._misses.pop(tx.id, None)
            if tx.state is TxState.SIGNED:
                self._mark_sent(tx)
                self._set(tx, TxState.SENT)
            self._hurry(tx, seen, head)

    def _mined(self, tx: Transaction, found: InBlock, head: Head) -> None:
        if not found.worked or (tx.kind is TxKind.ANCHOR and not found.heard):
            self._undone(tx, found)
            return
        if tx.state is not TxState.MINED or tx.block_hash != found.block.hash:
            self._carry_out(tx, found)
        if head.number - found.block.number >= self._settings.confirmations + WATCHED_BLOCKS:
            self._record(tx, TxState.FINAL, found)
            del self.live[tx.id]

    def _carry_out(self, tx: Transaction, found: InBlock) -> None:
        if tx.endings:
            self._intake.set_endings(tx.endings, EndingState.ENDED, transaction=tx.id)
        if tx.kind is TxKind.ANCHOR:
            number, when = found.block.number, found.block.time
            self._book.set_batch(tx.batch, BatchState.ANCHORED, transaction=found.hash, block=number, time=when)
        self._record(tx, TxState.MINED, found)

    def _undone(self, tx: Transaction, found: InBlock) -> None:
        """The contract undid it. A signed ending is refused; what it cannot refuse gets a new transaction."""
        if tx.kind in _SIGNED_ENDINGS:
            why = f"the contract refused it in block {found.block.number:,}"
            self._intake.set_endings(tx.endings, EndingState.REFUSED, why=why)
        else:
            self._release(tx)
        self._record(tx, TxState.FINAL, found)
        del self.live[tx.id]

    def _record(self, tx: Transaction, state: TxState, found: InBlock) -> None:
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

    def _taken_back(self, tx: Transaction) -> Transaction:
        """Its block has left the chain. The same bytes stay valid, and are sent again."""
        self._mark_sent(tx)
        self._set(tx, TxState.SIGNED)
        return self.live[tx.id]

    def _missing(self, tx: Transaction, seen: Sighting) -> None:
        """Wait before it is given up, because the answers may be of different moments."""
        if tx.state is TxState.SIGNED and not seen.taken:
            self._mark_sent(tx)
            self._send(tx)
            return
        now = time.monotonic()
        if now - self._misses.setdefault(tx.id, now) < _SURE_SECONDS:
            return
        del self._misses[tx.id]
        if seen.taken:
            self._release(tx)
            self._book.set_transaction(tx.id, TxState.LOST)
            del self.live[tx.id]
        elif seen.too_cheap:
            self._replace(tx)
        else:
            self._send(tx)

    def _release(self, tx: Transaction) -> None:
        """Let another transaction carry what this one carried."""
        if tx.endings:
            self._intake.set_endings(tx.endings, EndingState.WAITING, transaction=0)
        if tx.kind is TxKind.ANCHOR and not self._is_anchored_by_another(tx):
            self._book.set_batch(tx.batch, BatchState.PINNED)

    def _hurry(self, tx: Transaction, seen: Sighting, head: Head) -> None:
        """Replace it where new blocks leave it out. Unless they are too cheap, those behind the first one wait."""
        now, versions = time.monotonic(), len(tx.versions)
        count, since, block = self._waits.setdefault(tx.id, (versions, now, head.number))
        if count != versions:
            self._waits[tx.id] = versions, now, head.number
            return
        is_first = tx.id == self.unmined[0].id
        late = now - since >= self._settings.replace_seconds and head.number >= block + _BLOCKS_TO_WAIT
        if (late and is_first) or (seen.too_cheap and head.number > block):
            self._waits[tx.id] = versions, now, head.number
            self._replace(tx)

    def _replace(self, tx: Transaction) -> None:
        newest = _signed(tx.versions[-1])
        try:
            signed = self._outbox.replace(newest)
        except FeeTooHigh as error:
            raise Held(trouble(Condition.FEES, error)) from None
        self._check_ceiling(_most(signed) - _most(newest))
        version = Version(signed.hash, signed.raw, signed.tx, int(self._clock()))
        self._book.add_version(tx.id, version)
        tx = self.live[tx.id] = tx._replace(versions=(*tx.versions, version))
        self._mark_sent(tx)
        self._send(tx)


def _signed(version: Version) -> SignedTx:
    return SignedTx(version.hash, version.raw, version.tx)


def _most(version: SignedTx) -> int:
    """Return the wei that a version may cost."""
    return int(version.tx["gas"]) * fee_of(version.tx)
