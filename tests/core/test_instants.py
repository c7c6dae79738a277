"""Days and times of records: one spelling, every day of the calendar, the right order."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry.core.errors import Malformed
from registry.core.instants import microseconds, utc_text

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
zones = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))
# An independent grammar: RFC 3339, section 5.6, with upper-case letters and at most six digits of a fraction.
GRAMMAR = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
    r"(T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[-+]([01]\d|2[0-3]):[0-5]\d))?",
    re.ASCII,
)


@given(st.datetimes(timezones=zones))
@example(datetime.min.replace(tzinfo=timezone(timedelta(hours=23, minutes=59))))
@example(datetime.max.replace(tzinfo=timezone(-timedelta(hours=23, minutes=59))))
def test_times_count_as_the_standard_library_counts_them(time: datetime) -> None:
    since = time.replace(tzinfo=UTC) - EPOCH - (time.utcoffset() or timedelta())
    assert microseconds(time.isoformat()) == since // timedelta(microseconds=1)


@given(st.dates())
@example(date(2024, 2, 29))
@example(date(2000, 2, 29))
@example(date(1, 1, 1))
@example(date(9999, 12, 31))
def test_a_day_counts_as_its_midnight_in_utc(day: date) -> None:
    assert microseconds(day.isoformat()) == microseconds(f"{day.isoformat()}T00:00:00Z")
    assert microseconds(day.isoformat()) == (day - date(1970, 1, 1)).days * 86_400_000_000


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_in_utc_is_read_back_as_it_was(time: datetime) -> None:
    number = (time - EPOCH) // timedelta(microseconds=1)
    assert microseconds(utc_text(number)) == number


@given(st.from_regex(GRAMMAR, fullmatch=True) | st.text("0123456789-+:.TZtz \n", max_size=36))
@example("2026-01-31\n")
@example("٢٠٢٦-٠١-٣١")
def test_only_one_spelling_is_read(text: str) -> None:
    try:
        microseconds(text)
    except Malformed:
        if GRAMMAR.fullmatch(text):
            with pytest.raises(ValueError, match=r"day|year|month"):
                date.fromisoformat(text[:10])
    else:
        assert GRAMMAR.fullmatch(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-02-29", "no such day"),
        ("1900-02-29", "no such day"),
        ("2026-02-29T10:00:00Z", "no such day"),
        ("2026-04-31", "no such day"),
        ("0000-01-01", "no such day"),
        ("2016-12-31T23:59:60Z", "leap second"),
        ("2026-01-31T24:00:00Z", "hour is 24"),
        ("2026-01-31 10:00:00Z", "a capital T"),
        ("2026-01-31t10:00:00Z", "a capital T"),
        ("2026-01-31T10:00:00z", "Z must be a capital"),
        ("2026-01-31T10:00:00", "zone"),
        ("2026-01-31T10:00:00.5", "zone"),
        ("2026-01-31T10:00Z", "no seconds"),
        ("2026-01-31T10:00:00.1234567Z", "six digits"),
        ("2026-W05-6", "written otherwise"),
        ("20260131", "written otherwise"),
        ("31.01.2026", "written otherwise"),
        ("10000-01-01", "written otherwise"),
        ("", "written otherwise"),
        ("2026-01-31T10:00:00+24:00", "written otherwise"),
    ],
)
def test_the_reason_is_told(text: str, words: str) -> None:
    with pytest.raises(Malformed, match=words) as told:
        microseconds(text)
    assert "2026-01-31T10:00:00+01:00" in told.value.advice


def test_an_unknown_offset_is_utc() -> None:
    # RFC 3339, section 4.3: the time is known in UTC, and where it happened is not.
    assert microseconds("2026-01-31T10:00:00-00:00") == microseconds("2026-01-31T10:00:00Z")


def test_zones_are_compared_by_the_instant() -> None:
    ordered = [
        "2026-01-30T23:59:59.999999Z",
        "2026-01-31",
        "2026-01-31T01:00:00.000001+01:00",
        "2026-01-30T20:00:00-05:00",
    ]
    assert sorted(ordered, key=microseconds) == ordered
