"""Strict JSON: one encoding of each value."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from registry.core import codec
from registry.core.errors import Malformed
from registry.core.scalars import MAX_SAFE_INTEGER

LIMIT = 4096


class Thing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    a: int
    b: str = ""
    c: tuple[str, ...] = ()


THINGS = msgspec.json.Decoder(Thing)
GOOD = '{"a":1,"b":"é/","c":["x"]}'.encode()

# name: a text that says, to some readers, the same as GOOD
SECOND_ENCODINGS = {
    "space": b'{"a": 1,"b":"\xc3\xa9/","c":["x"]}',
    "leading space": b" " + GOOD,
    "line feed at the end": GOOD + b"\n",
    "null byte at the end": GOOD + b"\0",
    "byte order mark": b"\xef\xbb\xbf" + GOOD,
    "utf-16": GOOD.decode().encode("utf-16"),
    "latin-1": GOOD.decode().encode("latin-1"),
    "other order": '{"b":"é/","a":1,"c":["x"]}'.encode(),
    "duplicate, equal": '{"a":1,"a":1,"b":"é/","c":["x"]}'.encode(),
    "duplicate, other": '{"a":2,"a":1,"b":"é/","c":["x"]}'.encode(),
    "duplicate, escaped name": '{"a":1,"\\u0061":1,"b":"é/","c":["x"]}'.encode(),
    "escaped name": '{"\\u0061":1,"b":"é/","c":["x"]}'.encode(),
    "escaped letter": b'{"a":1,"b":"\\u00e9/","c":["x"]}',
    "escaped slash": '{"a":1,"b":"é\\/","c":["x"]}'.encode(),
    "exponent": '{"a":1e0,"b":"é/","c":["x"]}'.encode(),
    "fraction": '{"a":1.0,"b":"é/","c":["x"]}'.encode(),
    "string for integer": '{"a":"1","b":"é/","c":["x"]}'.encode(),
    "true for integer": '{"a":true,"b":"é/","c":["x"]}'.encode(),
    "leading zero": '{"a":01,"b":"é/","c":["x"]}'.encode(),
    "plus": '{"a":+1,"b":"é/","c":["x"]}'.encode(),
    "trailing comma": '{"a":1,"b":"é/","c":["x"],}'.encode(),
    "trailing object": GOOD + b"{}",
    "single quotes": GOOD.replace(b'"', b"'"),
    "comment": GOOD + b"//",
    "not UTF-8": GOOD.replace(b"\xc3\xa9", b"\xc3"),
    "overlong UTF-8": GOOD.replace(b"/", b"\xc0\xaf"),
    "surrogate in UTF-8": GOOD.replace(b"\xc3\xa9", b"\xed\xa0\x80"),
    "lone surrogate, escaped": GOOD.replace(b"\xc3\xa9", b"\\ud800"),
    "nothing": b"",
    "null": b"null",
    "array": b"[" + GOOD + b"]",
}


def test_the_one_encoding_is_read_and_written() -> None:
    thing = codec.decode(GOOD, THINGS, LIMIT)
    assert thing == Thing(1, "é/", ("x",))
    assert codec.encode(thing) == GOOD
    assert codec.canonical(GOOD, LIMIT) == GOOD


@pytest.mark.parametrize("raw", SECOND_ENCODINGS.values(), ids=SECOND_ENCODINGS.keys())
def test_every_second_encoding_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        codec.decode(raw, THINGS, LIMIT)


# Only the spelling differs. Every other change says something else, or nothing.
REFORMATTED = (
    "byte order mark",
    "space",
    "leading space",
    "line feed at the end",
    "other order",
    "escaped name",
    "escaped letter",
    "escaped slash",
    "exponent",
    "fraction",
)
OTHER_VALUES = ("string for integer", "true for integer", "null", "array")


@pytest.mark.parametrize("name", REFORMATTED)
def test_a_reformatted_text_is_put_right(name: str) -> None:
    assert codec.canonical(SECOND_ENCODINGS[name], LIMIT) == GOOD


@pytest.mark.parametrize("name", OTHER_VALUES)
def test_another_value_stays_another_value(name: str) -> None:
    assert codec.canonical(SECOND_ENCODINGS[name], LIMIT) == SECOND_ENCODINGS[name]


@pytest.mark.parametrize("name", sorted(SECOND_ENCODINGS.keys() - {*REFORMATTED, *OTHER_VALUES}))
def test_what_is_not_json_is_not_put_right(name: str) -> None:
    with pytest.raises(Malformed) as caught:
        codec.canonical(SECOND_ENCODINGS[name], LIMIT)
    assert caught.value.advice


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ("-Infinity", "Infinity"),
        ("1e400", "not valid"),
        (str(MAX_SAFE_INTEGER + 2), "not valid"),
        (str(-MAX_SAFE_INTEGER - 2), "not valid"),
        (str(2**64), "not valid"),
        ("9" * 4_000, "not valid"),
        ('{"x":1,"x":1}', "twice"),
        ('{"x":1,"\\u0078":2}', "twice"),
        ('"\\ud800"', "not valid"),
    ],
)
def test_what_canonical_json_cannot_say(text: str, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        codec.canonical(f'{{"v":{text}}}'.encode(), 2 * LIMIT)


@pytest.mark.parametrize("value", [2.0**53, -(2.0**53), 1e20, 123456789012345680000.0, 1e21, -9.007199254740994e15])
def test_a_large_whole_double_is_a_number_like_any_other(value: float) -> None:
    # RFC 8785 writes it without a point; a parser that takes it for an integer would refuse a good notice.
    raw = rfc8785.dumps({"v": value})
    assert codec.canonical(raw, LIMIT) == raw


@pytest.mark.parametrize("value", [{1: 2}, {"v": object()}, {"v": float("nan")}, {"v": 2**53}, {"v": "\ud800"}])
def test_what_python_values_canonical_json_cannot_say(value: Any) -> None:
    with pytest.raises(Malformed):
        codec.dump(value)


def test_more_bytes_than_the_limit() -> None:
    assert codec.decode(GOOD, THINGS, len(GOOD)) == codec.loads(GOOD, THINGS, len(GOOD))
    for read in (lambda: codec.decode(GOOD, THINGS, len(GOOD) - 1), lambda: codec.canonical(GOOD, len(GOOD) - 1)):
        with pytest.raises(Malformed, match="bytes"):
            read()


_TEXTS = st.text(st.sampled_from('[]{}"\\\n,:aé'))
_JSON = st.recursive(
    _TEXTS | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(_TEXTS, inner), max_leaves=40
)


class TestNesting:
    def nested(self, depth: int) -> bytes:
        return b"[" * depth + b"]" * depth

    def test_up_to_the_bound(self) -> None:
        raw = self.nested(codec.MAX_NESTING)
        assert codec.canonical(raw, LIMIT) == raw

    @pytest.mark.parametrize("depth", [codec.MAX_NESTING + 1, 30_000])
    def test_past_the_bound(self, depth: int) -> None:
        with pytest.raises(Malformed, match="nested"):
            codec.canonical(self.nested(depth), 100_000)
        with pytest.raises(Malformed, match="nested"):
            codec.decode(b'{"a":' * depth, THINGS, 1_000_000)

    def test_brackets_in_strings_and_side_by_side_do_not_count(self) -> None:
        wide = b"[" + b",".join([b"[]"] * 1000) + b"]"
        quoted = json.dumps(["[{" * 500, '\\"[' * 500], separators=(",", ":")).encode()
        assert codec.canonical(wide, LIMIT) == wide
        assert codec.canonical(quoted, LIMIT * 2) == quoted

    @given(_JSON, st.integers(0, 200))
    def test_each_bracket_outside_of_strings_is_seen(self, value: Any, depth: int) -> None:
        raw = b"[" * depth + json.dumps(value, ensure_ascii=False).encode() + b"]" * depth
        tokens = re.finditer(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', raw, re.DOTALL)
        assert codec._brackets(raw) == b"".join(token[0] for token in tokens if token[0][:1] != b'"')

    @given(st.text('[]{}"\\,:a', min_size=100, max_size=400))
    def test_rubbish_is_malformed_and_nothing_else(self, text: str) -> None:
        for read in (lambda raw: codec.canonical(raw, LIMIT), lambda raw: codec.decode(raw, THINGS, LIMIT)):
            with pytest.raises(Malformed):
                read(b"[" + text.encode() + b'"')


# RFC 8785 sorts names by UTF-16 code units: for ASCII names that is their byte order.
_names = st.text(st.characters(codec="ascii"), max_size=6)
_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_names, inner, max_size=4),
    max_leaves=12,
)


@given(_values)
def test_our_encoding_is_rfc_8785(value: Any) -> None:
    raw = codec.encode(value)
    assert raw == rfc8785.dumps(value) == codec.dump(value)
    assert codec.canonical(raw, 1 << 20) == raw
    assert json.loads(raw) == value


@given(_values, st.sampled_from([None, 0, 2, "\t"]), st.booleans())
def test_whatever_an_editor_did_is_undone(value: Any, indent: Any, ascii_only: bool) -> None:
    edited = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()
    assert codec.canonical(edited, 1 << 20) == codec.encode(value)


@given(st.binary(max_size=60))
def test_random_bytes_are_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        codec.decode(raw, THINGS, LIMIT)
