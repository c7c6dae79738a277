"""Column maps, records and helpers for the tests of importers and exports."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import msgspec

from registry.core.sealed.records import FileRef, Record
from registry.vault.draft import Draft
from registry.vault.importers.base import Importer, Item, Reading, Refused, Told
from registry.vault.importers.columns import Column, ColumnMap

HOME = "00112233aabbccdd"
PURCHASES = ColumnMap(
    "purchase/1",
    (
        Column("date", "orderDate", "time"),
        Column("article", "name"),
        Column("total", "price", "amount"),
        Column("currency", "priceCurrency"),
        Column("quantity", "quantity", "number"),
    ),
    source="aurelle.example export",
    time_format="iso",
    decimal_mark=".",
)


def read_all(importer: Importer, raw: bytes) -> list[Item]:
    """Everything that an importer makes of these bytes."""
    return list(Reading(importer, io.BytesIO(raw)))


def drafts(items: Iterable[Item]) -> list[Draft]:
    return [item for item in items if isinstance(item, Draft)]


def bodies(items: Iterable[Item]) -> list[dict[str, Any] | None]:
    return [draft.body for draft in drafts(items)]


def refused(items: Iterable[Item]) -> list[Refused]:
    return [item for item in items if isinstance(item, Refused)]


def told(items: Iterable[Item]) -> list[str]:
    return [item.text for item in items if isinstance(item, Told)]


def record_id(number: int) -> str:
    return f"0190{number >> 16 & 0xFFFF:04x}-{number & 0xFFFF:04x}-7000-8000-{number:012x}"


def purchase(number: int, counter: int = 1, **members: Any) -> Record:
    """A version of a record, as a vault holds it."""
    body = {"name": f"thing {number}", "orderDate": "2026-01-31", "price": "12.50", "priceCurrency": "EUR"}
    record = Record(
        id=record_id(number),
        counter=counter,
        home=HOME,
        category="pd:Purchase",
        schema="purchase/1",
        time="2026-01-31",
        source="aurelle.example export",
        body=body,
    )
    return msgspec.structs.replace(record, **members)


def tombstone(number: int, counter: int) -> Record:
    return Record(id=record_id(number), counter=counter, home=HOME, deleted=True)


def inline_file(content: bytes, name: str = "photo.jpg", media_type: str = "image/jpeg") -> FileRef:
    digest = sha256(content).hexdigest()
    return FileRef(name, media_type, len(content), digest, base64.b64encode(content).decode())
