"""Imports CSV files of any shop, bank or address book, by a column map. The second line is the first record.

A line that does not fit is refused with its number, and the next one is read. Only what the map says is done to the
cells: nothing is guessed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO, NamedTuple

from registry.core.errors import InvalidInput
from registry.vault.draft import Draft
from registry.vault.importers.base import Item, Refused, Told
from registry.vault.importers.cells import undefused
from registry.vault.importers.columns import Column, ColumnMap, named_columns
from registry.vault.importers.keys import EqualFacts, fact_key
from registry.vault.importers.members import Reader, readers, split_list
from registry.vault.importers.text import CutText, Lines, TooLong, check_encoding


class _Plan(NamedTuple):
    """The members of a row with the places of their cells: plain texts, texts that are read, and joined cells."""

    texts: list[tuple[str, int]]
    values: list[tuple[str, int, Reader]]
    joined: list[tuple[str, list[int], Reader | None]]


class CsvImporter:
    """Reads lines by a complete column map; ``category`` is used where the map has none.

    ``InvalidInput`` where the map lacks what only the person can say.
    """

    passes = 1

    def __init__(self, columns: ColumnMap, category: str) -> None:
        if len(columns.delimiter) != 1 or columns.delimiter in '"\r\n ':
            raise InvalidInput(f"{columns.delimiter!r} cannot be a delimiter", "Use one character, such as ; or ,.")
        self._map, self._category = columns, columns.category or category
        self._encoding, self._readers = check_encoding(columns.encoding), readers(columns)

    def items(self, source: BinaryIO) -> Iterator[Item]:
        """Yield a draft for each line, in order."""
        lines = Lines(source, self._encoding)
        rows, top = csv.reader(lines, delimiter=self._map.delimiter, strict=True), f"line {self._map.skip + 1}"
        try:
            for _ in islice(lines, self._map.skip):
                lines.spent = 0
            header = named_columns(next(rows, []))
            "".join(header).encode()
        except (csv.Error, CutText, TooLong, UnicodeEncodeError) as error:
            yield Refused(top, None, f"the header cannot be read: {_why(error, self._encoding)}")
            return
        there, known = set(header), {column.column for column in self._map.columns}
        if absent := [each.column for each in self._map.columns if each.member and each.column not in there]:
            yield Refused(top, absent[0], f"the header lacks this column, and {len(absent)} of the map in all")
            return
        if new := [name for name in header if name not in known]:
            yield Told(f"the map does not know these columns, which are left out: {', '.join(new[:20])}")
        yield from self._records(lines, rows, header)

    def _records(self, lines: Lines, rows: Any, header: list[str]) -> Iterator[Item]:
        plan, width, equal = self._plan(header), len(header), EqualFacts()
        before, is_open, unread = lines.number, True, ""
        while is_open:
            is_open = False
            try:
                for row in rows:
                    lines.spent, at, before = 0, f"line {before + 1}", lines.number
                    if len(row) == width or _fit(row, width):
                        yield self._item(row, plan, equal, at)
                    elif row:
                        yield Refused(at, None, f"it has {len(row)} cells, and the header {width}; was it cut?")
            except (csv.Error, CutText, TooLong) as error:
                # Behind an open quotation mark nobody can tell where the next record begins.
                is_open = lines.number <= before + 1 and not isinstance(error, CutText)
                unread = "" if is_open else "; what stands behind it was not read"
                yield Refused(f"line {before + 1}", None, _why(error, self._encoding) + unread)
                lines.spent, before = 0, lines.number
        if not unread and lines.last and not lines.last.endswith(("\n", "\r")):
            yield Told("the last line has no line end; if the file was cut there, its last cell is not whole")

    def _plan(self, header: list[str]) -> _Plan:
        groups: dict[str, list[Column]] = {}
        for column in self._map.columns:
            if column.member:
                groups.setdefault(column.member, []).append(column)
        places, plan = {name: place for place, name in enumerate(header)}, _Plan([], [], [])
        for name, (first, *rest) in groups.items():
            place, read = places[first.column], self._readers[first.kind]
            if rest:
                plan.joined.append((name, [place, *(places[each.column] for each in rest)], read))
            elif read:
                plan.values.append((name, place, read))
            else:
                plan.texts.append((name, place))
        return plan

    def _item(self, row: list[str], plan: _Plan, equal: EqualFacts, at: str) -> Draft | Refused:
        columns = self._map
        try:
            body = _body(row, plan)
            body.update(columns.constants)
            key = equal.key(fact_key(columns.source, columns.schema, body))
            return Draft(self._category, columns.schema, None, columns.source, columns.tags, body, None, key, at)
        except UnicodeEncodeError as error:
            return Refused(at, None, _why(error, self._encoding))
        except (ValueError, OverflowError) as error:
            return Refused(at, _faulty(row, plan), str(error))


def _body(row: list[str], plan: _Plan) -> dict[str, Any]:
    cells = list(map(str.strip, row))
    if "'" in "".join(cells):
        cells = [undefused(cell) if cell.startswith("'") else cell.strip() for cell in row]
    body: dict[str, Any] = {name: cells[place] for name, place in plan.texts if cells[place]}
    for name, place, read in plan.values:
        if cell := cells[place]:
            body[name] = read(cell)
    for name, places, reader in plan.joined:
        between = "\n" if reader is split_list else " "
        if cell := between.join([cells[place] for place in places if cells[place]]):
            body[name] = reader(cell) if reader else cell
    return body


def _faulty(row: list[str], plan: _Plan) -> str | None:
    """Find the member whose text is wrong. The fast way above does not keep track of it."""
    singles = [_Plan([], [value], []) for value in plan.values] + [_Plan([], [], [each]) for each in plan.joined]
    for single in singles:
        try:
            _body(row, single)
        except (ValueError, OverflowError):
            return (single.values or single.joined)[0][0]
    return None


def _fit(row: list[str], width: int) -> bool:
    """Cut surplus cells that are empty: some programs end each line, but not the header, with a delimiter."""
    if len(row) > width and not any(row[width:]):
        del row[width:]
        return True
    return False


def _why(error: Exception, encoding: str) -> str:
    if isinstance(error, UnicodeEncodeError):
        return f"its bytes are not {encoding}"
    if isinstance(error, csv.Error) and "unexpected end" in str(error):
        return "the file ends inside quotation marks; was it cut?"
    return str(error)
