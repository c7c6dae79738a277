"""Send from one account in steps that can stop and go on after a crash. No step waits for a block.

The caller chooses the nonces and keeps the signed versions: it stores a version before it calls `Outbox.send`, so a
restart sends the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from registry import lazy_py_ecc
from registry.ledger.base import Deployment, Head, Sender
from registry.ledger.blocks import is_absent, nonce_calls, nonce_in, quantity
from registry.ledger.observation import (
    Observation,
    SignedTx,
    blocks_of_receipts,
    fee_of,
    has_worked,
    log_addresses,
    observe,
)
from registry.ledger.rpc import DEFAULT_MAX_FEE, DEFAULT_TIMEOUT, checked_head
from registry.net.json_rpc import Call, Node


class Funds(NamedTuple):
    """The account's balance in wei, and its next nonce, behind the transactions that the node has."""

    balance: int
    nonce: int


class InBlock(NamedTuple):
    """A version in a block of the present chain. ``cost`` is in wei.

    ``worked``: it was not undone. ``heard``: the registry logged something.
    """

    hash: str
    block: Head
    gas_used: int
    cost: int
    worked: bool
    heard: bool


class Sighting(NamedTuple):
    """What the node shows of one transaction.

    ``known``: the node has its newest version. ``taken``: the account's nonce is used, and by none of its versions.
    ``too_cheap``: its newest version offers less than the base fee.
    """

    mined: InBlock | None
    known: bool
    taken: bool
    too_cheap: bool


class Outbox:
    """The steps for one account and one registry, behind the node at ``url``.

    ``max_fee`` (wei) bounds the price of a unit of gas, ``timeout`` (seconds) each request. ``LedgerUnavailable`` where
    the node is away, or on another chain.
    """

    def __init__(
        self,
        url: str,
        deployment: Deployment,
        sender: Sender,
        *,
        max_fee: int = DEFAULT_MAX_FEE,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        lazy_py_ecc.eth_account()  # before web3, which would load all of it
        from registry.ledger.payer import PayingAccount  # web3 takes a second to load

        self._node, self._deployment, self.account = Node(url, timeout), deployment, sender.address
        self._payer = PayingAccount(self._node, deployment.chain_id, sender, max_fee)

    def head(self, *, with_code: bool = True) -> Head:
        """Return the newest block of the right chain; ``with_code``, require the registry there too.

        Do that at each new block, because a chain may have been reset, and would take the fee for nothing.
        """
        return checked_head(self._node, self._deployment, with_code=with_code)

    def funds(self) -> Funds:
        """Return the account's balance and next nonce."""
        balance, *counts = self._node.ask_all(
            [Call("eth_getBalance", (self.account, "latest")), *nonce_calls(self.account)]
        )
        return Funds(quantity(self._node, balance, 2**256), nonce_in(self._node, counts))

    def price(self) -> int:
        """Return the wei that a unit of gas may cost now; ``FeeTooHigh`` over the limit."""
        return self._payer.price()

    def sign(self, call: bytes, nonce: int) -> SignedTx:
        """Simulate a call of the registry, price it, and sign it. Nothing is sent.

        ``OutOfFunds``, ``FeeTooHigh``, or ``CallRefused`` where the contract would refuse the call.
        """
        return self._payer.signed(self._payer.prepared(self._deployment.registry, call, nonce))

    def send(self, version: SignedTx) -> str | None:
        """Give the node the signed bytes. Return None if it has them or may have them; else its words for a used nonce.

        ``OutOfFunds`` where the account cannot pay, ``LedgerUnavailable`` for any other refusal.
        """
        return self._payer.refused(version)

    def replace(self, version: SignedTx) -> SignedTx:
        """Sign the transaction anew, for higher fees; ``FeeTooHigh`` where they exceed the limit. Nothing is sent."""
        return self._payer.bump_fees(version)

    def sight(self, transactions: Sequence[Sequence[SignedTx]]) -> list[Sighting]:
        """Look for all these transactions at once. Each has its versions, the newest last."""
        if not transactions:
            return []
        seen = observe(self._node, self.account, transactions)
        blocks = blocks_of_receipts(self._node, seen)
        shown = zip(transactions, seen, blocks, strict=True)
        return [self._sighting(versions[-1], one, block) for versions, one, block in shown]

    def _sighting(self, newest: SignedTx, seen: Observation, block: Head | None) -> Sighting:
        if seen.version is not None and block is not None:
            return Sighting(self._in_block(seen.version, seen.receipt, block), known=True, taken=False, too_cheap=False)
        # A receipt from a block that has left the chain says that the node has not settled yet.
        taken = seen.version is None and seen.nonce > newest.tx["nonce"]
        return Sighting(None, seen.known, taken, fee_of(newest.tx) < seen.base_fee)

    def _in_block(self, version: SignedTx, receipt: dict[str, Any], block: Head) -> InBlock:
        gas = self._number(receipt, "gasUsed")
        price, more = (self._number(receipt, name, 2**128) for name in ("effectiveGasPrice", "l1Fee"))
        # Rollups charge the data that they publish apart from the gas.
        cost = gas * (price or fee_of(version.tx)) + more
        heard = self._deployment.registry.lower() in log_addresses(self._node, receipt)
        return InBlock(version.hash, block, gas, cost, has_worked(self._node, receipt), heard)

    def _number(self, receipt: dict[str, Any], name: str, limit: int = 2**63) -> int:
        value = receipt.get(name)
        return 0 if is_absent(value) else quantity(self._node, value, limit)
