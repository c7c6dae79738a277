"""The work of the one worker that leads for the account: it follows the chain, relays endings, and anchors."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from registry.core.errors import LedgerUnavailable
from registry.ledger import abi
from registry.ledger.base import CallRefused, Head
from registry.ledger.follower import Follower
from registry.ledger.outbox import Outbox
from registry.notary.chain_log import ChainLog
from registry.notary.condition import Condition, Trouble, trouble
from registry.notary.records import BatchState, Ending, EndingKind, EndingState, NonceTaken, TxKind
from registry.notary.relaying import call_of, in_transactions
from registry.notary.sending import MAX_ENDING_GAS, MAX_FREE_GAS, Held, Sending
from registry.notary.settings import NotarySettings
from registry.notary.settling import Settling
from registry.notary.stores import Stores

# Transactions in no block at once: of all kinds, for endings, and for endings that no token paid for. The rest is room
# for anchors, and for endings with a token. Nodes keep 16 of an account.
MOST_UNMINED, MOST_ENDINGS, MOST_FREE = 16, 14, 8
# Waiting endings that one round looks at.
_LOOK_AT = 1_000
# How long one round relays endings that no token paid for: garbage that the contract refuses takes time too.
_FREE_SECONDS = 0.25
# How long one round drops items: those of many small requests take a while, and endings wait meanwhile.
_FINISH_SECONDS = 0.2
# How long one round reads the log, so that endings never wait for a long one.
_CATCH_UP_SECONDS = 0.2
# Seconds after which transactions are looked for although there is no new block.
_LOOK_AGAIN = 1.0
# How often the account's balance and the price of gas are looked at where nothing is sent.
_MEANS_SECONDS = 5.0


class Leader:
    """One round after another over what the book and the chain show. Nothing else is remembered that matters."""

    def __init__(
        self,
        stores: Stores,
        outbox: Outbox,
        follower: Follower,
        settings: NotarySettings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._intake, self._book, self._outbox = stores.intake, stores.book, outbox
        self._settings, self._clock = settings, clock
        self._log = ChainLog(stores, follower)
        self._sending = Sending(stores, outbox, settings, clock)
        self._settling = Settling(stores, outbox, self._sending, settings)
        self._means: list[Trouble] = []
        self._means_asked, self._balance = 0.0, ""
        self._leads, self._followed, self._looked = False, False, 0.0
        self._head: Head | None = None
        self._seen_at = 0

    def round(self) -> list[Trouble] | None:
        """Do one round, and return what holds work up; None where another worker leads."""
        led, self._leads = self._leads, False
        if not self._book.lead(self._outbox.account):
            return None
        if not led:
            self._log.load()
            self._followed, self._head = False, None
        try:
            troubles = self._round()
        except NonceTaken as error:
            return [Trouble(Condition.CHAIN, f"another worker sends for this account ({error})", "Run one leader.")]
        self._leads = True  # only now: after an error, everything is read anew
        return troubles

    def step_down(self) -> None:
        """Let another worker lead."""
        self._leads = False
        self._book.step_down()

    def figures(self) -> dict[str, Any]:
        """Return what a note tells: head, transactions in no block, whether all events are known, balance in wei.

        ``free_room`` is how many more endings may be taken for nothing.
        """
        head, seen_at = self._head, self._seen_at
        place = {"head": head.number, "head_time": head.time, "seen_at": seen_at} if head else {}
        means = {"balance": self._balance, "free_room": self._sending.free_room}
        return {"followed": self._followed, "unmined": len(self._sending.unmined), **means, **place}

    @property
    def is_busy(self) -> bool:
        """Whether a transaction is in no block, or part of the log is not read."""
        return bool(self._sending.unmined) or not self._followed

    def _round(self) -> list[Trouble]:
        troubles: list[Trouble] = []
        try:
            self._sending.load()
            head = self._outbox.head(with_code=False)
            if self._is_news(head):
                troubles += self._catch_up(self._outbox.head())
            troubles += self._send_all()
            if self._followed:
                self._finish(head)
            troubles += self._look_at_means()
        except LedgerUnavailable as error:
            troubles.append(trouble(Condition.CHAIN, error))
        return troubles

    def _send_all(self) -> list[Trouble]:
        # What is signed and not sent has the next nonce: all others would wait behind it.
        if self._sending.has_unsent:
            return []
        try:
            self._relay()
            self._anchor()
        except Held as held:
            return [held.trouble]
        return []

    def _look_at_means(self) -> list[Trouble]:
        """Look at money and fees now and then, and in each round while they hold work up."""
        if self._means or time.monotonic() - self._means_asked >= _MEANS_SECONDS:
            self._means = self._sending.means()
            self._means_asked = time.monotonic()
            self._balance = str(self._sending.funds.balance) if self._sending.funds else ""
        return self._means

    def _is_news(self, head: Head) -> bool:
        same = self._head is not None and self._head.hash == head.hash
        again = self.is_busy and time.monotonic() - self._looked >= _LOOK_AGAIN
        return not same or again or self._sending.has_unsent or not self._followed

    def _catch_up(self, head: Head) -> list[Trouble]:
        """Follow the log, and settle the transactions. A node that shows no logs holds up nothing else."""
        found, ends = list[Trouble](), time.monotonic() + _CATCH_UP_SECONDS
        while True:
            all_of_them, removed = not self._followed, False
            try:
                removed = self._follow(head)
            except LedgerUnavailable as error:
                self._followed = False
                found = [trouble(Condition.CHAIN, error)]
            settled = self._settling.settle(head, all_of_them=removed or all_of_them)
            self._log.keep()
            if found or self._followed or time.monotonic() >= ends:
                break
        if self._head is None or self._head.hash != head.hash:
            self._seen_at = int(self._clock())
        self._head, self._looked = head, time.monotonic()
        return found + settled

    def _follow(self, head: Head) -> bool:
        """Read one part of the log; return whether a reorganisation took something back."""
        if self._log.has_read(head):
            self._followed = True
            return False
        step = self._log.read()
        self._followed = step.caught_up
        return step.removed_above is not None

    def _relay(self) -> None:
        """Relay endings. Those with a token come first; those without leave them room, and soon the next round."""
        waiting = self._intake.waiting_endings(_LOOK_AT)
        carried = self._sending.carried_endings if waiting else frozenset()
        ends = time.monotonic() + _FREE_SECONDS
        for group in in_transactions([ending for ending in waiting if ending.id not in carried]):
            has_token = any(ending.has_token for ending in group)
            if not has_token and (time.monotonic() >= ends or self._is_too_dear(group[0])):
                continue
            if len(self._sending.unmined) < (MOST_ENDINGS if has_token else MOST_FREE):
                self._relay_group(self._without_known(group))

    def _is_too_dear(self, ending: Ending) -> bool:
        """Whether it waits because half of the day's money is spent: nobody paid for it, and nothing was promised."""
        return ending.kind is not EndingKind.OPENING and not ending.times.due and self._sending.free_room == 0

    def _without_known(self, group: list[Ending]) -> list[Ending]:
        """Leave out what the chain has already: it is ended for nothing."""
        known = [ending.id for ending in group if self._is_known(ending)]
        if known:
            self._intake.set_endings(known, EndingState.ENDED)
        return [ending for ending in group if ending.id not in known]

    def _is_known(self, ending: Ending) -> bool:
        has_handle = ending.kind in (EndingKind.OPENING, EndingKind.REVOKE)
        return has_handle and self._book.event_of(ending.key) is not None

    def _relay_group(self, group: list[Ending]) -> None:
        if not group:
            return
        kind, call = call_of(group)
        try:
            most_gas = MAX_ENDING_GAS if group[0].has_token else MAX_FREE_GAS
            self._sending.post(kind, call, endings=[ending.id for ending in group], most_gas=most_gas)
        except CallRefused as error:
            if kind is TxKind.REVOKE_BATCH:
                raise Held(trouble(Condition.CHAIN, error)) from None
            self._intake.set_endings([group[0].id], EndingState.REFUSED, why=str(error))

    def _finish(self, head: Head) -> None:
        """Make batches final that are deep enough. First drop their items: after a crash, both are done again."""
        ends = time.monotonic() + _FINISH_SECONDS
        for batch in self._book.batches(BatchState.ANCHORED):
            if time.monotonic() >= ends:
                return
            if head.number - batch.block >= self._settings.confirmations:
                self._intake.drop_items(batch)
                hash_, number, when = batch.transaction, batch.block, batch.time
                self._book.set_batch(batch.id, BatchState.FINAL, transaction=hash_, block=number, time=when)

    def _anchor(self) -> None:
        """Anchor pinned batches, those that are due first, first."""
        batches = self._book.batches(BatchState.PINNED)
        carried = self._sending.carried_batches if batches else frozenset()
        for batch in batches:
            if batch.id in carried or len(self._sending.unmined) >= MOST_UNMINED:
                continue
            # The part of the log that was not read yet may hold the root; but promises do not wait for long.
            if not self._followed and batch.due - self._clock() > self._settings.promise_seconds / 2:
                continue
            call = abi.encode("anchor", [batch.root, batch.manifest])
            try:
                self._sending.post(TxKind.ANCHOR, call, batch=batch.id)
            except CallRefused as error:
                raise Held(trouble(Condition.CHAIN, error)) from None
