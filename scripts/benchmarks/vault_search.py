"""The working copy of a vault: putting records, opening it, adding one, and forty searches over half a million.

    python -m scripts.benchmarks.vault_search [--records 500000]

`facts_of`, `filled` and `SEARCHES` serve other subjects of the vault too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from statistics import median

from registry.core.sealed.records import Record
from registry.vault.copy.query import parse
from registry.vault.copy.working_copy import WorkingCopy
from registry.vault.schemas.schema import Facts
from scripts.benchmarks.figures import Figure
from scripts.benchmarks.vault_records import life, purchases

KEY = bytes(range(32))
RECORDS, PURCHASES, ADDED = 500_000, 100_000, 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORDS = {
    "purchase/1": ("name", "seller", "orderNumber"),
    "transaction/1": ("description",),
    "message/1": ("text", "sender"),
    "place-visited/1": ("name",),
    "health-measurement/1": ("name", "note"),
}

# The commonest words and the rarest, words that never meet, fields alone and with words, every script.
SEARCHES = (
    "comi", "zeva", "dinonoze", "orrapegu", "comi zeva", "comi orrapegu", "payment", "payment coffee",
    '"comi zeva"', '"gufeba dinonoze"', '"heart rate"', "co*", "quin*", "payment*", "pay* com*", "zzz*",
    "muller", "STRASSENBÄCKEREI", "gruyere", "brulerie port", "北京", "烤鸭店", "茶", "东京都图书馆", "서울", "지하철",
    "category:pd:Purchase", "category:pd:Health comi", "tag:gift coffee", "tag:gift tag:work perfume",
    'source:"by hand" rate', "schema:message muller", "after:2020-01-01 before:2020-02-01",
    "coffee after:2019-06 before:2019-07", "payment before:2016-02", "amount:10..11 EUR",
    "coffee amount:199.50..", "payment amount:-5..5", "sort:rank payment", "sort:rank coffee comi tag:gift",
)  # fmt: skip


def facts_of(record: Record) -> Facts:
    """The facts of the records of `scripts.benchmarks.vault_records`."""
    assert record.time and record.schema
    time_ = record.time if "T" in record.time else f"{record.time}T00:00:00+00:00"
    since, body = datetime.fromisoformat(time_) - _EPOCH, record.body or {}
    amount = body.get("price") or body.get("amount")
    words = " ".join([body[name] for name in _WORDS[record.schema]])
    currency = body.get("priceCurrency") or body.get("currency") or ""
    at = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return Facts(at, Decimal(amount) if amount else None, currency, words)


def filled(path: Path, count: int) -> WorkingCopy:
    """Make a working copy of so many records of a life."""
    copy = WorkingCopy.create(path, KEY, facts_of)
    copy.put(life(count), "root")
    return copy


def figures(count: int = RECORDS) -> Iterator[Figure]:
    """Measure everything with so many records."""
    with tempfile.TemporaryDirectory() as folder:
        yield _figure(f"{PURCHASES:,} purchases put into a new copy", _put_rate(Path(folder) / "purchases"), "/s")
        path = Path(folder) / "life"
        filled(path, count).close()
        yield _figure(
            f"opening a copy of {count:,} records", _seconds(lambda: _open(path).close()) * 1000, "ms", "<= 50"
        )
        with _open(path) as copy:
            slowest = {text: _seconds(lambda text=text: copy.search(parse(text))) * 1000 for text in SEARCHES}  # type: ignore[misc]
            worst = max(slowest, key=slowest.__getitem__)
            yield _figure(
                f"the slowest of {len(SEARCHES)} searches ({worst}), first page", slowest[worst], "ms", "<= 50"
            )
            yield _figure("the median search, first page", median(slowest.values()), "ms")
            added = sorted(_adding(copy, count))
            yield _figure(f"adding one to {count:,} records, median", median(added) * 1000, "ms", "<= 30")
            yield _figure(f"adding one to {count:,} records, 95 of 100", added[94] * 1000, "ms", "<= 30")
            yield _figure("counting by category, source and year", _seconds(copy.stats) * 1000, "ms")


def _figure(name: str, value: float, unit: str, goal: str = "") -> Figure:
    return Figure(name, value, unit, goal)


def _open(path: Path) -> WorkingCopy:
    return WorkingCopy(path, KEY, facts_of)


def _put_rate(path: Path) -> float:
    records = list(purchases(PURCHASES))

    def put() -> None:
        with WorkingCopy.create(path, KEY, facts_of) as copy:
            copy.put(records, "root")

    return len(records) / _seconds(put)


def _adding(copy: WorkingCopy, count: int) -> Iterator[float]:
    # The last ones of a longer life: newer than all that are there.
    for number, record in enumerate(life(ADDED, seed=3), count):
        added = Record(
            f"{number:08x}-0000-7000-8000-000000000000", 1, record.home, record.category,
            record.schema, "2026-06-01", record.source, record.tags, record.body,
        )  # fmt: skip
        began = time.perf_counter()
        copy.put([added], "root")
        yield time.perf_counter() - began


def _seconds(work: Callable[[], object], runs: int = 3) -> float:
    """Return the shortest time of some runs: other work of the machine is none of this."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--records", type=int, default=RECORDS)
    for each in figures(options.parse_args().records):
        held = {True: "holds", False: "MISSED", None: ""}[each.holds]
        print(f"{each.name:70} {each.value:12,.1f} {each.unit:4} {each.goal:6} {held}")
        sys.stdout.flush()
