"""Count the records of a working copy by category, source and year."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sqlcipher3.dbapi2 import Connection

_NO_SOURCE = ""
_GROUPS = """SELECT category, source, CAST(strftime('%Y', at / 1000000, 'unixepoch') AS INTEGER) AS year, count(*)
             FROM records GROUP BY category, source, year"""


class Stats(NamedTuple):
    """How many records there are, the most first and years in their order. A record without source has "" there."""

    records: int
    versions: int
    by_category: dict[str, int]
    by_source: dict[str, int]
    by_year: dict[int, int]


def count_records(db: Connection) -> Stats:
    """Count, within a transaction. Deleted records are among the versions only."""
    names = dict(db.execute("SELECT f, value FROM facets WHERE kind IN ('category', 'source')").fetchall())
    categories, sources, years = Counter[str](), Counter[str](), Counter[int]()
    for category, source, year, count in db.execute(_GROUPS).fetchall():
        categories[names[category]] += count
        sources[names.get(source, _NO_SOURCE)] += count
        years[year] += count
    versions = db.execute("SELECT count(*) FROM versions").fetchone()[0]
    total = sum(categories.values())
    return Stats(
        total, versions, dict(categories.most_common()), dict(sources.most_common()), dict(sorted(years.items()))
    )
