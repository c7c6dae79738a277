"""Strict readers of blocks and numbers in a node's answers."""

from __future__ import annotations

import re
from typing import Any

from registry.ledger.base import Head
from registry.net.json_rpc import Call, Node, NodeError


def block_call(block: int | str) -> Call:
    """Return the call for a block's header by number or tag."""
    return Call("eth_getBlockByNumber", (hex(block) if isinstance(block, int) else block, False))


def head_in(node: Node, answer: Any) -> Head:
    """Return number, hash and time of the block in an answer; ``LedgerUnavailable`` if it holds no block."""
    if isinstance(answer, NodeError):
        raise node.unavailable(f"it cannot name the block: {answer.message}")
    block = answer if isinstance(answer, dict) else {}
    hash_ = block.get("hash")
    if not isinstance(hash_, str) or re.fullmatch(r"0x[0-9a-fA-F]{64}", hash_) is None:
        raise node.unavailable("its answer holds no block")
    return Head(quantity(node, block.get("number")), hash_.lower(), quantity(node, block.get("timestamp")))


def base_fee_in(node: Node, block: Any) -> int | None:
    """Return the base fee of the block in an answer, in wei; None if the chain has none, however the node says so."""
    fee = block.get("baseFeePerGas") if isinstance(block, dict) else None
    return None if is_absent(fee) else quantity(node, fee)


def is_absent(value: Any) -> bool:
    """Return whether a member has no value. Nodes leave it out, or write null or something empty."""
    return value in (None, "", "0x", [], {})


def nonce_calls(account: str) -> list[Call]:
    """Return the calls for `nonce_in`; some nodes know no pending block, and others leave theirs empty."""
    return [Call("eth_getTransactionCount", (account, block)) for block in ("latest", "pending")]


def nonce_in(node: Node, answers: list[Any]) -> int:
    """Return an account's next nonce from the answers to `nonce_calls`."""
    latest, pending = answers
    count = quantity(node, latest)
    return count if isinstance(pending, NodeError) or is_absent(pending) else max(count, quantity(node, pending))


def chain_id_in(node: Node, answer: Any) -> int:
    """Return the chain id in an answer; ``LedgerUnavailable`` if it holds none."""
    if isinstance(answer, NodeError):
        raise node.unavailable(f"it does not say which chain it is on: {answer.message}")
    return quantity(node, answer)


def quantity(node: Node, value: Any, limit: int = 2**63) -> int:
    """Return a number below ``limit`` in JSON-RPC's form; ``LedgerUnavailable`` for anything else."""
    if not isinstance(value, str) or re.fullmatch(r"0x[0-9a-fA-F]{1,64}", value) is None:
        raise node.unavailable("its answer holds something else than a number")
    if (number := int(value, 16)) >= limit:
        raise node.unavailable("its answer holds a number that cannot be")
    return number
