"""The tables of an export: one CSV file for each schema, with the newest version of each record."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from typing import Any

import msgspec

from registry.core.sealed.records import Record
from registry.vault.export.layout import file_path
from registry.vault.export.spool import Spool
from registry.vault.importers.cells import defused

# No member of a schema has a space in its name, so these cannot be taken for one.
_OWN = ("record id", "record version", "record category", "record time", "record source", "record tags", "record file")
_MORE = "more"
# Excel reads UTF-8 only behind a byte order mark.
_MARK = b"\xef\xbb\xbf"
_encode = msgspec.json.Encoder(order="sorted").encode


class Tables:
    """Writes rows to a spool, under the name of their schema.

    The columns are the members that the schema names. Others stand in the column "more", as JSON: only at the end would
    all their names be known, and the rows are written as they come.
    """

    def __init__(self, spool: Spool, schemas: Mapping[str, bytes]) -> None:
        self._spool, self._schemas = spool, schemas
        self._tables: dict[str, tuple[Any, tuple[str, ...]]] = {}

    def add(self, record: Record) -> None:
        """Add the row of a record that is not deleted."""
        schema = record.schema or ""
        writer, members = self._tables.get(schema) or self._begin(schema)
        body = record.body or {}
        others = {name: value for name, value in body.items() if name not in members}
        file = file_path(record.file) if record.file else ""
        own = (
            record.id,
            str(record.counter),
            record.category,
            record.time,
            record.source,
            "; ".join(record.tags),
            file,
        )
        cells = [*(each or "" for each in own), *(_cell(body[each]) if each in body else "" for each in members)]
        writer([*map(defused, cells), defused(_encode(others).decode()) if others else ""])

    def _begin(self, schema: str) -> tuple[Any, tuple[str, ...]]:
        document = json.loads(self._schemas.get(schema, b"{}"))
        members = tuple(name for name in document.get("properties", {}) if name != _MORE)
        write = csv.writer(_Encoded(self._spool, schema)).writerow
        self._spool.write(schema, _MARK)
        write([*_OWN, *map(defused, members), _MORE])
        self._tables[schema] = write, members
        return write, members


class _Encoded:
    """Takes a writer's text into the spool."""

    def __init__(self, spool: Spool, name: str) -> None:
        self._spool, self._name = spool, name

    def write(self, text: str) -> None:
        self._spool.write(self._name, text.encode())


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else _encode(value).decode()
