"""What becomes of a transaction that was sent: it is followed until enough blocks lie above it.

The node may be away for a while, a reorganisation may take the transaction out of its block, the chain may have
become too dear for it, or another program may have used the account's number (nonce). Nothing is concluded from the
words of a node's messages: only what it shows of the chain counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from registry.core.errors import ConsentError, InvalidInput, LedgerUnavailable
from registry.ledger.base import Head
from registry.ledger.blocks import block_call, head_in, quantity
from registry.net.json_rpc import Call, Node, NodeError

FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
# A block may have been begun before the transaction reached its maker.
_BLOCKS_TO_WAIT = 2
REPLACE_SECONDS = 30.0

Progress = Callable[[str, float], None]


class Limits(NamedTuple):
    """``fee`` in wei for one unit of gas, base fee and tip together; ``seconds`` for the receipt, and for each block
    that has to lie above it; ``replace_seconds`` until a transaction that blocks pass by is sent for higher fees."""

    fee: int
    seconds: float
    confirmations: int = 0
    replace_seconds: float = REPLACE_SECONDS


class SignedTx(NamedTuple):
    """A signed transaction. All versions of one have the same number, so only one can ever be in the chain."""

    hash: str
    raw: bytes
    tx: dict[str, Any]


def fee_of(tx: dict[str, Any]) -> int:
    """The most that the transaction offers for a unit of gas, in wei; old chains have a price instead."""
    return int(tx.get("maxFeePerGas", tx.get("gasPrice", 0)))


class Mined(NamedTuple):
    """The version that is in the chain, its receipt as the node gave it, and its block."""

    hash: str
    receipt: dict[str, Any]
    block: Head


class _Seen(NamedTuple):
    version: SignedTx | None
    receipt: dict[str, Any]
    known: bool
    head: Head
    base_fee: int
    nonce: int


class TxTracker:
    """One transaction of ``account``. ``replace`` signs another version with fees that fit the chain of now.

    Without ``replace`` somebody else sent it, for a number and fees of their own: it is only looked for.
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
        self._odd, self._may_ask = 0, True
        self._pause = FIRST_PAUSE
        # For the message when time runs out: where it is, whether the node answers, why it is not sent for more.
        self._state, self._away, self._why, self._advice = "is in no block", "", "", ""

    @property
    def hash(self) -> str:
        """The 0x hash of the newest version."""
        return self._versions[-1].hash

    @property
    def tx(self) -> dict[str, Any]:
        """The newest version, with JSON-RPC's names."""
        return self._versions[-1].tx

    def wait(self) -> Mined | None:
        """Where it is, or None if another transaction has taken its number; ``LedgerUnavailable`` if time runs out.

        Who interrupts the waiting is told of what was sent.
        """
        # The limits count from here: the caller may come long after the transaction was sent, or for a second time.
        self._news = self._due = time.monotonic()
        try:
            return self._found()
        except KeyboardInterrupt as error:
            error.add_note(f"Transaction {self._versions[-1].hash} was sent; it may still be taken up.")
            raise

    def _found(self) -> Mined | None:
        while True:
            try:
                seen, self._away = self._look(), ""
                if seen.version is not None:
                    if mined := self._deep_enough(seen.version, seen):
                        return mined
                elif self._is_lost(seen):
                    return None
            except LedgerUnavailable as error:
                # The node being away changes nothing about the transaction.
                self._away = str(error).removeprefix(f"{self._node.name}: ")
            self._rest()

    def _look(self) -> _Seen:
        newest = self._versions[-1]
        asked = [Call("eth_getTransactionReceipt", (version.hash,)) for version in self._versions]
        asked += [Call("eth_getTransactionByHash", (newest.hash,)), block_call("latest")]
        answers = self._node.ask_all([*asked, Call("eth_getTransactionCount", (self._account, "latest"))])
        for answer in answers:
            if isinstance(answer, NodeError):
                raise self._node.unavailable(f"it refused: {answer.message}")
        *receipts, known, block, nonce = answers
        found = [(v, r) for v, r in zip(self._versions, receipts, strict=True) if r is not None]
        version, receipt = found[0] if found else (None, {})
        if not isinstance(receipt, dict):
            raise self._node.unavailable("its answer holds no receipt")
        head, base_fee = head_in(self._node, block), quantity(self._node, block.get("baseFeePerGas") or "0x0")
        return _Seen(version, receipt, known is not None, head, base_fee, quantity(self._node, nonce))

    def _deep_enough(self, version: SignedTx, seen: _Seen) -> Mined | None:
        number, wanted = quantity(self._node, seen.receipt.get("blockNumber")), self._limits.confirmations
        above = max(0, seen.head.number - number)
        self._odd, self._why, self._advice = 0, "", ""
        self._state = f"is in block {number:,}, but {above} of {wanted} blocks lie above it"
        if seen.head.number > self._highest:
            self._highest, self._news = seen.head.number, time.monotonic()
        if above < wanted:
            return None
        block, own = seen.head, seen.receipt.get("blockHash")
        if block.hash != own:
            # By number, for by their hashes nodes also show blocks that have left the chain.
            block = head_in(self._node, self._node.ask(block_call(number)))
        if block.hash != own:
            self._state = f"was in block {number:,}, which has left the chain,"
            return None
        return Mined(version.hash, seen.receipt, block)

    def _is_lost(self, seen: _Seen) -> bool:
        """Another transaction has its number. What the node does not know, or what blocks pass by, is sent again."""
        newest = self._versions[-1]
        self._state = "is in no block"
        if self._replace is None:
            return False
        taken = seen.nonce > newest.tx["nonce"]
        # Twice, because the answers need not be of one instant.
        self._odd = self._odd + 1 if taken or not seen.known else 0
        if self._odd >= 2:
            self._odd = 0
            if taken:
                return True
            self._send_again(newest, seen)
        elif self._is_passed_by(seen.head):
            self._bump_fees(newest, seen.head)
        return False

    def _is_passed_by(self, head: Head) -> bool:
        if self._sent_at is None:
            self._sent_at = head.number
        late = time.monotonic() - self._sent >= self._limits.replace_seconds
        return late and head.number >= self._sent_at + _BLOCKS_TO_WAIT

    def _send_again(self, version: SignedTx, seen: _Seen) -> None:
        """The same bytes, unless no block takes them now: nothing can happen twice, whatever became of the first."""
        if fee_of(version.tx) < seen.base_fee:
            self._bump_fees(version, seen.head)
        elif isinstance(refused := self._put(version), NodeError):
            self._why = f"sent again, it was refused: {refused.message}"

    def _bump_fees(self, version: SignedTx, head: Head) -> None:
        self._sent, self._sent_at = time.monotonic(), head.number
        if not self._may_ask or self._replace is None:
            return
        try:
            bumped = self._replace(version)
        except LedgerUnavailable:
            raise
        except InvalidInput as error:
            self._why, self._advice = str(error), error.advice
            return
        except Exception as error:  # a wallet may refuse in any way; what it signed first stays valid
            self._may_ask = False
            reason = error if isinstance(error, ConsentError) else type(error).__name__
            self._why = f"the wallet did not sign it anew: {reason}"
            return
        # Kept also where the answer does not arrive: it may be with the node.
        self._versions.append(bumped)
        if isinstance(refused := self._put(bumped), NodeError):
            self._versions.remove(bumped)
            self._why = f"sent anew for higher fees, it was refused: {refused.message}"

    def _put(self, version: SignedTx) -> Any:
        return self._node.ask(Call("eth_sendRawTransaction", ("0x" + version.raw.hex(),)))

    def _rest(self) -> None:
        now, hash_ = time.monotonic(), self._versions[-1].hash
        # By when the last look was due: one that the computer slept through, or before, is not the last.
        left = self._limits.seconds - (self._due - self._news)
        if left <= 0:
            why = f"transaction {hash_} was sent, but {self._state} after {self._limits.seconds:g} s"
            advice = self._advice or "It may still be taken up; sending it again later does no harm."
            because = self._away or self._why
            raise LedgerUnavailable(f"{self._node.name}: {why}{f' ({because})' if because else ''}", advice)
        if self._progress is not None:
            self._progress(hash_, now - self._began)
        pause = min(self._pause, left)
        self._due = now + pause
        time.sleep(pause)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
