"""Records of a vault in words: one line, a table, and JSON without what is the vault's alone."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from registry.core.sealed.records import FileRef, Record
from registry.present.text import Line, Row
from registry.present.wording import terms

# Characters at the end of an id, which are random; its beginning is the time.
SHORT_ID = 12
_TITLES = ("name", "headline", "description", "text", "measuredProperty", "email", "summary")
_AMOUNTS = (("price", "priceCurrency"), ("amount", "currency"), ("value", "unitText"))
_MAX_TITLE, _MAX_VALUE = 100, 2_000
_MINUTE = len("2026-01-31T10:00")


def title_of(record: Record) -> str:
    """Return what a record is called: the first text in its body that names it, or its file's name."""
    body = record.body or {}
    named = next((body[name] for name in _TITLES if isinstance(body.get(name), str) and body[name].strip()), "")
    return named or (record.file.name if record.file else "")


def headline(record: Record) -> str:
    """Return a record in a few words, on one line: its title, its amount, and its file's size."""
    parts = [" ".join(title_of(record)[: 2 * _MAX_TITLE].split())[:_MAX_TITLE]]
    body = record.body or {}
    for amount, unit in _AMOUNTS:
        if isinstance(body.get(amount), str | int | float):
            parts.append(f"{body[amount]} {body.get(unit, '')}".strip()[:_MAX_TITLE])
    if record.file is not None:
        parts.append(f"{record.file.bytes:,} bytes")
    return ", ".join(filter(None, parts))


def record_lines(records: Iterable[Record]) -> list[Line]:
    """Return a line for each record: the end of its id, its time, its category, and its headline."""
    found = list(records)
    width = max((len(one.category or "") for one in found), default=0)
    lines = []
    for one in found:
        start = f"{one.id[-SHORT_ID:]}  {short_time(one.time):<{_MINUTE}}  {one.category or '':<{width}}  "
        lines.append(Line(start + headline(one), len(start)))
    return lines


def short_time(time: str | None) -> str:
    """Return a record's time up to the minute, as it stands there."""
    return (time or "")[:_MINUTE].replace("T", " ")


def record_rows(record: Record) -> list[Row]:
    """Return everything that a person may want to know of a record, as rows of a table."""
    rows: list[Row] = [("Record", record.id), ("Category", terms([record.category or ""]))]
    rows += [("Schema", record.schema), ("Time", record.time), ("Version", record.counter)]
    rows += [("Source", record.source)] if record.source else []
    rows += [("Tags", ", ".join(record.tags))] if record.tags else []
    if (file := record.file) is not None:
        rows.append(("File", f"{file.name}, {file.media_type}, {file.bytes:,} bytes"))
        rows.append(("SHA-256", file.sha256))
    rows += [(name, value_text(value)) for name, value in (record.body or {}).items()]
    return rows


def value_text(value: Any) -> str:
    """Return a value of a body as one line of text."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text[: 2 * _MAX_VALUE].split())
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]} …"


def record_json(record: Record) -> dict[str, Any]:
    """Return a version as JSON values, without its keys: what a person may show to other programs."""
    document: dict[str, Any] = {"id": record.id, "version": record.counter}
    if record.deleted:
        return document | {"deleted": True}
    document |= {"category": record.category, "schema": record.schema, "time": record.time, "source": record.source}
    document |= {"tags": list(record.tags), "body": record.body or {}}
    return document | {"file": None if record.file is None else _file_json(record.file)}


def _file_json(file: FileRef) -> dict[str, Any]:
    return {"name": file.name, "mediaType": file.media_type, "bytes": file.bytes, "sha256": file.sha256}
