"""JSON and JSON Lines: split by brackets, decoded strictly; what is no JSON is refused by its number."""

from __future__ import annotations

import io
import json
from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.vault.importers import base, json_text
from registry.vault.importers.base import Defaults, Item
from registry.vault.importers.columns import Column, ColumnMap
from registry.vault.importers.json_files import JsonImporter
from registry.vault.importers.json_look import look_at_json
from tests.support.importing import bodies, drafts, read_all, refused, told

SAID = Defaults("note/1", "pd:Preference", "a test")
MAP = ColumnMap(
    "purchase/1",
    (
        Column("total", "price", "amount"),
        Column("when", "orderDate", "time"),
        Column("shop.name", "seller"),
        Column("tags", "keywords", "list"),
        Column("count", "quantity", "number"),
        Column("extra", "extra"),
    ),
    time_format="iso",
    decimal_mark=",",
    constants={"priceCurrency": "EUR"},
)


def imported(raw: bytes, *, lines: bool = False, columns: ColumnMap | None = None) -> list[Item]:
    return read_all(JsonImporter(SAID, columns, lines), raw)


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b"[]", []),
        (b" [ ] ", []),
        (b"{}", [{}]),
        (b'{"a":1}', [{"a": 1}]),
        (b'[{"a":1},{"b":[1,{"c":"]}"}]} ]', [{"a": 1}, {"b": [1, {"c": "]}"}]}]),
        (b'[{"a":"x\\"y"},{"b":"\\\\"}]', [{"a": 'x"y'}, {"b": "\\"}]),
        (b'\xef\xbb\xbf[{"a":1}]', [{"a": 1}]),
        ('[{"a":"é奶"}]'.encode("utf-16"), [{"a": "é奶"}]),
        ('{"a":"é"}'.encode("utf-16-be"), [{"a": "é"}]),
    ],
)
def test_what_is_read(raw: bytes, found: list[Any]) -> None:
    items = imported(raw)
    assert bodies(items) == found and not refused(items)


@pytest.mark.parametrize(
    ("raw", "read", "at", "why"),
    [
        (b"", 0, "element 1", "was it cut"),
        (b'[{"a":1},', 1, "element 2", "was it cut"),
        (b'[{"a":1}', 1, "element 2", "was it cut"),
        (b'[{"a":1}{"b":2}]', 1, "element 2", "comma"),
        (b'[{"a":1},]', 1, "element 2", "comma"),
        (b'[{"a":1},,{"a":2}]', 1, "element 2", "comma"),
        (b'[{"a":1}] x', 1, "element 2", "was it cut"),
        (b'[{"a":1}]]', 1, "element 2", "never opened"),
        (b"}", 0, "element 1", "never opened"),
        (b"[}", 0, "element 1", "another bracket"),
        (b'[{"a":1}}', 1, "element 2", "another bracket"),
        (b'{"a":1}{"b":2}', 1, "element 2", "outside"),
        (b'"text"', 0, "element 1", "no array"),
        (b'[{"a":NaN}]', 0, "element 1", "NaN"),
        (b'[{"a":1e999}]', 0, "element 1", "too large"),
        (b'[{"a":1,"a":2}]', 0, "element 1", "twice"),
        (b'[{"a":12345678901234567890}]', 0, "element 1", "15 digits"),
        (b'[{"a":"\\ud800"}]', 0, "element 1", "Unicode"),
        (b'[{"a":1,}]', 0, "element 1", "Expecting"),
        (b'[{"a":[}', 0, "element 1", "was it cut"),
        (b'[{"a":"\xe9"}]', 0, "element 1", "not UTF-8"),
        (b'[{"a":' + b"[" * 40 + b"]" * 40 + b"}]", 0, "element 1", "32 deep"),
        (b"[" * 100_000, 0, "element 1", "was it cut"),
        ('[{"a":"é"}]'.encode("utf-16")[:-1], 1, "element 2", "was it cut"),
    ],
)
def test_what_is_refused(raw: bytes, read: int, at: str, why: str) -> None:
    items = imported(raw)
    assert len(drafts(items)) == read
    (no,) = refused(items)
    assert no.at == at and why in no.why


def test_one_wrong_element_does_not_end_the_reading() -> None:
    items = imported(b'[1,"x",{"a":1},[3],{"a":NaN},{"a":[[[[' + b"[" * 40 + b"]" * 44 + b'},{"b":2}, null]')
    assert bodies(items) == [{"a": 1}, {"b": 2}]
    assert [each.at for each in refused(items)] == ["element 1", "element 3", "element 4", "element 5", "element 7"]


def test_broken_bytes_far_behind_refuse_their_element_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "CHUNK", 10)
    items = imported(b'[{"a":"0123456789"},{"a":"\xff"},{"a":2}]')
    assert bodies(items) == [{"a": "0123456789"}, {"a": 2}] and "Unicode" in refused(items)[0].why


def test_lines() -> None:
    items = imported(b'{"a":1}\n\n{"b":2}\r\nnope\n[1]\n' + b'{"a":' + b"[" * 99 + b'\n{"c"', lines=True)
    assert bodies(items) == [{"a": 1}, {"b": 2}] and [draft.at for draft in drafts(items)] == ["line 1", "line 3"]
    assert [each.at for each in refused(items)] == ["line 4", "line 5", "line 6", "line 7"]


def test_objects_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "MAX_OBJECT", 5_000)
    monkeypatch.setattr(json_text, "CHUNK", 1_000)
    items = imported(b'[{"a":1},{"a":"' + b"x" * 50_000 + b'"}]')
    assert bodies(items) == [{"a": 1}] and "longer than 5,000 bytes" in refused(items)[0].why
    items = imported(b'{"a":1}\n{"a":"' + b"x" * 50_000 + b'"}\n', lines=True)
    assert bodies(items) == [{"a": 1}] and "longer than 5,000 bytes" in refused(items)[0].why
    items = read_all(JsonImporter(SAID), json.dumps({"a": "x" * 2**20}).encode())
    assert not drafts(items)


