"""How the texts of a member are read, by its kind in the column map."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from registry.core.errors import InvalidInput
from registry.vault.importers.amounts import amount_reader, number_reader
from registry.vault.importers.columns import ColumnMap, Kind, unanswered
from registry.vault.importers.times import time_reader

Reader = Callable[[str], Any]
# What address books put between several values of one cell.
_BETWEEN = re.compile(r" ::: |[;\n]")


def readers(columns: ColumnMap) -> dict[Kind, Reader | None]:
    """Return the function for each kind of member; None leaves the text as it is. They raise ``ValueError``.

    ``InvalidInput`` where the map lacks an answer of the person's.
    """
    if missing := unanswered(columns):
        raise InvalidInput(f"the column map does not say {' and '.join(missing)}", "Choose it; it is never guessed.")
    mark = columns.decimal_mark or "."
    time = time_reader(columns.time_format, columns.zone) if columns.time_format else None
    return {
        "text": None,
        "time": time,
        "amount": amount_reader(mark),
        "number": number_reader(mark),
        "list": split_list,
    }


def split_list(text: str) -> list[str]:
    """Return the values in a cell: between ";", line feeds or ":::"."""
    return [value.strip() for value in _BETWEEN.split(text) if value.strip()]
