"""A first look at a JSON file: which members its objects have, and what their dates and amounts might be."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO

from registry.core.errors import InvalidInput
from registry.core.sealed.records import MAX_BODY_DEPTH
from registry.vault.importers.columns import MAX_COLUMNS
from registry.vault.importers.csv_look import SAMPLE_ROWS, Look, look_of
from registry.vault.importers.json_text import BrokenJson, Digits, read_object, split_array, split_lines, utf8

_DEEP = 4


def look_at_json(source: BinaryIO, *, lines: bool = False) -> Look:
    """Look at the first objects. The header has their members, an object's own by dotted paths.

    ``InvalidInput`` if there is no object, or if it is not UTF-8 or UTF-16.
    """
    objects = [dict(_flat(value)) for value in islice(_objects(utf8(source), lines), SAMPLE_ROWS)]
    header = tuple(islice(dict.fromkeys(name for each in objects for name in each), MAX_COLUMNS))
    if not header:
        raise InvalidInput("there is no object with members in it", "Name an array of objects, or JSON Lines.")
    rows = [[_cell(each.get(name)) for name in header] for each in objects]
    return look_of(header, rows)


def _objects(text: BinaryIO, lines: bool) -> Iterator[dict[str, Any]]:
    try:
        for piece in split_lines(text) if lines else split_array(text):
            if piece and piece.raw and piece.depth <= MAX_BODY_DEPTH:
                try:
                    yield read_object(piece.raw, as_text=True)
                except ValueError:
                    continue  # the import itself names it
    except BrokenJson:
        return


def _flat(value: dict[str, Any], before: str = "", depth: int = 1) -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        if isinstance(inner, dict) and inner and depth < _DEEP:
            yield from _flat(inner, f"{before}{name}.", depth + 1)
        else:
            yield f"{before}{name}", inner


def _cell(value: Any) -> str:
    # JSON's own numbers say nothing about the spelling of the others.
    return value if isinstance(value, str) and not isinstance(value, Digits) else ""
