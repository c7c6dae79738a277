"""Purchases from CSV to drafts, and an export of half a million records and back. Run it with ``python -m``.

Seconds of the processor count, because a busy machine then changes little.
"""

from __future__ import annotations

import csv
import io
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import msgspec

from registry.core.sealed.records import Record
from registry.vault.export.archive import write_export
from registry.vault.importers.base import Reading, Restored
from registry.vault.importers.csv_lines import CsvImporter
from registry.vault.importers.csv_look import look_at_csv
from registry.vault.importers.export_zip import ExportImporter

LINES, RECORDS = 100_000, 500_000
_FIRST = date(2016, 1, 1)
_HEADER = ("date", "article", "total", "currency", "seller", "order number", "quantity", "category")
_ARTICLES = (
    "weekly basket: mushrooms, grapes, cheese",
    "frying pan",
    "headphones",
    "wool socks, 3 pairs",
    "novel, paperback",
)
_SHOPS = ("Halle Verdoline", "Logis Bellandre", "Voltanelle", "Tissandrine", "Librairie Encrevive")


def figures() -> Iterator[tuple[str, float, str, str]]:
    """Measure imports and exports."""
    raw = purchases_csv(LINES)
    columns = look_at_csv(io.BytesIO(raw)).column_map()
    columns = msgspec.structs.replace(columns, time_format="iso", decimal_mark=".", source="a shop's export")
    drafts = _processor(lambda: [None for _ in CsvImporter(columns, "pd:Purchase").items(io.BytesIO(raw))])
    alone = _processor(lambda: [None for _ in csv.reader(io.TextIOWrapper(io.BytesIO(raw), newline=""))])
    yield f"{LINES:,} purchases from CSV to drafts", LINES / drafts, "/s", ">= 150000"
    yield "the same, against Python's csv alone", drafts / alone, "times", ""
    with tempfile.TemporaryDirectory() as folder:
        yield from _round_trip(Path(folder))


def _round_trip(folder: Path) -> Iterator[tuple[str, float, str, str]]:
    path = folder / "export.zip"
    with path.open("wb") as sink:
        there = _processor(lambda: write_export(sink, purchases(RECORDS), {}, lambda _: [], 0, folder), runs=1)
    with path.open("rb") as source:
        reading = Reading(ExportImporter(), source)
        back = _processor(lambda: _all_restored(reading), runs=1)
    yield f"{RECORDS:,} records exported", there, "s", "<= 60"
    yield f"{RECORDS:,} records taken back", back, "s", "<= 60"


def _all_restored(reading: Reading) -> None:
    if not all(isinstance(item, Restored) for item in reading):
        raise RuntimeError("an item of the export was refused")


def _processor(work: Callable[[], object], runs: int = 3) -> float:
    best = float("inf")
    for _ in range(runs):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best


def purchases_csv(count: int) -> bytes:
    """Return a shop's export with this many lines, always the same."""
    sink = io.StringIO()
    write = csv.writer(sink)
    write.writerow(_HEADER)
    for number in range(count):
        write.writerow(_values(number))
    return sink.getvalue().encode()


def purchases(count: int) -> Iterator[Record]:
    """Yield this many records of a vault, always the same."""
    names = ("orderDate", "name", "price", "priceCurrency", "seller", "orderNumber", "quantity", "category")
    for number in range(count):
        day, *_ = values = _values(number)
        name = f"0190{number >> 16:04x}-{number & 0xFFFF:04x}-7000-8000-{number:012x}"
        body = dict(zip(names, values, strict=True))
        yield Record(name, 1, "00" * 8, "pd:Purchase", "purchase/1", day, "a shop's export", (), body)


def _values(number: int) -> tuple[str, ...]:
    day = (_FIRST + timedelta(days=number // 30 % 3650)).isoformat()
    price = f"{number * 7919 % 20_000 / 100:.2f}"
    return day, _ARTICLES[number % 5], price, "EUR", _SHOPS[number % 5], f"R-{number}", "1", "groceries"


if __name__ == "__main__":
    for name, value, unit, goal in figures():
        print(f"{name}: {value:,.2f} {unit} {goal}")
