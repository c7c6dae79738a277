"""Small charts and tables: as wide as the terminal, ASCII where it takes nothing else, harmless whatever they hold."""

from __future__ import annotations

import io
import sys

import pytest

from registry.cli.ui import charts
from registry.cli.ui.charts import bars, columns


@pytest.fixture(autouse=True)
def unicode_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    monkeypatch.setenv("COLUMNS", "60")


COUNTS = [("purchases", 1_000), ("notes", 500), ("one", 1)]


def test_bars_are_in_proportion_and_never_empty() -> None:
    lines = [line.text for line in bars(COUNTS)]
    blocks = [line.count("█") for line in lines]
    assert lines[0].startswith("  purchases  1,000  ") and blocks[0] in range(2 * blocks[1] - 1, 2 * blocks[1] + 2)
    assert lines[2].endswith("▏") and max(map(len, lines)) <= 60


@pytest.mark.parametrize("width", [1, 20, 40, 300])
def test_any_width(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = [line.text for line in bars(COUNTS)]
    assert all("█" in line or "▏" in line for line in lines) and max(map(len, lines)) <= 100


def test_a_terminal_that_takes_ascii_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    lines = [line.text for line in bars([("a" * 50, 3)])]
    assert lines[0].isascii() and "#" in lines[0] and "..." in lines[0]


def test_no_counts_and_only_zeros() -> None:
    assert [line.text for line in bars([("none", 0)])]


def test_a_table_lines_up_also_with_wide_letters() -> None:
    lines = [line.text for line in columns(("text", "n"), [("日本", 5), ("a\nb", 12), (None, None)])]
    assert lines == ["text   n", "----  --", "日本   5", "a b   12", ""]


def test_what_a_cell_holds_cannot_control_the_terminal() -> None:
    lines = [line.text for line in columns(("\x1b[2J",), [("\u202eevil\x1b[31m",)])]
    assert not any(c in line for line in lines for c in "\x1b\u202e")


def test_a_sum_of_amounts_has_no_digits_that_mean_nothing() -> None:
    assert columns(("total",), [(273.29999999999995,)])[-1].text == "273.3"


def test_a_long_text_is_cut() -> None:
    assert len(columns(("text",), [("x" * 500,)])[-1].text) == charts._MAX_CELL
