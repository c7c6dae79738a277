"""Follow a transaction that was sent, until enough blocks lie above it.

Meanwhile the node may be away, a reorganisation may remove the transaction from its block, the base fee may rise above
its fees, or another program may use the account's nonce. The words of a node's messages decide nothing; only what the
node shows of the chain does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from registry.core.errors import ConsentError, InvalidInput, LedgerUnavailable
from registry.core.scalars import to_hex
from registry.ledger.base import Head
from registry.ledger.blocks import base_fee_in, block_call, head_in, is_absent, quantity
from registry.net.json_rpc import Call, Node, NodeError

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


class SignedTx(NamedTuple):
    """A signed transaction, with JSON-RPC's names in ``tx``. Replacements share its nonce, so only one can be mined."""

    hash: str
    raw: bytes
    tx: dict[str, Any]


def fee_of(tx: dict[str, Any]) -> int:
    """Return the highest fee that a transaction offers for a unit of gas, in wei; older chains use a gas price."""
    return int(tx.get("maxFeePerGas", tx.get("gasPrice", 0)))


def send(node: Node, version: SignedTx) -> Any:
    """Give the node the signed bytes, and return its answer: a `NodeError` if it refuses."""
    return node.ask(Call("eth_sendRawTransaction", (to_hex(version.raw),)))


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


class _Observation(NamedTuple):
    """One reading of the chain. ``known`` says whether the node has the newest version."""

    version: SignedTx | None
    receipt: dict[str, Any]
    known: bool
    head: Head
    base_fee: int
    nonce: int


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

    def _observe(self) -> _Observation:
        asked = [Call("eth_getTransactionReceipt", (version.hash,)) for version in self._versions]
        asked += [Call("eth_getTransactionByHash", (self.newest.hash,)), block_call("latest")]
        answers = self._node.ask_all([*asked, Call("eth_getTransactionCount", (self._account, "latest"))])
        *receipts, known, block, nonce = answers
        head, count = head_in(self._node, block), quantity(self._node, nonce)
        found = [(v, r) for v, r in zip(self._versions, receipts, strict=True) if self._is_mined(v, r, count)]
        version, receipt = found[0] if found else (None, {})
        base_fee = base_fee_in(self._node, block) or 0
        return _Observation(version, receipt, isinstance(known, dict), head, base_fee, count)

    def _is_mined(self, version: SignedTx, receipt: Any, nonce: int) -> bool:
        """Return whether this is the version's receipt. Some nodes show one, or an error, before it is in a block.

        An error says nothing once the account's nonce is used: another transaction would be sent for nothing.
        """
        if isinstance(receipt, NodeError):
            if nonce > version.tx.get("nonce", nonce):
                raise self._node.unavailable(f"it refused: {receipt.message}")
            self._why = f"it shows no receipt: {receipt.message}"
            return False
        if is_absent(receipt):
            return False
        if not isinstance(receipt, dict):
            raise self._node.unavailable("its answer holds no receipt")
        shown = receipt.get("transactionHash")
        if not is_absent(shown) and str(shown).lower() != version.hash:
            raise self._node.unavailable("its receipt is that of another transaction")
        return not is_absent(receipt.get("blockNumber")) and not is_absent(receipt.get("blockHash"))

    def _deep_enough(self, version: SignedTx, seen: _Observation) -> Mined | None:
        number, wanted = quantity(self._node, seen.receipt.get("blockNumber")), self._limits.confirmations
        above = max(0, seen.head.number - number)
        self._misses, self._why, self._advice = 0, "", ""
        self._state = f"is in block {number:,}, but {above} of {wanted} blocks lie above it"
        if seen.head.number > self._highest:
            self._highest, self._news = seen.head.number, time.monotonic()
        if above < wanted:
            return None
        block, mined_in = seen.head, str(seen.receipt.get("blockHash")).lower()
        if block.hash != mined_in:
            # Ask by number: by hash, nodes also show blocks that have left the chain.
            block = head_in(self._node, self._node.ask(block_call(number)))
        if block.hash != mined_in:
            self._state = f"was in block {number:,}, which has left the chain,"
            return None
        return Mined(version.hash, seen.receipt, block)

    def _is_lost(self, seen: _Observation) -> bool:
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

    def _send_again(self, version: SignedTx, seen: _Observation) -> None:
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
