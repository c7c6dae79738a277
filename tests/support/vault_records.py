"""Records of a vault for tests: versions and tombstones of the smallest content, with ids that are easy to read."""

from __future__ import annotations

from typing import Any

from registry.core.sealed.records import Record

HOME = "aa" * 8


def record_id(number: int) -> str:
    return f"01900000-0000-7000-8000-{number:012x}"


def version(number: int, counter: int = 1, *, home: str = HOME, **members: Any) -> Record:
    """Return a version of the record with this number."""
    made: dict[str, Any] = {
        "category": "pd:Purchase",
        "schema": "purchase/1",
        "time": "2026-01-31",
        "body": {"name": f"thing {number}"},
        **members,
    }
    return Record(id=record_id(number), counter=counter, home=home, **made)


def tombstone(number: int, counter: int = 2, home: str = HOME) -> Record:
    return Record(id=record_id(number), counter=counter, home=home, deleted=True)
