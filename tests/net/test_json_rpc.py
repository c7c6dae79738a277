"""What a node's answer may hold, and what reading it costs."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from registry.net.json_rpc import hex_bytes

MEGABYTE = 1 << 20


@pytest.mark.parametrize(("value", "found"), [("0x", b""), ("0x00fF", b"\x00\xff"), ("0x" + "ab" * 9, b"\xab" * 9)])
def test_a_hex_string(value: str, found: bytes) -> None:
    assert hex_bytes(value) == found


@pytest.mark.parametrize(
    "value", ["", "0", "0x0", "0x000", "0X00", "00", "0x 00", "0x00\n", "0x0g", "0x٠٠", "-0x00", None, 0, b"0x00", []]
)
def test_anything_else_is_none(value: Any) -> None:
    assert hex_bytes(value) is None


def test_a_long_answer_takes_no_more_memory_than_itself() -> None:
    """A contract wallet may answer megabytes; a pattern with a repeated group took 60 times that (item 12)."""
    answer = "0x" + "ab" * MEGABYTE
    tracemalloc.start()
    try:
        assert hex_bytes(answer) == b"\xab" * MEGABYTE
        assert tracemalloc.get_traced_memory()[1] < 6 * MEGABYTE
    finally:
        tracemalloc.stop()