def test_a_body_has_at_most_a_mebibyte() -> None:
    items = read_all(JsonImporter(SAID), json.dumps([{"a": "x" * 2**20}, {"a": 1}]).encode())
    assert bodies(items) == [{"a": 1}] and "larger than 1,048,576 bytes" in refused(items)[0].why


def test_a_map_reads_members_and_keeps_the_digits_of_amounts() -> None:
    items = imported(
        b'[{"total":12.50,"when":"2026-01-31","shop":{"name":"Bob"},"tags":["a",1.5],"count":2.5,"new":1,"extra":{"y":1.5}},'
        b'{"total":"1.234,56","when":"31.1.2026"},{"total":"1.234,56","count":"1,5","tags":"a; b","extra":7},'
        b'{"total":1e3},{"total":{}},{"total":true},{"when":""}]',
        columns=MAP,
    )
    eur = {"priceCurrency": "EUR"}
    assert bodies(items) == [
        {
            "price": "12.50",
            "orderDate": "2026-01-31",
            "seller": "Bob",
            "keywords": ["a", 1.5],
            "quantity": 2.5,
            "extra": {"y": 1.5},
            **eur,
        },
        {"price": "1234.56", "quantity": 1.5, "keywords": ["a", "b"], "extra": 7, **eur},
        eur,
    ]
    assert [(each.at, each.member) for each in refused(items)] == [
        ("element 2", "orderDate"),
        ("element 4", "price"),
        ("element 5", "price"),
        ("element 6", "price"),
    ]
    assert told(items) == ["the map does not know these members, which are left out: new"]


def test_equal_objects_are_two_facts_in_both_forms() -> None:
    array = drafts(imported(b'[{"a":1,"b":2},{"b":2,"a":1}]'))
    lines = drafts(imported(b'{"a":1,"b":2}\n{"a":1, "b":2}\n', lines=True))
    assert [draft.key for draft in array] == [draft.key for draft in lines] and len({draft.key for draft in array}) == 2


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
_OBJECTS = st.lists(
    st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), _VALUES, max_size=4), max_size=6
)


@given(_OBJECTS, st.integers(1, 40), st.sampled_from([None, 2]), st.booleans())
def test_whatever_json_writes_is_read_in_pieces_of_any_size(
    objects: list[dict[str, Any]], chunk: int, indent: int | None, ascii_only: bool
) -> None:
    raw = json.dumps(objects, indent=indent, ensure_ascii=ascii_only).encode()
    before = json_text.CHUNK
    json_text.CHUNK = chunk
    try:
        items = imported(raw)
    finally:
        json_text.CHUNK = before
    assert bodies(items) == objects and not refused(items)


@given(st.binary(max_size=200) | st.text('[]{}",:1a\\ ', max_size=60).map(str.encode), st.booleans())
def test_any_bytes_give_items_and_no_json_error(raw: bytes, lines: bool) -> None:
    for item in imported(raw, lines=lines):
        assert isinstance(item, base.Draft | base.Refused)


@given(st.text('[]{}",:1a\\ ', max_size=30))
def test_what_is_no_json_for_python_is_refused(text: str) -> None:
    """What we take without a refusal, Python's own parser takes too."""
    items = imported(text.encode())
    if not refused(items):
        value = json.loads(text)
        assert bodies(items) == (value if isinstance(value, list) else [value])


def test_every_short_text_is_refused_where_python_refuses_it() -> None:
    for length in range(5):
        for letters in product('[]{}",:1a ', repeat=length):
            if not refused(items := imported("".join(letters).encode())):
                value = json.loads("".join(letters))
                assert bodies(items) == (value if isinstance(value, list) else [value])


class TestTheFirstLookAtJson:
    RAW = b"""[
        {"Order Date": "31/12/2026", "Product Name": "a", "Total": "1.234,56", "shop": {"name": "Bob", "at": {"x": 1}}},
        {"Total": 12.5, "tags": [1], "broken": NaN}, 7, {"Total": 9, "new": null}]"""

    def test_members_become_columns_by_their_paths(self) -> None:
        seen = look_at_json(io.BytesIO(self.RAW))
        assert seen.header == ("Order Date", "Product Name", "Total", "shop.name", "shop.at.x", "new")
        assert [column.member for column in seen.columns[:3]] == ["orderDate", "name", "price"]
        assert (seen.schema, seen.time_formats, seen.decimal_marks) == ("purchase/1", ("%d/%m/%Y",), (",",))
        answers = {"time_format": "%d/%m/%Y", "decimal_mark": ","}
        items = imported(self.RAW, columns=msgspec.structs.replace(seen.column_map(), **answers))
        assert bodies(items)[0] == {
            "orderDate": "2026-12-31", "name": "a", "price": "1234.56", "shopName": "Bob", "shopAtX": 1,
        }  # fmt: skip
        assert [body["price"] for body in bodies(items)] == ["1234.56", "9"]

    def test_lines_too(self) -> None:
        assert look_at_json(io.BytesIO(b'{"a": 1}\n\nnope\n{"b": 2}'), lines=True).header == ("a", "b")

    @pytest.mark.parametrize("raw", [b"", b"[]", b"[1]", b"{}", b"[" * 100_000, b'[{"a":' + b"[" * 99 + b"]"])
    def test_a_file_without_members(self, raw: bytes) -> None:
        with pytest.raises(InvalidInput, match="no object with members"):
            look_at_json(io.BytesIO(raw))
