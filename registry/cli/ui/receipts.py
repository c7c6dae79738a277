"""What was anchored, and what that cost, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from registry.cli.context import Context
from registry.cli.ui.output import Output
from registry.client.sign import Anchored, noting
from registry.core.errors import NotYetAnchored
from registry.core.evidence.file import write_evidence
from registry.core.scalars import format_utc, to_hex
from registry.fs.files import replace_file
from registry.ledger.base import Receipt
from registry.present.text import Row, table


def print_anchored(
    out: Output,
    done: Anchored,
    purpose: str,
    file: Path | None = None,
    more: Mapping[str, Any] | None = None,
    more_rows: Sequence[Row] = (),
) -> None:
    """Write the evidence to ``file`` too, if it is named. Print what was anchored, what it ended, and its file.

    ``purpose`` tells what the file is for. ``more`` members and rows follow.
    """
    kind, digest, raw = done.evidence.kind, to_hex(done.evidence.digest), write_evidence(done.evidence)
    write_copy(file, raw, done.kept)
    where, size = str(file or done.kept), len(raw)
    document: dict[str, Any] = {"kind": kind, "digest": digest, "file": where, "bytes": size}
    document["anchor"] = receipt_json(done.receipt)
    rows = [(kind, digest), *receipt_rows(done.receipt), ("Evidence", f"{size:,} bytes")]
    if done.superseded is not None:
        document["superseded"] = receipt_json(done.superseded)
        by = f"by {done.superseded.notary}" if done.superseded.notary else f"gas {_gas(done.superseded)}"
        rows.append(("Ended", f"the grant before it, {by}"))
    out.result(document | dict(more or {}), table([*rows, (purpose, where), *more_rows]))


@contextmanager
def leaving(ctx: Context) -> Iterator[None]:
    """With ``--no-wait``, print that it is promised and kept, and end well, where it is not anchored yet."""
    try:
        yield
    except NotYetAnchored as left:
        if not ctx.flags.get("no_wait"):
            raise
        document = {"state": "pending", "digest": left.digest, "why": str(left)}
        rows = [("Pending", left.digest), ("State", str(left)), ("Next", left.advice)]
        ctx.out.result(document, table(rows))
        raise typer.Exit from None


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
    gas, notary = document.pop("gas_used"), document.pop("notary")
    return document | ({"notary": notary, "gasUsed": None} if notary else {"gasUsed": gas})


def receipt_rows(receipt: Receipt | None) -> list[Row]:
    """Return a transaction's place and cost, for people; None is one that was not needed."""
    if receipt is None:
        return [("Transaction", "none, it was done before")]
    if receipt.notary:
        return [*_told(receipt), ("Paid by", f"the notary {receipt.notary}")]
    return [
        ("Transaction", receipt.transaction),
        ("Block", f"{receipt.block}, {_at(receipt)}"),
        ("Gas", _gas(receipt)),
    ]


def _told(receipt: Receipt) -> list[Row]:
    """Return when it was done, and what the notary told of its transaction so far."""
    if not receipt.transaction:
        return [("Time", _at(receipt))]
    return [("Transaction", receipt.transaction), ("Block", f"{receipt.block}, {_at(receipt)}")]


def _at(receipt: Receipt) -> str:
    return format_utc(receipt.time)


def _gas(receipt: Receipt) -> str:
    return f"{receipt.gas_used:,}" if receipt.gas_used else "not told by the node"
