"""The small language of searches: what it means, and how it refuses."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.vault.copy.query import MAX_CHARACTERS, MAX_TERMS, Query, Term, parse

DAY = 86_400 * 1_000_000
NEW_YEAR_2026 = 20_454 * DAY


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", Query()),
        ("   ", Query()),
        ("muller", Query(terms=(Term("muller"),))),
        ('"exact phrase" pre*', Query(terms=(Term("exact phrase"), Term("pre", True)))),
        ('"exact phr"*', Query(terms=(Term("exact phr", True),))),
        ("c++ 12:30 aurelle.example", Query(terms=(Term("c++"), Term("12:30"), Term("aurelle.example")))),
        ("https://aurelle.example/a", Query(terms=(Term("https://aurelle.example/a"),))),
        ("category:pd:Purchase category:pd:Health", Query(categories=("pd:Purchase", "pd:Health"))),
        ('source:"by hand" tag:gift tag:work*', Query(sources=("by hand",), tags=("gift", "work*"))),
        ("schema:purchase/1 id:0198C1F2-ab*", Query(schemas=("purchase/1",), id_start="0198c1f2ab")),
        ("after:2026", Query(since=NEW_YEAR_2026)),
        ("before:2026-01", Query(until=NEW_YEAR_2026)),
        ("after:2026-01-01 before:2026-01-02", Query(since=NEW_YEAR_2026, until=NEW_YEAR_2026 + DAY)),
        ("after:2026-01-01T01:00:00.000001+01:00", Query(since=NEW_YEAR_2026 + 1)),
        ("after:0001 before:9999-12-31", Query(since=-719_162 * DAY, until=2_932_896 * DAY)),
        ("amount:10..50 EUR", Query(low=Decimal(10), high=Decimal(50), currency="EUR")),
        ("amount:10..50EUR x", Query(low=Decimal(10), high=Decimal(50), currency="EUR", terms=(Term("x"),))),
        ("amount:-5..", Query(low=Decimal(-5))),
        ("amount:..12.50 eur", Query(high=Decimal("12.50"), terms=(Term("eur"),))),
        ("amount:12.50", Query(low=Decimal("12.50"), high=Decimal("12.50"))),
        ("sort:rank word", Query(terms=(Term("word"),), is_ranked=True)),
        ("CATEGORY:pd:Purchase", Query(categories=("pd:Purchase",))),
        ("东*", Query(terms=(Term("东", True),))),
    ],
)
def test_what_it_means(text: str, query: Query) -> None:
    assert parse(text) == query


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('"open', "a quote is not closed"),
        ("colour:red", "no field is named 'colour'"),
        ("tag:", "tag: has no value"),
        ("tag:*", "tag: has no value"),
        ("a*", "begins with too little"),
        ('"word a"*', "begins with too little"),
        ("++", "holds no letter and no digit"),
        ("*", "holds no letter and no digit"),
        ('""', "holds no letter and no digit"),
        ("after:2026-13", "is no time"),
        ("after:2025-02-29", "is no time"),
        ("after:01/02/2026", "is no time"),
        ("after:0000", "is no time"),
        ("after:2026-01-01T10:00:00", "is no time"),
        ("after:2026-01-01T10:00:00+25:00", "is no time"),
        ("after:2026 after:2025", "after: stands twice"),
        ("after:2026 before:2025", "nothing can lie after and before"),
        ("amount:1.234,56", "is no amount"),
        ("amount:1 amount:2", "amount: stands twice"),
        ("amount:EUR", "is no amount"),
        ("amount:50..10", "no amount lies from 50 to 10"),
        ("amount:1050EURO", "is no amount"),
        ("id:xyz", "does not begin an id"),
        ("id:abc", "does not begin an id"),
        ("sort:oldest", "there is no order"),
        ("word " * (MAX_TERMS + 1), "more than 32 words"),
        ("tag:x " * (MAX_TERMS + 1), "more than 32 words, or values of a field"),
        ("x" * (MAX_CHARACTERS + 1), "longer than 1,000 characters"),
    ],
)
def test_how_it_refuses(text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as refused:
        parse(text)
    assert refused.value.advice


@given(
    st.text(alphabet=st.sampled_from("ab\"*:. -+()^{}\\'\x00 tag:after:2026东É"), max_size=40) | st.text(max_size=40)
)
def test_any_text_is_a_query_or_refused(text: str) -> None:
    try:
        assert isinstance(parse(text), Query)
    except InvalidInput as refused:
        assert str(refused)
