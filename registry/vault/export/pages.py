"""The pages of an export, to read in a browser: no script, no request, and nothing of a record becomes markup."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any, NamedTuple

import msgspec

from registry.core.scalars import format_utc
from registry.core.sealed.records import Record
from registry.present.html import render_page
from registry.present.records import title_of
from registry.present.vocabulary import label
from registry.vault.export.layout import csv_path, file_path, page_path

SHOWN = 1000
# A page stays readable, whatever stands in a record. The whole record is in the JSON Lines and in the tables.
_MAX_MEMBERS, _MAX_TEXT = 60, 1000
_EPOCH = datetime(1970, 1, 1)


class Row(NamedTuple):
    """What a page shows of one record; ``members`` are names with texts."""

    time: str
    title: str
    schema: str
    source: str
    tags: str
    members: list[tuple[str, str]]
    file: str
    file_name: str


class Pages:
    """Keeps what the pages will show: of each category the newest records, and how many there are."""

    def __init__(self) -> None:
        self._newest: dict[str, list[tuple[timedelta, int, Row]]] = {}
        self._counts, self._schemas, self._order = Counter[str](), Counter[str](), count()

    def add(self, record: Record) -> None:
        """Note a record that is not deleted, in its newest version."""
        category = record.category or ""
        self._counts[category] += 1
        self._schemas[record.schema or ""] += 1
        newest = self._newest.setdefault(category, [])
        since = _since_epoch(record.time or "1970-01-01")
        if len(newest) < SHOWN:
            heapq.heappush(newest, (since, next(self._order), _row(record)))
        elif since > newest[0][0]:
            heapq.heapreplace(newest, (since, next(self._order), _row(record)))

    def render(self, created_at: int, language: str) -> Iterator[tuple[str, bytes]]:
        """Yield each category's page with its path, and the index last."""
        listed = []
        for number, category in enumerate(sorted(self._counts), 1):
            path, total = page_path(number, category), self._counts[category]
            rows = [row for _, _, row in sorted(self._newest.pop(category), reverse=True)]
            name = label(category) or category
            listed.append((name, category, total, path))
            values = {"category": category, "name": name, "total": total, "rows": rows, "rest": total - len(rows)}
            yield path, _page(language, created_at, values)
        tables = [(schema, total, csv_path(schema)) for schema, total in sorted(self._schemas.items())]
        values = {"category": None, "total": self._counts.total(), "listed": listed, "tables": tables}
        yield "index.html", _page(language, created_at, values)


def _page(language: str, created_at: int, values: dict[str, Any]) -> bytes:
    return render_page("export", language, values | {"created": format_utc(created_at)}, style="evidence")


def _since_epoch(time: str) -> timedelta:
    moment = datetime.fromisoformat(time)
    # Not converted to UTC, which would leave the years 1 to 9999 at their ends.
    return moment.replace(tzinfo=None) - _EPOCH - (moment.utcoffset() or timedelta())


def _row(record: Record) -> Row:
    body = record.body or {}
    members = [(name[:200], _text(value)) for name, value in list(body.items())[:_MAX_MEMBERS]]
    file, name = (file_path(record.file), record.file.name) if record.file else ("", "")
    tags = ", ".join(record.tags)
    return Row(
        record.time or "", title_of(record)[:200], record.schema or "", record.source or "", tags, members, file, name
    )


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]} …"
