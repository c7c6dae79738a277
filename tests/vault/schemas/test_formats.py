"""The formats of ours judge the same as functions and as patterns."""

from __future__ import annotations

from datetime import UTC, date

import jsonschema_rs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry.vault.schemas.documents import compiled
from registry.vault.schemas.formats import OUR_FORMATS, PATTERNS, WORDS, is_when

validators = {name: compiled({"type": "string", "format": name}) for name in OUR_FORMATS}
days = st.builds("{:04}-{:02}-{:02}".format, st.integers(0, 10_000), st.integers(0, 13), st.integers(0, 32))
texts = st.text("0123456789.,-+:TZABCe\n٣", max_size=30)


@pytest.mark.parametrize("name", OUR_FORMATS)
@given(texts | days | st.datetimes(timezones=st.just(UTC)).map(lambda time: time.isoformat()))
@example("0000-01-01")
@example("0000-02-29")
@example("1900-02-29")
@example("2000-02-29")
@example("9999-12-31T23:59:59.999999-23:59")
@example("0001-01-01T00:00:00+23:59")
@example("2026-01-31T10:00:00+24:00")
@example("2026-01-31\n")
@example("12.50\n")
def test_the_pattern_takes_what_the_function_takes(name: str, text: str) -> None:
    assert validators[name].is_valid(text) is OUR_FORMATS[name](text)


def test_all_days_of_all_years() -> None:
    is_valid = validators["when"].is_valid
    for year in (*range(1, 10_000, 97), *range(1890, 2110), 0, 4, 100, 400, 9996, 9999):
        for month in range(14):
            for day in (0, 1, 28, 29, 30, 31, 32):
                try:
                    date(year, month, day)
                except ValueError:
                    exists = False
                else:
                    exists = True
                text = f"{year:04}-{month:02}-{day:02}"
                assert is_valid(text) is exists is is_when(text), text


def test_a_pattern_of_a_schemas_own_stands_beside_a_format() -> None:
    both = compiled({"type": "string", "format": "when", "pattern": "^2026"})
    assert both.is_valid("2026-01-31") and not both.is_valid("2025-01-31") and not both.is_valid("2026-02-30")


def test_members_and_values_named_format_stay() -> None:
    document = {"type": "object", "properties": {"format": {"const": {"format": "when"}}}}
    assert compiled(document).is_valid({"format": {"format": "when"}})


@pytest.mark.parametrize("name", sorted(WORDS.keys() - OUR_FORMATS.keys()))
def test_every_other_format_is_checked_by_the_library(name: str) -> None:
    # An unknown format would raise, and an unchecked one would take this.
    checked = jsonschema_rs.Draft202012Validator({"format": name}, validate_formats=True, ignore_unknown_formats=False)
    assert not checked.is_valid("<\\ nothing at all \n>%")


def test_all_have_words() -> None:
    assert PATTERNS.keys() == OUR_FORMATS.keys() <= WORDS.keys()
