"""Cells of CSV files that a spreadsheet could take for a formula: defused on export, and restored on import."""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_DEFUSED = re.compile(r"'+[=+\-@\t\r]")


def defused(cell: str) -> str:
    """Return the cell with an apostrophe in front where a spreadsheet could take it for a formula.

    A cell that looks defused already gets one more, so that `undefused` restores every text.
    """
    return f"'{cell}" if _FORMULA.match(cell) else cell


def undefused(cell: str) -> str:
    """Return what `defused` was given."""
    return cell[1:] if _DEFUSED.match(cell) else cell
