"""The account that pays for transactions, through web3.py: gas and fees are estimated, and fees are capped.

web3's own errors do not leave this module.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from web3 import Web3
from web3.exceptions import Web3Exception
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse, TxParams

from registry.core.crypto.keccak import keccak256
from registry.core.errors import InvalidInput, LedgerUnavailable
from registry.core.scalars import format_units, to_hex
from registry.lazy_py_ecc import eth_account
from registry.ledger import abi
from registry.ledger.base import FeeTooHigh, OutOfFunds, Payer, Sender
from registry.ledger.blocks import is_absent, nonce_calls, nonce_in, quantity
from registry.ledger.observation import SignedTx, fee_of, send
from registry.ledger.tx_tracker import RESEND
from registry.net.json_rpc import Call, Node, NodeError

# A contract's state may change between the estimate and the block.
_GAS_MARGIN_PERCENT = 20
# What nodes say when the number (nonce) is used: geth, Besu and Hardhat; Nethermind; Ganache; ethermint. A node behind
# a load balancer may not show the transaction yet.
_TAKEN = re.compile("nonce.{0,20}too low|oldnonce|correct nonce|invalid (nonce|sequence)|replacement", re.IGNORECASE)
# The same of a transaction that the node has: geth, Nethermind, Besu and Hardhat, ethermint.
_KNOWN = re.compile(r"already ?(known|imported|exists|in )|\bknown transaction", re.IGNORECASE)
# The same of EIP-1559's transactions, on a chain that has base fees but not these. Then a gas price is offered.
_NO_TYPES = re.compile(
    "transaction type not|(unsupported|invalid|unknown) (transaction|tx) type|eip-?1559", re.IGNORECASE
)
_TYPES = "transactions of EIP-1559"
_TIP = "eth_maxPriorityFeePerGas"
_METHOD_NOT_FOUND = -32601
# Blocks whose tips are read, and the tip if a node tells nothing: one gwei, which most chains take.
_TIP_BLOCKS, _SMALL_TIP = 5, 10**9

_WALLET = "Check which account the wallet holds; nothing was sent."


class _Provider(JSONBaseProvider):
    global_ccip_read_enabled = False

    def __init__(self, node: Node) -> None:
        super().__init__(cache_allowed_requests=True)
        self._node = node

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        return self.make_batch_request([(method, params)])[0]

    def make_batch_request(self, requests: list[tuple[RPCEndpoint, Any]]) -> list[RPCResponse]:
        answers = self._node.ask_all([Call(method, params) for method, params in requests])
        answers = [_needed(*asked, answer) for asked, answer in zip(requests, answers, strict=True)]
        for answer in answers:
            if isinstance(answer, NodeError):
                refused = self._node.unavailable(f"it refused: {answer.message}")
                raise abi.refusal(answer.data) if answer.reverted else refused
        return [{"jsonrpc": "2.0", "id": i, "result": answer} for i, answer in enumerate(answers)]


def _needed(method: RPCEndpoint, params: Any, answer: Any) -> Any:
    """Return what is used of an answer. web3 reads all members of a block, and refuses those of other chains."""
    if method == "eth_getBlockByNumber" and isinstance(answer, dict):
        fee = answer.get("baseFeePerGas")
        return {"baseFeePerGas": None if is_absent(fee) else fee}
    if (
        method == "eth_getTransactionCount"
        and "pending" in params
        and (answer is None or isinstance(answer, NodeError))
    ):
        return "0x0"  # some nodes know no pending block; the count at the latest one is asked for beside it
    return answer


@contextmanager
def plain_errors(node: Node) -> Iterator[None]:
    """Turn the errors of web3 and of reading an answer into ``LedgerUnavailable``."""
    try:
        yield
    except (Web3Exception, ValueError, TypeError, KeyError, AttributeError) as error:
        raise node.unavailable(f"its answer makes no sense ({type(error).__name__})") from None


class PayingAccount:
    """The account that pays, on one chain, with at most ``max_fee`` wei for a unit of gas."""

    def __init__(self, node: Node, chain_id: int, sender: Payer, max_fee: int) -> None:
        self._node, self._chain_id, self._sender, self._max_fee = node, chain_id, sender, max_fee
        self._web3 = Web3(_Provider(node), middleware=[])

    def prepared(self, to: str | None, data: bytes, nonce: int | None = None) -> dict[str, Any]:
        """Return an unsigned transaction with gas, fees and ``nonce``, by default the account's next one.

        `OutOfFunds`, `FeeTooHigh`, or `CallRefused` if the contract refuses it.
        """
        tx: dict[str, Any] = {"data": to_hex(data), "value": 0} | ({} if to is None else {"to": to})
        account, eth = Web3.to_checksum_address(self._sender.address), self._web3.eth
        plain: TxParams = {**tx, "from": account}  # type: ignore[typeddict-item]  # a TypedDict with the same names
        with plain_errors(self._node), self._web3.batch_requests() as batch:
            batch.add(eth.get_block("latest"))
            batch.add(eth.estimate_gas(plain))
            batch.add(eth.get_transaction_count(account, "pending"))
            batch.add(eth.get_transaction_count(account, "latest"))
            batch.add(eth.get_balance(account))
            block, estimate, *nonces, balance = batch.execute()
            gas = _number(estimate) * (100 + _GAS_MARGIN_PERCENT) // 100
            # A node may leave its pending transactions out, but not those in blocks.
            following = max(map(_number, nonces))
            tx |= {"chainId": self._chain_id, "nonce": following if nonce is None else nonce, "gas": gas}
            funds = _number(balance, 2**256)
        tx |= self._fees(block.get("baseFeePerGas"))
        self._check_funds(tx, funds)
        return tx

    def check_handed_over(self, sent: SignedTx) -> None:
        """``LedgerUnavailable`` unless the wallet sent what it was asked to send."""
        shown = self._node.ask(Call("eth_getTransactionByHash", (sent.hash,)))
        if not isinstance(shown, dict):
            raise self._node.unavailable(f"it does not show {sent.hash}, which is in a block")
        if _action(shown) != _action({**sent.tx, "from": self._sender.address, "input": sent.tx["data"]}):
            advice = "Look at it in the wallet. Check whether your request was carried out, and repeat it if not."
            raise LedgerUnavailable(f"{sent.hash} is not the transaction that the wallet was asked to send", advice)

    def signed(self, tx: dict[str, Any]) -> SignedTx:
        """Have the account sign; ``InvalidInput`` if another account signed."""
        assert isinstance(self._sender, Sender)
        raw = self._sender.sign_transaction(tx)
        try:
            signer = eth_account().Account.recover_transaction(raw)
        except Exception as error:  # an external wallet may return anything, and eth-account has no common error
            raise InvalidInput(f"the wallet returned no transaction ({type(error).__name__})", _WALLET) from None
        if signer != self._sender.address:
            raise InvalidInput("the wallet signed as somebody else", _WALLET)
        return SignedTx(to_hex(keccak256(raw)), raw, tx)

    def bump_fees(self, version: SignedTx) -> SignedTx:
        """Sign it again with present fees, higher than before; `FeeTooHigh` if they exceed the limit."""
        fees = self._present_fees()
        for name in fees.keys() & {"gasPrice", "maxFeePerGas", "maxPriorityFeePerGas"}:
            # Nodes take a replacement if its fee and its tip are at least 10 % higher.
            fees[name] = max(fees[name], -(-version.tx[name] * 9 // 8))
        if (fee := fee_of(fees)) > self._max_fee:
            costs, limit = (format_units(amount, 9) for amount in (fee, self._max_fee))
            message = f"a replacement costs {costs} gwei, but the limit is {limit}"
            raise FeeTooHigh(message, "Raise the limit and send it again, or wait: it may still be mined.")
        return self.signed(version.tx | fees)

    def price(self) -> int:
        """Return the highest fee that it would offer for a unit of gas now, in wei; `FeeTooHigh` over the limit."""
        return fee_of(self._present_fees())

    def refused(self, version: SignedTx) -> str | None:
        """Send it. Return None if the node has it, or may have it; else the node's words for a used nonce.

        `OutOfFunds` if the account cannot pay, ``LedgerUnavailable`` for any other refusal.
        """
        known = Call("eth_getTransactionByHash", (version.hash,))
        try:
            answer = send(self._node, version)
            if not isinstance(answer, NodeError):
                return None  # also an odd answer: it may have taken the transaction
            seen = self._node.ask_all([known, *nonce_calls(self._sender.address)])
        except LedgerUnavailable:
            return None  # it may have arrived; the tracker sends the same bytes again if not
        return self._judged(version, answer, seen)

    def _judged(self, version: SignedTx, error: NodeError, seen: list[Any]) -> str | None:
        known, *counts = seen
        said = error.message
        if isinstance(known, dict) or _KNOWN.search(said):
            return None
        if _NO_TYPES.search(said) and "type" in version.tx and _TYPES not in self._node.lacks:
            self._node.lacks.add(_TYPES)
            return said
        if nonce_in(self._node, counts) > version.tx["nonce"] or _TAKEN.search(said):
            return said
        with plain_errors(self._node):
            balance = self._web3.eth.get_balance(Web3.to_checksum_address(self._sender.address))
            self._check_funds(version.tx, _number(balance, 2**256))
        if "insufficient funds" in said.lower():
            message = "the account cannot pay for the transaction beside what it has already sent"
            raise OutOfFunds(message, "Wait until that is in a block, or send the account more money.")
        raise self._node.unavailable(f"it refused transaction {version.hash}: {said}", RESEND)

    def _present_fees(self) -> dict[str, Any]:
        with plain_errors(self._node):
            base = self._web3.eth.get_block("latest").get("baseFeePerGas")
        return self._fees(base)

    def _fees(self, base: Any) -> dict[str, Any]:
        """Return EIP-1559 fees with room for the base fee to double; a gas price if the chain has no base fee."""
        with plain_errors(self._node):
            if base is None or _TYPES in self._node.lacks:
                price = _number(self._web3.eth.gas_price)
                _check_fee(price, self._max_fee)
                return {"gasPrice": price}
            base = _number(base)
        tip = self._tip(base)
        _check_fee(base + tip, self._max_fee)
        return {"type": 2, "maxFeePerGas": min(2 * base + tip, self._max_fee), "maxPriorityFeePerGas": tip}

    def _tip(self, base: int) -> int:
        """Return the tip that the node names, or one that its other answers suggest."""
        answer: Any = None
        if _TIP not in self._node.lacks:
            answer = self._node.ask(Call(_TIP))
        if isinstance(answer, NodeError) and answer.code == _METHOD_NOT_FOUND:
            self._node.lacks.add(_TIP)
        if not isinstance(answer, NodeError) and not is_absent(answer):
            tip = quantity(self._node, answer)
            # BNB Chain has no base fee to speak of, and asks for more than the tips of its last blocks.
            return tip if base else max(tip, self._tip_in_price(base))
        return self._usual_tip() or self._tip_in_price(base) or _SMALL_TIP

    def _usual_tip(self) -> int:
        """Return the median of the tips in the last blocks; 0 if the node does not tell."""
        answer = self._node.ask(Call("eth_feeHistory", (hex(_TIP_BLOCKS), "latest", (50,))))
        rewards = answer.get("reward") if isinstance(answer, dict) else None
        tips = [self._paid(block) for block in rewards] if isinstance(rewards, list) else []
        paid = sorted(tip for tip in tips if tip)
        return paid[len(paid) // 2] if paid else 0

    def _paid(self, rewards: Any) -> int:
        """Return the tip in one block's rewards; 0 if the block is empty, or this is no tip."""
        try:
            return quantity(self._node, rewards[0])
        except (LedgerUnavailable, TypeError, LookupError):
            return 0

    def _tip_in_price(self, base: int) -> int:
        """Return how much the node's gas price is above the base fee; 0 if it is not, or the node does not tell."""
        answer = self._node.ask(Call("eth_gasPrice"))
        if isinstance(answer, NodeError) or is_absent(answer):
            return 0
        return max(0, quantity(self._node, answer) - base)

    def _check_funds(self, tx: dict[str, Any], balance: int) -> None:
        cost = tx["gas"] * fee_of(tx)
        if balance < cost:
            has, needs, missing = (format_units(amount, 18) for amount in (balance, cost, cost - balance))
            problem = f"cannot pay for the transaction: it has {has}, and up to {needs} is needed"
            advice = f"Send it at least {missing} of the chain's currency."
            raise OutOfFunds(f"{self._sender.address} {problem}", advice)


def _number(value: Any, limit: int = 2**63) -> int:
    # web3 converts values of the expected form, and passes others on as they are.
    if type(value) is not int or not 0 <= value < limit:
        raise TypeError("not a number")
    return value


def _action(tx: dict[str, Any]) -> list[str]:
    """Return sender, recipient and data. Nodes differ in the case of the digits."""
    return [str(tx.get(name)).lower() for name in ("from", "to", "input")]


def _check_fee(needed: int, limit: int) -> None:
    if needed > limit:
        message = f"gas costs {format_units(needed, 9)} gwei now, and the limit is {format_units(limit, 9)}"
        raise FeeTooHigh(message, "Wait until the chain is quieter, or raise the limit.")
