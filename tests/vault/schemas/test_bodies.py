"""The limits of bodies: JSON values only, bounded in depth, size and precision."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.sealed.records import MAX_BODY, MAX_BODY_DEPTH
from registry.vault.schemas.bodies import body_fault, member_path

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=2)
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.integers(0, 1), inner, max_size=3)
    ),
)


def is_json(value: Any) -> bool:
    """The rule, written naively."""
    if isinstance(value, dict):
        return all(isinstance(name, str) for name in value) and all(map(is_json, value.values()))
    if isinstance(value, list):
        return all(map(is_json, value))
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return True
    if isinstance(value, int):
        return abs(value) < 2**53
    return isinstance(value, float) and math.isfinite(value)


@given(st.dictionaries(st.text(max_size=3), trees, max_size=4))
def test_exactly_json_is_taken(body: dict[str, Any]) -> None:
    assert (body_fault(body) is None) == is_json(body)


def nested(depth: int, leaf: Any) -> dict[str, Any]:
    value = leaf
    for level in range(depth - 1):
        value = [value] if level % 2 else {"a": value}
    return {"b": value}


def test_the_depth_is_bounded() -> None:
    assert body_fault(nested(MAX_BODY_DEPTH, "x")) is None
    path, words = body_fault(nested(MAX_BODY_DEPTH + 1, "x")) or ("", "")
    assert path.startswith("body.b") and words == "is nested more than 32 deep"


def test_a_circle_is_refused() -> None:
    body: dict[str, Any] = {}
    body["self"] = body
    assert "nested" in str(body_fault(body))


def test_the_size_is_that_of_the_encoded_body() -> None:
    overhead = len('{"a":""}')
    assert body_fault({"a": "x" * (MAX_BODY - overhead)}) is None
    assert body_fault({"a": "x" * (MAX_BODY - overhead + 1)}) == ("body", "has 1,048,577 bytes; the most is 1,048,576")
    assert body_fault({"a": "ü" * (MAX_BODY // 2)}) is not None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (2**53, "beyond 2^53"),
        (-(2**53), "beyond 2^53"),
        (math.nan, "no number that JSON has"),
        (-math.inf, "no number that JSON has"),
        (Decimal("1.5"), "is a Decimal"),
        (date(2026, 1, 31), "is a date"),
        (("a",), "is a tuple"),
        (b"x", "is a bytes"),
        ({1: 2}, "name is no text"),
    ],
)
def test_the_member_and_the_reason_are_told(value: Any, words: str) -> None:
    path, told = body_fault({"a": [{"price list": value}]}) or ("", "")
    assert path == "body.a[0]['price list']" and words in told


def test_half_a_character_is_refused() -> None:
    assert "surrogate" in str(body_fault({"a": "\ud800"})) and "surrogate" in str(body_fault({"\udfff": 1}))


def test_only_an_object_is_a_body() -> None:
    assert body_fault(["a"]) == ("body", "must be an object")  # type: ignore[arg-type]


def test_a_path_stays_short() -> None:
    path = "body"
    for _ in range(50):
        path = member_path(path, "a" * 100)
    assert len(path) <= 120
