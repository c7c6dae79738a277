"""What the working copy orders, compares and searches of a record."""

from __future__ import annotations

from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.instants import microseconds
from registry.core.sealed.records import FileRef, Record
from registry.vault.schemas.formats import is_amount, is_currency
from registry.vault.schemas.schemas import Schemas

schemas = Schemas()


def record(schema: str, body: dict[str, Any] | None, **more: Any) -> Record:
    return Record(
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f", 1, "00" * 8, "pd:Purchase", schema, "2026-01-31", body=body, **more
    )


def test_a_purchase() -> None:
    body = {
        "name": "Wool coat", "orderDate": "2025-01-01", "price": "129.50", "priceCurrency": "EUR", "quantity": 2,
        "seller": {"name": "Maison Aurelle", "city": ["Lyon"]}, "url": "https://aurelle.example",
        "Geschenk": {"für": "Müller"},
    }  # fmt: skip
    assert schemas.facts(record("purchase/1", body)) == (
        microseconds("2026-01-31"), Decimal("129.50"), "EUR", "Wool coat\nMaison Aurelle\nLyon\nMüller"
    )  # fmt: skip


@pytest.mark.parametrize("price", [None, 129.5, 129, "129,50", "1e3", " 1", "", "--1", "NaN", "Infinity", "1_0"])
def test_what_is_no_amount_is_none(price: Any) -> None:
    assert schemas.facts(record("purchase/1", {"name": "x", "price": price, "priceCurrency": "€"}))[1:3] == (None, None)


def test_a_schema_without_amounts() -> None:
    facts = schemas.facts(record("note/1", {"text": "milk", "price": "1.00", "priceCurrency": "EUR"}))
    assert facts.amount is None and facts.currency is None


def test_of_an_unknown_schema_all_text_is_found() -> None:
    facts = schemas.facts(record("running/1", {"place": "Lyon", "legs": [1, {"name": "park"}], "price": "1.00"}))
    assert facts == (microseconds("2026-01-31"), None, None, "Lyon\npark\n1.00")


def test_a_files_name_is_found() -> None:
    file = FileRef("Müller.pdf", "application/pdf", 1, sha256(b"\0").hexdigest(), data="AA==")
    assert schemas.facts(record("file/1", None, file=file)).text == "Müller.pdf"


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**17), max_value=10**17))
def test_decimals_as_text_are_amounts(amount: Decimal) -> None:
    assert is_amount(f"{amount:f}")
    facts = schemas.facts(record("transaction/1", {"amount": f"{amount:f}"}))
    assert facts.amount == amount


@given(st.text("0123456789.,-+e_ E\n٣", max_size=12))
def test_an_amount_is_a_decimal_in_one_spelling(text: str) -> None:
    if is_amount(text):
        assert f"{Decimal(text):f}" == text and text.isascii()


@pytest.mark.parametrize(
    ("text", "is_one"), [("EUR", True), ("USDC", True), ("E", False), ("eur", False), ("EUR\n", False)]
)
def test_currencies_are_capitals(text: str, is_one: bool) -> None:
    assert is_currency(text) is is_one
