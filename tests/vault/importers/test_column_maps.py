"""Column maps: suggested in several languages, saved as JSON, strict when read."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.vault.importers.columns import (
    Column,
    ColumnMap,
    dump_map,
    folded,
    known_names,
    load_map,
    named_columns,
    suggest_columns,
    unanswered,
)
from tests.support.importing import PURCHASES


@pytest.mark.parametrize(
    ("header", "schema", "members"),
    [
        ("Order Date,Product Name,Total Owed,Currency", "purchase/1", "orderDate name price priceCurrency"),
        ("Bestelldatum,Artikel,Gesamtpreis,Währung", "purchase/1", "orderDate name price priceCurrency"),
        ("Date de commande,Désignation,Montant total,Devise", "purchase/1", "orderDate name price priceCurrency"),
        ("Fecha,Artículo,Importe,Moneda,Tienda", "purchase/1", "orderDate name price priceCurrency seller"),
        ("Data ordine,Articolo,Prezzo,Valuta,Quantità", "purchase/1", "orderDate name price priceCurrency quantity"),
        ("Besteldatum,Productnaam,Bedrag,Winkel", "purchase/1", "orderDate name price seller"),
        ("日付,商品名,価格,数量", "purchase/1", "orderDate name price quantity"),
        ("Дата заказа,Товар,Сумма", "purchase/1", "orderDate name price"),
        ("date,time,article,total", "purchase/1", "orderDate orderDate name price"),
        ("Buchungstag,Verwendungszweck,Betrag,Währung", "transaction/1", "startTime description amount currency"),
        ("First Name,Last Name,E-mail 1 - Value,E-mail 2 - Value", "contact/1", "givenName familyName email email"),
        ("Start,Type,Value,Unit", "health-measurement/1", "observationDate measuredProperty value unitText"),
    ],
)
def test_members_are_suggested_by_name(header: str, schema: str, members: str) -> None:
    found, columns = suggest_columns(header.split(","))
    assert (found, [column.member for column in columns]) == (schema, members.split())


def test_what_no_member_fits_keeps_its_own_name() -> None:
    _, columns = suggest_columns(["date", "article", "Loyalty Card No.", "price", "Price", "", "1"])
    assert [column.member for column in columns] == [
        "orderDate",
        "name",
        "loyaltyCardNo",
        "price",
        "price2",
        "column6",
        "1",
    ]


def test_columns_of_one_name_are_told_apart() -> None:
    assert named_columns(["a", "a", " ", "a", ""]) == ["a", "a (2)", "column 3", "a (3)", "column 5"]


@given(st.lists(st.text(max_size=10), min_size=1, max_size=20))
def test_any_header_has_a_suggestion(header: list[str]) -> None:
    _, columns = suggest_columns(header)
    assert [column.column for column in columns] == named_columns(header)
    own = [column.member for column in columns if column.kind == "text"]
    assert all(own) and len(set(own)) == len(own)


def test_a_map_is_saved_and_read() -> None:
    assert load_map(dump_map(PURCHASES)) == PURCHASES
    assert json.loads(dump_map(PURCHASES))["timeFormat"] == "iso"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        b'{"schema":"a/1","columns":[]}',
        b'{"schema":"a/1","columns":[{"column":"a","member":"b"}],"x":1}',
        b'{"schema":"a/1","columns":[{"column":"a","member":"b"},{"column":"a","member":"c"}]}',
        b'{"schema":"a/1","columns":[{"column":"a","member":"b","kind":"eval"}]}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_a_map_that_is_not_valid(raw: bytes) -> None:
    with pytest.raises(InvalidInput, match="column map is not valid"):
        load_map(raw)


def test_open_questions_are_named() -> None:
    assert unanswered(msgspec.structs.replace(PURCHASES, time_format=None, decimal_mark=None)) == [
        "timeFormat",
        "decimalMark",
    ]
    assert unanswered(PURCHASES) == [] == unanswered(ColumnMap("note/1", (Column("a", "text"),)))
    assert unanswered(ColumnMap("note/1", (Column("a", None, "time"),))) == []


def test_the_known_names_are_folded_and_of_known_kinds() -> None:
    for members in known_names().values():
        for known in members.values():
            assert known["kind"] in ("text", "time", "amount", "number", "list")
            assert all(name and folded(name) == name for name in known["names"])
