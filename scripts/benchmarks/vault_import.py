"""A shop's export, imported by us and by `sqlite-utils`, both in this process and both durable."""

from __future__ import annotations

import csv
import io
import tempfile
from datetime import date, timedelta
from pathlib import Path

import msgspec

from registry.storage.sqlite_store import SqliteBlocks
from registry.vault.database import Database
from registry.vault.importers.csv_lines import CsvImporter
from registry.vault.importers.csv_look import look_at_csv
from scripts.benchmarks.vault_stage import SEED

LINES = 100_000
# The columns that our working copy indexes too.
_SEARCHED = ("article", "seller", "order number", "category")
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


def import_lines(file: Path, folder: Path) -> None:
    """Take a file of purchases into a new vault below ``folder``."""
    with (
        tempfile.TemporaryDirectory(dir=folder) as name,
        file.open("rb") as source,
        SqliteBlocks(Path(name) / "blocks.db") as store,
        Database(Path(name) / "vault", SEED, store) as vault,
    ):
        columns = look_at_csv(source).column_map()
        columns = msgspec.structs.replace(columns, time_format="iso", decimal_mark=".", source="a shop's export")
        source.seek(0)
        report = vault.take(CsvImporter(columns, "pd:Purchase").items(source))
        if report.refused or vault.stats().records != LINES:
            raise RuntimeError(f"not all lines were taken: {report.first_refused}")


def import_plainly(file: Path, folder: Path) -> None:
    """Do the same with the commands of `sqlite-utils`, into a file that is not encrypted."""
    from sqlite_utils.cli import cli

    with tempfile.TemporaryDirectory(dir=folder) as name:
        database = f"{name}/plain.db"
        cli.main(["insert", database, "purchases", str(file), "--csv", "--silent"], standalone_mode=False)
        cli.main(["enable-fts", database, "purchases", *_SEARCHED], standalone_mode=False)


def purchases_csv(count: int) -> bytes:
    """Return a shop's export with this many lines, always the same."""
    sink = io.StringIO()
    write = csv.writer(sink)
    write.writerow(_HEADER)
    for number in range(count):
        write.writerow(_values(number))
    return sink.getvalue().encode()


def _values(number: int) -> tuple[str, ...]:
    day = (_FIRST + timedelta(days=number // 30 % 3650)).isoformat()
    price = f"{number * 7919 % 20_000 / 100:.2f}"
    return day, _ARTICLES[number % 5], price, "EUR", _SHOPS[number % 5], f"R-{number}", "1", "groceries"
