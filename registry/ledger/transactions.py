"""Send a transaction, and wait until it is in a block.

Import this module with the first transaction: web3 takes a second to load.
"""

from __future__ import annotations

import secrets
import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from web3 import Web3

from registry.core.errors import InvalidInput
from registry.ledger.base import Payer, Receipt, Sender
from registry.ledger.blocks import is_absent, quantity
from registry.ledger.observation import SignedTx, has_worked, log_addresses
from registry.ledger.payer import PayingAccount, plain_errors
from registry.ledger.tx_tracker import FIRST_PAUSE, Limits, Mined, Progress, TxTracker, named
from registry.net.json_rpc import Node

# Other programs may send from the same account, so read its next nonce this often.
_ATTEMPTS = 8


class Sent(NamedTuple):
    """A transaction in a block: its receipt, the contract that it created, the lower-case addresses of its logs."""

    receipt: Receipt
    contract: str | None
    log_addresses: frozenset[str]


class Submission:
    """One call, sent by the constructor and followed by `wait`; ``to`` None creates a contract.

    ``nonce_lock`` is held from reading the account's nonce until the node has the transaction. Both steps raise
    ``InvalidInput`` if the contract refuses, the account cannot pay or the fee is over the limit. Where a transaction
    was sent and its end is unknown, ``LedgerUnavailable`` names it.
    """

    def __init__(
        self,
        node: Node,
        chain_id: int,
        sender: Payer,
        to: str | None,
        data: bytes,
        limits: Limits,
        progress: Progress | None,
        nonce_lock: AbstractContextManager[Any] | None = None,
    ) -> None:
        self._node, self._sender, self._to, self._data = node, sender, to, data
        self._limits, self._progress, self._nonce_lock = limits, progress, nonce_lock or nullcontext()
        self._payer = PayingAccount(node, chain_id, sender, limits.fee)
        self._attempts, self._why = 0, ""
        self._sent: Sent | None = None
        self._tracker = self._send() if isinstance(sender, Sender) else self._hand_over()

    @property
    def transaction(self) -> str:
        """Return the 0x hash of the newest version that was sent."""
        return self._tracker.newest.hash

    def wait(self) -> Sent:
        """Wait until it is in a block, as deep as the limits ask; a second call returns the same result."""
        if self._sent is None:
            while (mined := self._tracker.wait()) is None:
                self._why = "another transaction took the account's nonce"
                self._tracker = self._send()
            with named(mined.hash):
                if not isinstance(self._sender, Sender):
                    self._payer.check_handed_over(self._tracker.newest)
                self._sent = self._read(mined)
        return self._sent

    def _send(self) -> TxTracker:
        assert isinstance(self._sender, Sender)
        while self._attempts < _ATTEMPTS:
            time.sleep(secrets.randbelow(100) / 100 * self._attempts * FIRST_PAUSE)
            self._attempts += 1
            with self._nonce_lock:
                first = self._payer.signed(self._payer.prepared(self._to, self._data))
                with named(first.hash):
                    refused = self._payer.refused(first)
            if refused is None:
                bump = self._payer.bump_fees
                return TxTracker(self._node, self._sender.address, first, self._limits, bump, self._progress)
            self._why = f"transaction {first.hash}: {refused}"
        advice = "Other programs keep sending from the same account. Try again, or use another account."
        raise self._node.unavailable(f"it refused {_ATTEMPTS} times: {self._why}", advice)

    def _hand_over(self) -> TxTracker:
        """Have the account's wallet send it. The wallet chooses the nonce, and does not show the signed bytes."""
        assert not isinstance(self._sender, Sender)
        tx = self._payer.prepared(self._to, self._data)
        hash_ = self._sender.send_transaction({name: value for name, value in tx.items() if name != "nonce"})
        sent = SignedTx(hash_, b"", tx)
        return TxTracker(self._node, self._sender.address, sent, self._limits, None, self._progress)

    def _read(self, mined: Mined) -> Sent:
        """Read the receipt: only what is used here, because other members differ from node to node."""
        receipt, node = mined.receipt, self._node
        gas, created = receipt.get("gasUsed"), receipt.get("contractAddress")
        if not has_worked(node, receipt):
            advice = "Check the arguments. Only its gas was spent."
            raise InvalidInput(f"the contract refused transaction {mined.hash}", advice)
        contract = None
        if self._to is None and not is_absent(created):
            with plain_errors(node):
                contract = Web3.to_checksum_address(str(created))
        gas_used = 0 if is_absent(gas) else quantity(node, gas)
        done = Receipt(mined.hash, mined.block.number, mined.block.time, gas_used, self._sender.address)
        return Sent(done, contract, log_addresses(node, receipt))
