"""What was anchored, and what that cost, for people and for programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from registry.cli.ui.output import Output
from registry.client.sign import Anchored, noting
from registry.core.evidence.file import write_evidence
from registry.core.scalars import format_utc, to_hex
from registry.fs.files import replace_file
from registry.ledger.base import Receipt
from registry.present.text import Row, table


def print_anchored(out: Output, done: Anchored, purpose: str, file: Path | None = None) -> None:
    """Write the evidence to ``file`` too, if it is named. Print what was anchored, what it ended, and its file.

    ``purpose`` tells what the file is for.
    """
    kind, digest, raw = done.evidence.kind, to_hex(done.evidence.digest), write_evidence(done.evidence)
    write_copy(file, raw, done.kept)
    where, size = str(file or done.kept), len(raw)
    document: dict[str, Any] = {"kind": kind, "digest": digest, "file": where, "bytes": size}
    document["anchor"] = receipt_json(done.receipt)
    rows = [(kind, digest), *receipt_rows(done.receipt), ("Evidence", f"{size:,} bytes")]
    if done.superseded is not None:
        document["superseded"] = receipt_json(done.superseded)
        rows.append(("Ended", f"the grant before it, gas {_gas(done.superseded)}"))
    out.result(document, table([*rows, (purpose, where)]))


def write_copy(file: Path | None, raw: bytes, kept: str) -> None:
    """Write evidence to ``file``, if it is named; an error tells where it is ``kept``."""
    if file is not None:
        with noting(f"It is done, and kept in {kept}: `consent evidence canonical {kept} --out FILE` copies it."):
            replace_file(file, raw)


def receipt_json(receipt: Receipt | None) -> dict[str, Any] | None:
    """Return a transaction, for programs; None is one that was not needed."""
    if receipt is None:
        return None
    document = receipt._asdict()
    return document | {"gasUsed": document.pop("gas_used")}


def receipt_rows(receipt: Receipt | None) -> list[Row]:
    """Return a transaction's place and cost, for people; None is one that was not needed."""
    if receipt is None:
        return [("Transaction", "none, it was done before")]
    return [
        ("Transaction", receipt.transaction),
        ("Block", f"{receipt.block}, {format_utc(receipt.time)}"),
        ("Gas", _gas(receipt)),
    ]


def _gas(receipt: Receipt) -> str:
    return f"{receipt.gas_used:,}" if receipt.gas_used else "not told by the node"
