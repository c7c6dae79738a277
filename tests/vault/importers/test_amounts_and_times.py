"""Amounts and times in the spelling that the person chose, held to Python's own arithmetic and calendars."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.vault.importers.amounts import amount_reader, number_reader, possible_marks
from registry.vault.importers.times import COMMON, possible_formats, time_reader

POINT, COMMA = amount_reader("."), amount_reader(",")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("1,234.56", "1234.56"),
        ("1234.5", "1234.5"),
        ("-12.50", "-12.50"),
        ("12.50-", "-12.50"),
        ("(12.50)", "-12.50"),
        ("€ 12.50", "12.50"),
        ("12.50 EUR", "12.50"),
        ("-$5.00", "-5.00"),
        ("$-5.00", "-5.00"),
        ("1'234.50", "1234.50"),
        ("1 234", "1234"),
        ("1\u202f234.00", "1234.00"),
        ("12,34,567.89", "1234567.89"),
        (".50", "0.50"),
        ("007", "7"),
        ("+0.00", "0.00"),
        ("-0.00", "0.00"),
        ("1,234,567", "1234567"),
        ("\u22123", "-3"),
    ],
)
def test_amounts_with_a_point(text: str, plain: str) -> None:
    assert POINT(text) == plain
    swapped = text.translate(str.maketrans({".": ",", ",": "."}))
    if "12,34," not in text:  # India's groups have commas only
        assert COMMA(swapped) == plain


@pytest.mark.parametrize(
    "text", ["", "1..2", "1,2345", "((5)", "(5", "-(5)", "1.234,56", "1,23", "EUR", "1e3", "١٢", "0x1", "1 2", "9" * 41]
)
def test_what_is_no_amount_with_a_point(text: str) -> None:
    with pytest.raises(ValueError, match=r"amount|sign"):
        POINT(text)


def test_the_issue_s_amount_has_one_reading() -> None:
    assert COMMA("1.234,56") == "1234.56" and COMMA("1.234") == "1234" and POINT("1.234") == "1.234"
    assert possible_marks(["1.234,56"]) == [","] and possible_marks(["1.234"]) == [".", ","]


@given(st.decimals(-(10**15), 10**15, places=2), st.sampled_from([".", ","]), st.sampled_from(["", "group"]))
def test_every_amount_is_read_exactly(amount: Decimal, mark: str, group: str) -> None:
    text = f"{amount:,.2f}" if group else f"{amount:.2f}"
    text = text.translate(str.maketrans({".": ",", ",": "."})) if mark == "," else text
    assert Decimal(amount_reader(mark)(text)) == amount


def test_numbers_keep_their_kind() -> None:
    read = number_reader(",")
    assert [read("3"), read("2,5"), read("-1.000")] == [3, 2.5, -1000] and isinstance(read("3"), int)


@pytest.mark.parametrize(
    ("form", "zone", "text", "time"),
    [
        ("%d.%m.%Y", None, "31.1.2026", "2026-01-31"),
        ("%d/%m/%Y", None, "01/02/2026", "2026-02-01"),
        ("%m/%d/%Y", None, "01/02/2026", "2026-01-02"),
        ("%d.%m.%Y", None, "29.02.2024", "2024-02-29"),
        ("%d.%m.%y", None, "01.02.69", "1969-02-01"),
        ("%d.%m.%y", None, "01.02.68", "2068-02-01"),
        ("%d/%m/%Y %H:%M", "Europe/Paris", "01/02/2026 10:00", "2026-02-01T10:00:00+01:00"),
        ("%m/%d/%Y %I:%M %p", "UTC", "1/2/2026 12:05 am", "2026-01-02T00:05:00+00:00"),
        ("%m/%d/%Y %I:%M %p", "UTC", "1/2/2026 12:05 PM", "2026-01-02T12:05:00+00:00"),
        ("%d %b %Y", None, "15 janv. 2026", "2026-01-15"),
        ("%a %d %b %Y", None, "Mo. 15 März 2026", "2026-03-15"),
        ("%Y-%m-%d %H:%M:%S %z", None, "2026-01-01 00:00:00 +0100", "2026-01-01T00:00:00+01:00"),
        ("iso", None, "0001-01-01", "0001-01-01"),
        ("iso", None, "9999-12-31", "9999-12-31"),
        ("iso", None, "2026-01-31T10:00:00.123456789Z", "2026-01-31T10:00:00.123456+00:00"),
        ("iso", "+05:30", "2026-01-31 10:00", "2026-01-31T10:00:00+05:30"),
        ("iso", "Europe/Paris", "9999-12-31T23:59:59", "9999-12-31T23:59:59+01:00"),
        ("iso", "Europe/Paris", "1880-01-01 12:00", "1880-01-01T11:50:39+00:00"),
        ("unix", None, "1769850000", "2026-01-31T09:00:00+00:00"),
        ("unix-ms", "Europe/Paris", "1769850000123", "2026-01-31T10:00:00.123000+01:00"),
        ("unix", None, "-62135596800", "0001-01-01T00:00:00+00:00"),
    ],
)
def test_times(form: str, zone: str | None, text: str, time: str) -> None:
    assert time_reader(form, zone)(text) == time


@pytest.mark.parametrize(
    ("form", "zone", "text"),
    [
        ("%d.%m.%Y", None, "29.02.2025"),
        ("%d.%m.%Y", None, "31.1.26"),
        ("%d.%m.%Y", None, "31.1.2026 10:00"),
        ("%Y-%m-%d", None, "２026-01-01"),
        ("%d %b %Y", None, "15 foo 2026"),
        ("iso", None, "2026-01-31 10:00"),
        ("iso", None, "0000-01-01"),
        ("iso", None, "2026-01-31T23:59:60Z"),
        ("iso", None, "2026-01-31T24:00:00Z"),
        ("iso", None, "2026-01-31T10:00+99:00"),
        ("iso", "Europe/Paris", "0001-01-01 00:00"),
        ("iso", None, "20260131"),
        ("unix", None, "999999999999999"),
        ("unix", None, "1e9"),
        ("%m/%d/%Y %I:%M %p", "UTC", "1/2/2026 13:05 am"),
        ("iso", None, "1" * 65),
    ],
)
def test_what_is_no_time_is_refused(form: str, zone: str | None, text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        time_reader(form, zone)(text)


@pytest.mark.parametrize(
    ("form", "zone"),
    [
        ("%H:%M", "UTC"),
        ("%d.%m", None),
        ("%Q", None),
        ("%d.%d.%Y", None),
        ("", None),
        ("%d.%m.%Y %I:%M", "UTC"),
        ("%d.%m.%Y %M", "UTC"),
        ("iso", "Nope/Nowhere"),
        ("iso", "../etc/passwd"),
        ("iso", "+25:00"),
        ("%d.%m.%Y %H:%M", None),
    ],
)
def test_formats_and_zones_that_make_no_sense(form: str, zone: str | None) -> None:
    with pytest.raises(InvalidInput):
        time_reader(form, zone)


def test_a_skipped_and_a_repeated_hour_have_the_offset_before_the_change() -> None:
    """RFC 5545, section 3.3.5."""
    read = time_reader("iso", "Europe/Paris")
    assert read("2026-03-29 02:30") == "2026-03-29T02:30:00+01:00"
    assert read("2026-10-25 02:30") == "2026-10-25T02:30:00+02:00"


@given(st.dates(), st.sampled_from(["%d.%m.%Y", "%m/%d/%Y", "%Y%m%d", "iso", "%Y/%m/%d"]))
def test_every_date_is_read(day: date, form: str) -> None:
    text = (
        day.isoformat()
        if form == "iso"
        else form.replace("%Y", f"{day.year:04}").replace("%m", f"{day.month:02}").replace("%d", f"{day.day:02}")
    )
    assert time_reader(form, None)(text) == day.isoformat()


_OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(timezones=_OFFSETS | st.just(UTC)))
def test_every_time_with_an_offset_is_read(moment: datetime) -> None:
    assert datetime.fromisoformat(time_reader("iso", None)(moment.isoformat())) == moment


@given(
    st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)),
    st.sampled_from(["Europe/Paris", "Asia/Kolkata", "America/St_Johns"]),
)
def test_local_times_have_the_zone_s_offset(moment: datetime, zone: str) -> None:
    found = datetime.fromisoformat(time_reader("iso", zone)(moment.isoformat()))
    assert found == moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def test_a_format_is_offered_and_never_chosen() -> None:
    assert possible_formats(["01/02/2026", "03/04/2026"]) == ["%d/%m/%Y", "%m/%d/%Y"]
    assert possible_formats(["31/12/2026"]) == ["%d/%m/%Y"]
    assert possible_formats([]) == [] and possible_formats(["yesterday"]) == []
    assert all(time_reader(form, "UTC") for form in COMMON)
