"""A first look at a CSV file: its encoding, delimiter and header, and what its dates and amounts might be."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import BinaryIO, NamedTuple

from registry.core.errors import InvalidInput
from registry.vault.importers.amounts import possible_marks
from registry.vault.importers.columns import MAX_COLUMNS, Column, ColumnMap, named_columns, suggest_columns
from registry.vault.importers.text import HEAD, check_encoding, encoding_of
from registry.vault.importers.times import possible_formats

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_ROWS = 1000
_SEPARATOR = re.compile(r"sep=(.)\s*", re.IGNORECASE)  # the first line that Excel writes and reads


class Look(NamedTuple):
    """What a file seems to be. ``schema`` is None where no column's name says so.

    ``time_formats`` and ``decimal_marks`` are those that fit all of the first lines; the person chooses among them.
    """

    encoding: str
    delimiter: str
    skip: int
    header: tuple[str, ...]
    schema: str | None
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    time_formats: tuple[str, ...]
    decimal_marks: tuple[str, ...]

    def column_map(self, schema: str | None = None) -> ColumnMap:
        """Return the map to complete: it has no format of dates and no decimal mark yet."""
        chosen = schema or self.schema
        if chosen is None:
            raise InvalidInput("the columns do not say what kind of records these are", "Name the schema.")
        columns = self.columns if chosen == self.schema else suggest_columns(self.header, chosen)[1]
        return ColumnMap(chosen, columns, encoding=self.encoding, delimiter=self.delimiter, skip=self.skip)


def look_at_csv(source: BinaryIO, encoding: str | None = None, delimiter: str | None = None, skip: int = 0) -> Look:
    """Look at the first megabyte of a file. ``InvalidInput`` if it is empty or its encoding has to be named."""
    head = source.read(HEAD)
    encoding = check_encoding(encoding) if encoding else encoding_of(head)
    text = head.decode(encoding, "replace")
    if len(head) == HEAD:
        text = text[: text.rfind("\n") + 1] or text  # the last line is cut
    first = _SEPARATOR.fullmatch(text.partition("\n")[0]) if not skip else None
    skip = 1 if first else skip
    lines = io.StringIO(text, newline="").readlines()[skip:]
    delimiter = delimiter or (first[1] if first else _delimiter_of(lines))
    header, *rows = _rows(lines, delimiter) or [[]]
    if not any(cell.strip() for cell in header):
        raise InvalidInput("the file has no header", "Its first line must name the columns; skip what stands before.")
    if len(header) > MAX_COLUMNS:
        raise InvalidInput(f"the file has {len(header):,} columns, and at most {MAX_COLUMNS:,} can be read")
    return look_of(header, rows, encoding, delimiter, skip)


def look_of(
    header: Sequence[str], rows: list[list[str]], encoding: str = "utf-8", delimiter: str = ",", skip: int = 0
) -> Look:
    """Suggest columns for a header, and the formats that fit its first rows."""
    schema, columns = suggest_columns(header)
    times = possible_formats(_samples(header, rows, columns, "time"))
    marks = possible_marks(_samples(header, rows, columns, "amount"))
    sample = tuple(map(tuple, rows))
    return Look(encoding, delimiter, skip, tuple(header), schema, columns, sample, tuple(times), tuple(marks))


def _rows(lines: list[str], delimiter: str) -> list[list[str]]:
    rows = []
    try:
        for row in islice(csv.reader(lines, delimiter=delimiter), SAMPLE_ROWS + 1):
            rows += [row] if row else []
    except csv.Error:
        pass  # the import itself names the line
    return rows


def _delimiter_of(lines: list[str]) -> str:
    """Return the delimiter that splits most rows into as many cells as the header has."""
    return max(DELIMITERS, key=lambda each: _evenness(_rows(lines[:101], each)))


def _evenness(rows: list[list[str]]) -> tuple[float, int]:
    width = len(rows[0]) if rows else 0
    if width < 2:
        return 0.0, width
    return Counter(map(len, rows))[width] / len(rows), width


def _samples(header: Sequence[str], rows: list[list[str]], columns: tuple[Column, ...], kind: str) -> list[str]:
    places = {name: place for place, name in enumerate(named_columns(header))}
    members: dict[str, list[int]] = {}
    for column in columns:
        if column.kind == kind and column.member:
            members.setdefault(column.member, []).append(places[column.column])
    return [" ".join(row[at].strip() for at in group if at < len(row)) for row in rows for group in members.values()]
