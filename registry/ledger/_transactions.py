"""Sending a transaction through web3.py: gas and fees estimated, fees capped, the receipt waited for.

Nothing of web3's own errors leaves this module. It is imported with the first transaction: web3 takes a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from eth_account import Account
from web3 import Web3
from web3.exceptions import TransactionNotFound, Web3Exception
from web3.providers.base import JSONBaseProvider
from web3.types import BlockData, RPCEndpoint, RPCResponse, TxParams, TxReceipt

from registry.core.errors import InvalidInput, LedgerUnavailable
from registry.core.keccak import keccak256
from registry.core.scalars import to_hex
from registry.ledger import calls
from registry.ledger._jsonrpc import Call, Node, NodeError
from registry.ledger.base import Broadcaster, Receipt, Sender

# A contract's state may change between the estimate and the block.
_GAS_MARGIN = 1.2
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0

_ANOTHER = "It did what it did for that account; choose the right one in the wallet, and do it again."
_WALLET = "Check which account the wallet holds; nothing was sent."

Progress = Callable[[str, float], None]


class Limits(NamedTuple):
    """``fee`` in wei for one unit of gas, base fee and tip together; ``seconds`` for the receipt."""

    fee: int
    seconds: float


class Sent(NamedTuple):
    receipt: Receipt
    contract: str | None


def send(
    node: Node, chain_id: int, sender: Sender, to: str | None, data: bytes, limits: Limits, progress: Progress | None
) -> Sent:
    """Send ``data`` to ``to`` (None creates a contract) and wait until it is in a block.

    ``InvalidInput`` where the contract refuses, the account cannot pay or the fee is over the limit.
    """
    web3 = Web3(_Provider(node), middleware=[])
    with _plain_errors(node):
        prepared = _prepared(web3, chain_id, sender, to, data, limits)
    if isinstance(sender, Broadcaster):
        hash_ = sender.send_transaction(prepared)
    else:
        hash_ = _put_signed(web3, node, sender, prepared)
    with _plain_errors(node):
        sent = _sent(web3, hash_, _wait(web3, node, hash_, limits.seconds, progress))
    if sent.receipt.sender != sender.address:
        raise InvalidInput(f"{hash_} was sent by {sent.receipt.sender}, not by {sender.address}", _ANOTHER)
    return sent


def _put_signed(web3: Web3, node: Node, sender: Sender, prepared: dict[str, Any]) -> str:
    raw = sender.sign_transaction(prepared)
    _check_signer(raw, sender.address)
    with _plain_errors(node):
        return _put(web3, raw)


class _Provider(JSONBaseProvider):
    global_ccip_read_enabled = False

    def __init__(self, node: Node) -> None:
        super().__init__(cache_allowed_requests=True)
        self._node = node

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        result = self._node.ask(Call(method, params))
        if isinstance(result, NodeError):
            raise _judged(self._node, result)
        return {"jsonrpc": "2.0", "id": 0, "result": result}


def _judged(node: Node, error: NodeError) -> InvalidInput | LedgerUnavailable:
    if "insufficient funds" in error.message.lower():
        return InvalidInput("the account cannot pay for the transaction", "Send it some of the chain's currency.")
    if error.reverted:
        return calls.refusal(error.data)
    return node.unavailable(f"it refused: {error.message}")


@contextmanager
def _plain_errors(node: Node) -> Iterator[None]:
    try:
        yield
    except (Web3Exception, ValueError, TypeError, KeyError, AttributeError) as error:
        raise node.unavailable(f"its answer makes no sense ({type(error).__name__})") from None


def _prepared(web3: Web3, chain_id: int, sender: Sender, to: str | None, data: bytes, limits: Limits) -> dict[str, Any]:
    tx: dict[str, Any] = {"from": sender.address, "data": to_hex(data), "value": 0}
    if to is not None:
        tx["to"] = to
    plain: TxParams = tx  # type: ignore[assignment]  # a TypedDict with the same names
    gas = int(_number(web3.eth.estimate_gas(plain)) * _GAS_MARGIN)
    nonce = _number(web3.eth.get_transaction_count(Web3.to_checksum_address(sender.address), "pending"))
    del tx["from"]
    return {**tx, "chainId": chain_id, "nonce": nonce, "gas": gas, **_fees(web3, limits.fee)}


def _fees(web3: Web3, limit: int) -> dict[str, int]:
    """EIP-1559 fees with room for the base fee to double; a gas price where the chain has no base fee."""
    block: BlockData = web3.eth.get_block("latest")
    base = block.get("baseFeePerGas")
    if base is None:
        price = _number(web3.eth.gas_price)
        _check_fee(price, limit)
        return {"gasPrice": price}
    tip = _number(web3.eth.max_priority_fee)
    _check_fee(_number(base) + tip, limit)
    return {"type": 2, "maxFeePerGas": min(2 * base + tip, limit), "maxPriorityFeePerGas": tip}


def _number(value: Any) -> int:
    # web3 formats what it knows and passes the rest on.
    if type(value) is not int or value < 0:
        raise TypeError("not a number")
    return value


def _check_fee(needed: int, limit: int) -> None:
    if needed > limit:
        message = f"gas costs {needed / 1e9:,.2f} gwei now, and the limit is {limit / 1e9:,.2f}"
        raise InvalidInput(message, "Wait until the chain is quieter, or raise the limit.")


def _check_signer(raw: bytes, address: str) -> None:
    try:
        signer = Account.recover_transaction(raw)
    except Exception as error:  # an external wallet may return anything, and eth-account has no common error
        raise InvalidInput(f"the wallet returned no transaction ({type(error).__name__})", _WALLET) from None
    if signer != address:
        raise InvalidInput("the wallet signed as somebody else", _WALLET)


def _put(web3: Web3, raw: bytes) -> str:
    try:
        web3.eth.send_raw_transaction(raw)
    except LedgerUnavailable as error:
        # A repeat of the same bytes is no failure: they are on their way already.
        if "already known" not in str(error).lower() and "already imported" not in str(error).lower():
            raise
    return to_hex(keccak256(raw))


def _wait(web3: Web3, node: Node, hash_: str, seconds: float, progress: Progress | None) -> TxReceipt:
    began, pause = time.monotonic(), _FIRST_PAUSE
    while True:
        try:
            return web3.eth.get_transaction_receipt(hash_)  # type: ignore[arg-type]  # a 0x string serves
        except TransactionNotFound:
            waited = time.monotonic() - began
        if waited >= seconds:
            advice = "It may still be taken up; sending it again later does no harm."
            why = f"transaction {hash_} was sent, but is in no block after {seconds:g} s"
            raise LedgerUnavailable(f"{node.name}: {why}", advice)
        if progress is not None:
            progress(hash_, waited)
        time.sleep(min(pause, seconds - waited))
        pause = min(2 * pause, _LONGEST_PAUSE)


def _sent(web3: Web3, hash_: str, receipt: TxReceipt) -> Sent:
    if _number(receipt["status"]) != 1:
        raise InvalidInput(f"the contract refused transaction {hash_}", "Check the arguments; only its gas was used.")
    block = web3.eth.get_block(receipt["blockHash"])
    created = receipt.get("contractAddress")
    return Sent(
        Receipt(
            hash_,
            _number(receipt["blockNumber"]),
            _number(block["timestamp"]),
            _number(receipt["gasUsed"]),
            Web3.to_checksum_address(receipt["from"]),
        ),
        None if created is None else Web3.to_checksum_address(created),
    )
