"""Follow a transaction that was sent, until enough blocks lie above it.

Meanwhile the node may be away, a reorganisation may remove the transaction from its block, the base fee may rise above
its fees, or another program may use the account's nonce.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from registry.core.errors import ConsentError, InvalidInput, LedgerUnavailable
from registry.ledger.base import Head
from registry.ledger.blocks import quantity
from registry.ledger.observation import Observation, SignedTx, blocks_of_receipts, fee_of, observe, send
from registry.net.json_rpc import Node, NodeError

FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
# A block that was started before the transaction arrived is no sign that its fees are too low.
_BLOCKS_TO_WAIT = 2
REPLACE_SECONDS = 30.0
RESEND = "It may still be taken up; sending it again later does no harm."

Progress = Callable[[str, float], None]


class Limits(NamedTuple):
    """The bounds of sending and waiting.

    ``fee``: wei for a unit of gas, base fee and tip together. ``seconds``: for the receipt, and again for each of
    ``confirmations`` blocks above it. ``replace_seconds``: until a transaction that new blocks leave out gets higher
    fees.
    """

    fee: int
    seconds: float
    confirmations: int = 0
    replace_seconds: float = REPLACE_SECONDS


@contextmanager
def named(transaction: str) -> Iterator[None]:
    """Let every failure name the 0x hash of a transaction that was sent, because the person needs it."""
    try:
        yield
    except LedgerUnavailable as error:
        if transaction in str(error):
            raise
        raise LedgerUnavailable(f"{error}; transaction {transaction} was sent", error.advice) from None
    except KeyboardInterrupt as error:
        error.add_note(f"Transaction {transaction} was sent; it may still be taken up.")
        raise


class Mined(NamedTuple):
    """The hash of the version in the chain, its receipt as the node sent it, and its block."""

    hash: str
    receipt: dict[str, Any]
    block: Head


class TxTracker:
    """The follower of one transaction of ``account``. ``replace`` signs a new version with present fees.

    Without ``replace``, a wallet sent the transaction with a nonce and fees of its own. Then this only looks for it.
    """

    def __init__(
        self,
        node: Node,
        account: str,
        first: SignedTx,
        limits: Limits,
        replace: Callable[[SignedTx], SignedTx] | None,
        progress: Progress | None,
    ) -> None:
        self._node, self._account, self._versions = node, account, [first]
        self._limits, self._replace, self._progress = limits, replace, progress
        self._began = self._news = self._sent = self._due = time.monotonic()
        self._sent_at: int | None = None
        self._highest = -1
        self._misses, self._may_sign = 0, True
        self._pause = FIRST_PAUSE
        # For the error message: where the transaction is, the node's failure, why there is no replacement.
        self._state, self._away, self._why, self._advice = "is in no block", "", "", ""

    @property
    def newest(self) -> SignedTx:
        """Return the version that was sent last."""
        return self._versions[-1]

    def wait(self) -> Mined | None:
        """Wait until it is deep enough; None if another transaction took its nonce.

        ``LedgerUnavailable`` if time runs out. A KeyboardInterrupt gets a note that names the transaction.
        """
        # The limits count from now: a caller may wait long after sending, or for a second time.
        self._news = self._due = time.monotonic()
        try:
            return self._follow()
        except KeyboardInterrupt as error:
            error.add_note(f"Transaction {self.newest.hash} was sent; it may still be taken up.")
            raise

    def _follow(self) -> Mined | None:
        while True:
            try:
                seen, self._away = self._observe(), ""
                if seen.version is not None:
                    if mined := self._deep_enough(seen.version, seen):
                        return mined
                elif self._is_lost(seen):
                    return None
            except LedgerUnavailable as error:
                # The transaction is unaffected by a node that is away.
                self._away = str(error).removeprefix(f"{self._node.name}: ")
            self._rest()

    def _observe(self) -> Observation:
        (seen,) = observe(self._node, self._account, [self._versions])
        self._why = seen.why or self._why
        return seen

    def _deep_enough(self, version: SignedTx, seen: Observation) -> Mined | None:
        number, wanted = quantity(self._node, seen.receipt.get("blockNumber")), self._limits.confirmations
        above = max(0, seen.head.number - number)
        self._misses, self._why, self._advice = 0, "", ""
        self._state = f"is in block {number:,}, but {above} of {wanted} blocks lie above it"
        if seen.head.number > self._highest:
            self._highest, self._news = seen.head.number, time.monotonic()
        if above < wanted:
            return None
        (block,) = blocks_of_receipts(self._node, [seen])
        if block is None:
            self._state = f"was in block {number:,}, which has left the chain,"
            return None
        return Mined(version.hash, seen.receipt, block)

    def _is_lost(self, seen: Observation) -> bool:
        """Return whether another transaction has its nonce.

        If the node does not know the transaction, or new blocks leave it out, send it again.
        """
        newest, self._state = self.newest, "is in no block"
        if self._replace is None:
            return False
        taken = seen.nonce > newest.tx["nonce"]
        # Require it twice, because the answers may be of different moments.
        self._misses = self._misses + 1 if taken or not seen.known else 0
        if self._misses >= 2:
            self._misses = 0
            if taken:
                return True
            self._send_again(newest, seen)
        elif self._is_left_out(seen.head):
            self._bump_fees(newest, seen.head)
        return False

    def _is_left_out(self, head: Head) -> bool:
        if self._sent_at is None:
            self._sent_at = head.number
        late = time.monotonic() - self._sent >= self._limits.replace_seconds
        return late and head.number >= self._sent_at + _BLOCKS_TO_WAIT

    def _send_again(self, version: SignedTx, seen: Observation) -> None:
        """Send the same bytes, which can be mined only once; bump the fees if they are below the base fee."""
        if fee_of(version.tx) < seen.base_fee:
            self._bump_fees(version, seen.head)
        elif isinstance(refused := send(self._node, version), NodeError):
            self._why = f"sent again, it was refused: {refused.message}"

    def _bump_fees(self, version: SignedTx, head: Head) -> None:
        self._sent, self._sent_at = time.monotonic(), head.number
        if not self._may_sign or self._replace is None:
            return
        try:
            bumped = self._replace(version)
        except LedgerUnavailable:
            raise
        except InvalidInput as error:
            self._why, self._advice = str(error), error.advice
            return
        except Exception as error:  # a wallet may fail in any way, and the first version stays valid
            self._may_sign = False
            reason = error if isinstance(error, ConsentError) else type(error).__name__
            self._why = f"the wallet did not sign it anew: {reason}"
            return
        # Keep it even if the answer gets lost: the node may have it.
        self._versions.append(bumped)
        if isinstance(refused := send(self._node, bumped), NodeError):
            self._versions.remove(bumped)
            self._why = f"sent anew for higher fees, it was refused: {refused.message}"

    def _rest(self) -> None:
        now, hash_ = time.monotonic(), self.newest.hash
        # After a suspend, poll once more before timing out: count to when the last poll was due.
        left = self._limits.seconds - (self._due - self._news)
        if left <= 0:
            why = f"transaction {hash_} was sent, but {self._state} after {self._limits.seconds:g} s"
            because = f" ({reason})" if (reason := self._away or self._why) else ""
            raise self._node.unavailable(why + because, self._advice or RESEND)
        if self._progress is not None:
            self._progress(hash_, now - self._began)
        pause = min(self._pause, left)
        self._due = now + pause
        time.sleep(pause)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
