"""What a node shows of signed transactions: their receipts, the account's nonce, the head. Nothing here waits.

The words of a node's messages decide nothing; only what the node shows of the chain does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from registry.core.scalars import to_hex
from registry.ledger.base import Head
from registry.ledger.blocks import base_fee_in, block_call, head_in, is_absent, quantity
from registry.net.json_rpc import Call, Node, NodeError


class SignedTx(NamedTuple):
    """A signed transaction, with JSON-RPC's names in ``tx``. Replacements share its nonce, so only one can be mined."""

    hash: str
    raw: bytes
    tx: dict[str, Any]


class Observation(NamedTuple):
    """One reading of the chain for one transaction.

    ``version`` is the one that is in a block, if any; ``known`` says whether the node has the newest. ``nonce`` is the
    account's next one. ``why`` holds the node's words where it showed no receipt.
    """

    version: SignedTx | None
    receipt: dict[str, Any]
    known: bool
    head: Head
    base_fee: int
    nonce: int
    why: str


def fee_of(tx: dict[str, Any]) -> int:
    """Return the highest fee that a transaction offers for a unit of gas, in wei; older chains use a gas price."""
    return int(tx.get("maxFeePerGas", tx.get("gasPrice", 0)))


def send(node: Node, version: SignedTx) -> Any:
    """Give the node the signed bytes, and return its answer: a `NodeError` if it refuses."""
    return node.ask(Call("eth_sendRawTransaction", (to_hex(version.raw),)))


def observe(node: Node, account: str, transactions: Sequence[Sequence[SignedTx]]) -> list[Observation]:
    """Read the chain once for all these transactions of the account; each has its versions, the newest last."""
    asked = [block_call("latest"), Call("eth_getTransactionCount", (account, "latest"))]
    for versions in transactions:
        asked += [Call("eth_getTransactionReceipt", (version.hash,)) for version in versions]
        asked.append(Call("eth_getTransactionByHash", (versions[-1].hash,)))
    block, nonce, *answers = node.ask_all(asked)
    head, count, base_fee = head_in(node, block), quantity(node, nonce), base_fee_in(node, block) or 0
    seen = []
    for versions in transactions:
        *receipts, known = answers[: len(versions) + 1]
        del answers[: len(versions) + 1]
        version, receipt, why = _mined(node, versions, receipts, count)
        seen.append(Observation(version, receipt, isinstance(known, dict), head, base_fee, count, why))
    return seen


def _mined(
    node: Node, versions: Sequence[SignedTx], receipts: list[Any], nonce: int
) -> tuple[SignedTx | None, dict[str, Any], str]:
    """Return the version that is in a block, and its receipt. Some nodes show an error before it is in a block.

    An error says nothing once the account's nonce is used: another transaction would be sent for nothing.
    """
    why = ""
    for version, receipt in zip(versions, receipts, strict=True):
        if isinstance(receipt, NodeError):
            if nonce > version.tx.get("nonce", nonce):
                raise node.unavailable(f"it refused: {receipt.message}")
            why = f"it shows no receipt: {receipt.message}"
        elif _is_in_block(node, version, receipt):
            return version, receipt, ""
    return None, {}, why


def _is_in_block(node: Node, version: SignedTx, receipt: Any) -> bool:
    """Return whether this is the version's receipt. Some nodes show one before it is in a block."""
    if is_absent(receipt):
        return False
    if not isinstance(receipt, dict):
        raise node.unavailable("its answer holds no receipt")
    shown = receipt.get("transactionHash")
    if not is_absent(shown) and str(shown).lower() != version.hash:
        raise node.unavailable("its receipt is that of another transaction")
    return not is_absent(receipt.get("blockNumber")) and not is_absent(receipt.get("blockHash"))


def blocks_of_receipts(node: Node, seen: Sequence[Observation]) -> list[Head | None]:
    """Return the block of each version in a block; None if that block has left the chain, or there is none."""
    found = {one.head.number: one.head for one in seen}
    places = [quantity(node, one.receipt.get("blockNumber")) if one.version else None for one in seen]
    # Ask by number: by hash, nodes also show blocks that have left the chain.
    others = sorted({place for place in places if place is not None} - found.keys())
    answers = node.ask_all([block_call(number) for number in others])
    # A block that is gone from the chain, as where a chain was cut back, has no answer.
    found |= {number: head_in(node, shown) for number, shown in zip(others, answers, strict=True) if shown is not None}
    blocks = [found.get(place) if place is not None else None for place in places]
    hashes = [str(one.receipt.get("blockHash")).lower() for one in seen]
    return [block if block and block.hash == hash_ else None for block, hash_ in zip(blocks, hashes, strict=True)]


def log_addresses(node: Node, receipt: dict[str, Any]) -> frozenset[str]:
    """Return the lower-case addresses of the receipt's logs."""
    try:
        return frozenset(log["address"].lower() for log in (receipt.get("logs") or ()))
    except (TypeError, KeyError, AttributeError) as error:
        raise node.unavailable(f"its answer makes no sense ({type(error).__name__})") from None


def has_worked(node: Node, receipt: dict[str, Any]) -> bool:
    """Return whether the transaction was not undone. Where no status is shown, its logs show that."""
    status = receipt.get("status")
    return quantity(node, "0x1" if is_absent(status) and log_addresses(node, receipt) else status) == 1
