"""Small charts and tables of plain text, as wide as the terminal."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import Any

from registry.present.text import Line, visible

# Eighths of a cell, from the smallest.
_EIGHTHS = "▏▎▍▌▋▊▉█"
_ASCII = "#"
_MAX_WIDTH, _MIN_BAR, _MAX_NAME, _MAX_CELL = 100, 8, 40, 60


def bars(counts: Sequence[tuple[str, int]]) -> list[Line]:
    """Return a line for each name: the name, a bar, the count. Bars are ASCII where stdout takes nothing else."""
    names = [_cut(visible(name), _MAX_NAME) for name, _ in counts]
    numbers = [f"{count:,}" for _, count in counts]
    name_width, number_width = max(map(_cells, names)), max(map(len, numbers))
    room = max(_width() - name_width - number_width - 6, _MIN_BAR)
    most = max((count for _, count in counts), default=0) or 1
    return [
        Line(f"  {_padded(name, name_width)}  {number:>{number_width}}  {_bar(count / most, room)}".rstrip())
        for name, number, (_, count) in zip(names, numbers, counts, strict=True)
    ]


def columns(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[Line]:
    """Return a table with a header: numbers to the right, and every text on one line."""
    header = [_cell(name) for name in names]
    texts = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(_cells, column)) for column in zip(header, *texts, strict=True)]
    is_number = [
        bool(rows) and all(isinstance(row[place], int | float | None) for row in rows) for place in range(len(names))
    ]

    def line(cells: Sequence[str]) -> str:
        padded = (_padded(cell, width, right) for cell, width, right in zip(cells, widths, is_number, strict=True))
        return "  ".join(padded).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return [Line(line(header), 0, "bold"), Line(rule), *(Line(line(row)) for row in texts)]


def _cell(value: Any) -> str:
    if isinstance(value, float):
        value = f"{value:.12g}"  # a sum of amounts is a double, whose last digits mean nothing
    return "" if value is None else _cut(visible(" ".join(str(value).split())), _MAX_CELL)


def _cells(text: str) -> int:
    # Chinese, Japanese and Korean letters take two cells of a terminal.
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _padded(text: str, width: int, to_the_right: bool = False) -> str:
    spaces = " " * (width - _cells(text))
    return spaces + text if to_the_right else text + spaces


def _cut(text: str, most: int) -> str:
    end = "…" if _takes("…") else "..."
    return text if len(text) <= most else text[: most - len(end)] + end


def _bar(share: float, room: int) -> str:
    if not _takes(_EIGHTHS):
        return _ASCII * max(round(share * room), 1)
    eighths = max(round(share * room * 8), 1)
    return _EIGHTHS[-1] * (eighths // 8) + (_EIGHTHS[eighths % 8 - 1] if eighths % 8 else "")


def _takes(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _width() -> int:
    return min(shutil.get_terminal_size().columns, _MAX_WIDTH)
