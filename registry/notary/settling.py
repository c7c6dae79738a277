"""Do what each live transaction needs, by what the node shows of it: send it again, replace it, or record its block."""

from __future__ import annotations

import time

from registry.ledger.base import Head
from registry.ledger.outbox import InBlock, Outbox, Sighting
from registry.notary.condition import Trouble
from registry.notary.records import BatchState, EndingState, Transaction, TxKind, TxState
from registry.notary.sending import SIGNED_ENDINGS, UNMINED, Held, Sending, signed_of
from registry.notary.settings import NotarySettings
from registry.notary.stores import Stores

# Below so many blocks a transaction is watched no more. A reorganisation that deep makes a new transaction.
WATCHED_BLOCKS = 32
# A block that was started before the transaction arrived is no sign that its fees are too low.
_BLOCKS_TO_WAIT = 2
# A node that lags behind itself shows a used nonce before the receipt.
_SURE_SECONDS = 2.0


class Settling:
    """Looks at the transactions of ``sending``. What it remembers is only for how long it waits."""

    def __init__(self, stores: Stores, outbox: Outbox, sending: Sending, settings: NotarySettings) -> None:
        self._intake, self._book, self._outbox = stores.intake, stores.book, outbox
        self._sending, self._settings = sending, settings
        # By transaction: since when the node does not know it; since when, and at which block, it waits.
        self._misses: dict[int, float] = {}
        self._waits: dict[int, tuple[float, int]] = {}

    def settle(self, head: Head, *, all_of_them: bool) -> list[Trouble]:
        """Look for the transactions that are in no block, or for ``all_of_them``, and do what each needs.

        Return what could not be done.
        """
        deep = head.number - self._settings.confirmations - WATCHED_BLOCKS
        live = self._sending.live.values()
        looked_for = [tx for tx in live if all_of_them or tx.state in UNMINED or tx.block <= deep]
        seen = self._outbox.sight([[signed_of(version) for version in tx.versions] for tx in looked_for])
        troubles = []
        for tx, sighting in zip(looked_for, seen, strict=True):
            try:
                self._settle(tx, sighting, head)
            except Held as held:
                troubles.append(held.trouble)
        return troubles

    def _settle(self, tx: Transaction, seen: Sighting, head: Head) -> None:
        if seen.mined is not None:
            self._misses.pop(tx.id, None)
            self._waits.pop(tx.id, None)
            self._mined(tx, seen.mined, head)
            return
        if tx.state is TxState.MINED:
            tx = self._taken_back(tx)
        if seen.taken:
            self._lost(tx)
        elif seen.too_cheap or seen.known:
            self._hurry(tx, seen, head)
        else:
            self._unknown(tx)

    def _mined(self, tx: Transaction, found: InBlock, head: Head) -> None:
        if not found.worked or (tx.kind is TxKind.ANCHOR and not found.heard):
            self._undone(tx, found)
            return
        if tx.state is not TxState.MINED or tx.block_hash != found.block.hash:
            self._carry_out(tx, found)
        if head.number - found.block.number >= self._settings.confirmations + WATCHED_BLOCKS:
            self._sending.record(tx, TxState.FINAL, found)
            del self._sending.live[tx.id]

    def _carry_out(self, tx: Transaction, found: InBlock) -> None:
        if tx.endings:
            self._intake.set_endings(tx.endings, EndingState.ENDED, transaction=tx.id)
        if tx.kind is TxKind.ANCHOR:
            number, when = found.block.number, found.block.time
            self._book.set_batch(tx.batch, BatchState.ANCHORED, transaction=found.hash, block=number, time=when)
        self._sending.record(tx, TxState.MINED, found)

    def _undone(self, tx: Transaction, found: InBlock) -> None:
        """The contract undid it. A signed ending is refused; what it cannot refuse gets a new transaction."""
        if tx.kind in SIGNED_ENDINGS:
            why = f"the contract refused it in block {found.block.number:,}"
            self._intake.set_endings(tx.endings, EndingState.REFUSED, why=why)
        else:
            self._sending.release(tx)
        self._sending.record(tx, TxState.FINAL, found)
        del self._sending.live[tx.id]

    def _taken_back(self, tx: Transaction) -> Transaction:
        """Its block has left the chain. The same bytes stay valid, and are sent again."""
        self._sending.mark_sent(tx)
        self._sending.set_state(tx, TxState.SIGNED)
        return self._sending.live[tx.id]

    def _lost(self, tx: Transaction) -> None:
        """Another transaction has its nonce: what it carried gets a new one."""
        if self._is_sure(tx):
            self._sending.release(tx)
            self._book.set_transaction(tx.id, TxState.LOST)
            del self._sending.live[tx.id]

    def _unknown(self, tx: Transaction) -> None:
        """The node does not have it: send the same bytes, which can be mined only once."""
        if tx.state is TxState.SIGNED:
            self._sending.mark_sent(tx)
            self._sending.send(tx)
        elif self._is_sure(tx):
            self._sending.send(tx)

    def _is_sure(self, tx: Transaction) -> bool:
        """Return whether it was missed for a while, because the answers may be of different moments."""
        now = time.monotonic()
        if now - self._misses.setdefault(tx.id, now) < _SURE_SECONDS:
            return False
        del self._misses[tx.id]
        return True

    def _hurry(self, tx: Transaction, seen: Sighting, head: Head) -> None:
        """Replace it where new blocks leave it out. Unless they are too cheap, those behind the first one wait."""
        self._misses.pop(tx.id, None)
        if tx.state is TxState.SIGNED:
            self._sending.mark_sent(tx)
            if seen.too_cheap:
                self._sending.replace(tx)
            else:
                self._sending.set_state(tx, TxState.SENT)
            return
        now = time.monotonic()
        since, block = self._waits.setdefault(tx.id, (now, head.number))
        late = now - since >= self._settings.replace_seconds and head.number >= block + _BLOCKS_TO_WAIT
        if (late and tx.id == self._sending.unmined[0].id) or (seen.too_cheap and head.number > block):
            self._waits[tx.id] = now, head.number
            self._sending.replace(tx)
