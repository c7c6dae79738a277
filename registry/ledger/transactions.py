"""Sending a transaction through web3.py: gas and fees estimated, fees capped, then followed into the chain.

Nothing of web3's own errors leaves this module. It is imported with the first transaction: web3 takes a second.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

from web3 import Web3
from web3.exceptions import Web3Exception
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse, TxParams

from registry.core.crypto.keccak import keccak256
from registry.core.errors import InvalidInput, LedgerUnavailable
from registry.core.scalars import to_hex
from registry.lazy_py_ecc import eth_account
from registry.ledger import abi
from registry.ledger.base import Payer, Receipt, Sender
from registry.ledger.blocks import quantity
from registry.ledger.tx_tracker import FIRST_PAUSE, Limits, Mined, Progress, SignedTx, TxTracker, fee_of
from registry.net.json_rpc import Call, Node, NodeError

# A contract's state may change between the estimate and the block.
_GAS_MARGIN_PERCENT = 20
# How often the account's next number is read anew, where other programs send from it too.
_ATTEMPTS = 8

# What nodes say where the number is used; one behind others may not show it yet.
_TAKEN = ("nonce too low", "replacement transaction underpriced")

_WALLET = "Check which account the wallet holds; nothing was sent."


class Sent(NamedTuple):
    """``contract`` is what it created, ``heard_by`` who logged something (in lower case)."""

    receipt: Receipt
    contract: str | None
    heard_by: frozenset[str]


def send(
    node: Node,
    chain_id: int,
    sender: Payer,
    to: str | None,
    data: bytes,
    limits: Limits,
    progress: Progress | None,
    turn: AbstractContextManager[Any] | None = None,
) -> Sent:
    """Send ``data`` to ``to`` (None creates a contract) and wait until it is in a block, as ``limits`` has it.

    ``turn`` is held from reading the account's number until the node has the transaction. ``InvalidInput`` where the
    contract refuses, the account cannot pay or the fee is over the limit; ``LedgerUnavailable`` names the
    transaction where it was sent and its end is not known.
    """
    payer = _Payer(node, chain_id, sender, limits.fee)
    if not isinstance(sender, Sender):
        return _sent(node, payer.handed_over(payer.prepared(to, data), limits, progress))
    for attempt in range(_ATTEMPTS):
        time.sleep(secrets.randbelow(100) / 100 * attempt * FIRST_PAUSE)
        with turn or nullcontext():
            first = payer.signed(payer.prepared(to, data))
            taken = payer.refused(first)
        if taken is None:
            mined = TxTracker(node, sender.address, first, limits, payer.dearer, progress).wait()
            if mined is not None:
                return _sent(node, mined)
            taken = "another transaction took the account's number (nonce)"
    advice = "Other programs send from the same account all the time; try again, or use another account."
    raise LedgerUnavailable(f"{node.name}: it refused {_ATTEMPTS} times: {taken}", advice)


class _Refused(Exception):
    def __init__(self, error: NodeError) -> None:
        self.error = error


class _Provider(JSONBaseProvider):
    global_ccip_read_enabled = False

    def __init__(self, node: Node) -> None:
        super().__init__(cache_allowed_requests=True)
        self._node = node

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        return self.make_batch_request([(method, params)])[0]

    def make_batch_request(self, requests: list[tuple[RPCEndpoint, Any]]) -> list[RPCResponse]:
        answers = self._node.ask_all([Call(method, params) for method, params in requests])
        for answer in answers:
            if isinstance(answer, NodeError):
                raise _Refused(answer)
        return [{"jsonrpc": "2.0", "id": i, "result": answer} for i, answer in enumerate(answers)]


@contextmanager
def _plain_errors(node: Node) -> Iterator[None]:
    try:
        yield
    except _Refused as refused:
        if refused.error.reverted:
            raise abi.refusal(refused.error.data) from None
        raise node.unavailable(f"it refused: {refused.error.message}") from None
    except (Web3Exception, ValueError, TypeError, KeyError, AttributeError) as error:
        raise node.unavailable(f"its answer makes no sense ({type(error).__name__})") from None


class _Payer:
    """The account that pays, on one chain, with at most ``max_fee`` wei for a unit of gas."""

    def __init__(self, node: Node, chain_id: int, sender: Payer, max_fee: int) -> None:
        self._node, self._chain_id, self._sender, self._max_fee = node, chain_id, sender, max_fee
        self._web3 = Web3(_Provider(node), middleware=[])

    def prepared(self, to: str | None, data: bytes) -> dict[str, Any]:
        """A transaction that only has to be signed; ``InvalidInput`` where the account cannot pay for it."""
        tx: dict[str, Any] = {"data": to_hex(data), "value": 0} | ({} if to is None else {"to": to})
        account, eth = Web3.to_checksum_address(self._sender.address), self._web3.eth
        plain: TxParams = {**tx, "from": account}  # type: ignore[typeddict-item]  # a TypedDict with the same names
        with _plain_errors(self._node), self._web3.batch_requests() as batch:
            batch.add(eth.get_block("latest"))
            batch.add(eth.estimate_gas(plain))
            batch.add(eth.get_transaction_count(account, "pending"))
            batch.add(eth.get_balance(account))
            block, estimate, nonce, balance = batch.execute()
            gas = _number(estimate) * (100 + _GAS_MARGIN_PERCENT) // 100
            number, has = _number(nonce), _number(balance, 2**256)
            base = block.get("baseFeePerGas")
        tx |= {"chainId": self._chain_id, "nonce": number, "gas": gas, **self._fees(base)}
        self._check_funds(tx, has)
        return tx

    def handed_over(self, tx: dict[str, Any], limits: Limits, progress: Progress | None) -> Mined:
        """Where the transaction is, once the account's own wallet has sent it; the wallet chooses the number."""
        assert not isinstance(self._sender, Sender)
        account = self._sender.address
        hash_ = self._sender.send_transaction({name: value for name, value in tx.items() if name != "nonce"})
        mined = TxTracker(self._node, account, SignedTx(hash_, b"", tx), limits, None, progress).wait()
        assert mined is not None
        shown = self._node.ask(Call("eth_getTransactionByHash", (hash_,)))
        if not isinstance(shown, dict):
            raise self._node.unavailable(f"it does not show {hash_}, which is in a block")
        if _act(shown) != _act({**tx, "from": account, "input": tx["data"]}):
            advice = "Look at it in the wallet; verify what was to be done, and do it again if it was not."
            raise LedgerUnavailable(f"{hash_} is not the transaction that the wallet was asked to send", advice)
        return mined

    def signed(self, tx: dict[str, Any]) -> SignedTx:
        assert isinstance(self._sender, Sender)
        raw = self._sender.sign_transaction(tx)
        _check_signer(raw, self._sender.address)
        return SignedTx(to_hex(keccak256(raw)), raw, tx)

    def dearer(self, version: SignedTx) -> SignedTx:
        """The same for what the chain costs now, and more than before; ``InvalidInput`` where that is too much."""
        with _plain_errors(self._node):
            base = self._web3.eth.get_block("latest").get("baseFeePerGas")
        fees = self._fees(base)
        for name in fees.keys() & {"gasPrice", "maxFeePerGas", "maxPriorityFeePerGas"}:
            # Nodes take a replacement from 10 % more on, of the fee and of the tip.
            fees[name] = max(fees[name], -(-version.tx[name] * 9 // 8))
        if (fee := fee_of(fees)) > self._max_fee:
            message = (
                f"in its place one for {fee / 1e9:,.2f} gwei could be sent, but the limit is {self._max_fee / 1e9:,.2f}"
            )
            raise InvalidInput(message, "Raise the limit and send it again, or wait; it may still be taken up.")
        return self.signed(version.tx | fees)

    def refused(self, version: SignedTx) -> str | None:
        """Hand it to the node. None where it has it, or may have it; else why its number is not to be had.

        ``InvalidInput`` where the account cannot pay, ``LedgerUnavailable`` for any other refusal.
        """
        try:
            self._web3.eth.send_raw_transaction(version.raw)
        except LedgerUnavailable:
            return None  # nobody knows whether it arrived: who follows it sends the same bytes again
        except _Refused as refused:
            return self._judged(version, refused.error)
        except (Web3Exception, ValueError, TypeError):
            return None  # it answered, if oddly
        return None

    def _judged(self, version: SignedTx, error: NodeError) -> str | None:
        account, said = Web3.to_checksum_address(self._sender.address), error.message.lower()
        counts = [Call("eth_getTransactionCount", (account, block)) for block in ("latest", "pending")]
        known, *used = self._node.ask_all([Call("eth_getTransactionByHash", (version.hash,)), *counts])
        if isinstance(known, dict) or "already known" in said or "already imported" in said:
            return None
        if max(quantity(self._node, number) for number in used) > version.tx["nonce"] or any(w in said for w in _TAKEN):
            return error.message
        with _plain_errors(self._node):
            self._check_funds(version.tx, _number(self._web3.eth.get_balance(account), 2**256))
        if "insufficient funds" in said:
            message = "the account cannot pay for the transaction beside what it has already sent"
            raise InvalidInput(message, "Wait until that is in a block, or send the account some more.")
        raise self._node.unavailable(f"it refused: {error.message}")

    def _fees(self, base: Any) -> dict[str, Any]:
        """EIP-1559 fees with room for the base fee to double; a gas price where the chain has no base fee."""
        with _plain_errors(self._node):
            if base is None:
                price = _number(self._web3.eth.gas_price)
                _check_fee(price, self._max_fee)
                return {"gasPrice": price}
            tip = _number(self._web3.eth.max_priority_fee)
            _check_fee(_number(base) + tip, self._max_fee)
        return {"type": 2, "maxFeePerGas": min(2 * base + tip, self._max_fee), "maxPriorityFeePerGas": tip}

    def _check_funds(self, tx: dict[str, Any], balance: int) -> None:
        cost = tx["gas"] * fee_of(tx)
        if balance < cost:
            has, needs, missing = (_coins(amount) for amount in (balance, cost, cost - balance))
            raise InvalidInput(
                f"{self._sender.address} cannot pay for the transaction: it has {has}, and up to {needs} is needed",
                f"Send it at least {missing} of the chain's currency.",
            )


def _number(value: Any, limit: int = 2**63) -> int:
    # web3 formats what it knows and passes the rest on.
    if type(value) is not int or not 0 <= value < limit:
        raise TypeError("not a number")
    return value


def _act(tx: dict[str, Any]) -> list[str]:
    """Who does what, as every node spells it but for the case."""
    return [str(tx.get(name)).lower() for name in ("from", "to", "input")]


def _coins(wei: int) -> str:
    """Wei in the chain's whole coins, to the last digit."""
    return f"{wei // 10**18:,}.{wei % 10**18:018d}".rstrip("0").rstrip(".")


def _check_fee(needed: int, limit: int) -> None:
    if needed > limit:
        message = f"gas costs {needed / 1e9:,.2f} gwei now, and the limit is {limit / 1e9:,.2f}"
        raise InvalidInput(message, "Wait until the chain is quieter, or raise the limit.")


def _check_signer(raw: bytes, address: str) -> None:
    try:
        signer = eth_account().Account.recover_transaction(raw)
    except Exception as error:  # an external wallet may return anything, and eth-account has no common error
        raise InvalidInput(f"the wallet returned no transaction ({type(error).__name__})", _WALLET) from None
    if signer != address:
        raise InvalidInput("the wallet signed as somebody else", _WALLET)


def _sent(node: Node, mined: Mined) -> Sent:
    receipt = mined.receipt
    if quantity(node, receipt.get("status")) != 1:
        advice = "Check the arguments; only its gas was used."
        raise InvalidInput(f"the contract refused transaction {mined.hash}", advice)
    created = receipt.get("contractAddress")
    with _plain_errors(node):
        payer = Web3.to_checksum_address(receipt["from"])
        contract = None if created is None else Web3.to_checksum_address(created)
        heard_by = frozenset(log["address"].lower() for log in receipt["logs"])
    return Sent(
        Receipt(mined.hash, mined.block.number, mined.block.time, quantity(node, receipt.get("gasUsed")), payer),
        contract,
        heard_by,
    )
