"""Transactions, for people and for programs."""

from __future__ import annotations

from typing import Any

from registry.core.times import format_utc
from registry.ledger.base import Receipt


def receipt_rows(receipt: Receipt) -> list[tuple[str, Any]]:
    """What a transaction cost, and where it is."""
    return [
        ("Transaction", receipt.transaction),
        ("Block", f"{receipt.block}, {format_utc(receipt.time)}"),
        ("Gas", f"{receipt.gas_used:,}"),
    ]


def receipt_json(receipt: Receipt) -> dict[str, Any]:
    """A transaction for programs."""
    return receipt._asdict()
