"""Drafts become records: their time, their tags, their first version."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from registry.core.instants import microseconds, utc_text
from registry.core.sealed.records import FileRef, Record
from registry.vault.draft import Draft
from registry.vault.recording import record_of
from registry.vault.schemas.schemas import Schemas

HOME = "00112233445566ff"
NAME = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
NOW = microseconds("2026-11-29T12:00:00.5Z")
schemas = Schemas()


def recorded(draft: Draft, counter: int = 1) -> Record:
    schemas.check(draft)
    return record_of(draft, schemas.get(draft.schema), NAME, HOME, NOW, counter)


def test_the_body_dates_a_record_whose_draft_has_no_time() -> None:
    draft = Draft("pd:Purchase", "purchase/1", body={"name": "coat", "orderDate": "2026-01-31"}, tags=("b", "a", "b"))
    assert recorded(draft) == Record(
        NAME,
        1,
        HOME,
        "pd:Purchase",
        "purchase/1",
        "2026-01-31",
        None,
        ("a", "b"),
        {"name": "coat", "orderDate": "2026-01-31"},
    )


def test_the_drafts_own_time_goes_first() -> None:
    body = {"name": "coat", "orderDate": "2026-01-31"}
    assert (
        recorded(Draft("pd:Purchase", "purchase/1", "2025-12-24T10:00:00Z", body=body)).time == "2025-12-24T10:00:00Z"
    )


def test_the_first_member_that_is_there_dates_it() -> None:
    body = {"text": "hello", "dateReceived": "2026-01-31T10:00:02Z"}
    assert recorded(Draft("pd:Communication", "message/1", body=body)).time == "2026-01-31T10:00:02Z"
    body["dateSent"] = "2026-01-31T10:00:00Z"
    assert recorded(Draft("pd:Communication", "message/1", body=body)).time == "2026-01-31T10:00:00Z"


def test_what_has_no_date_is_dated_by_when_it_was_recorded() -> None:
    assert recorded(Draft("pd:Contact", "contact/1", body={"name": "Bob"})).time == "2026-11-29T12:00:00.500000Z"


def test_an_edit_has_the_next_counter() -> None:
    assert recorded(Draft("pd:Contact", "contact/1", body={"name": "Bob"}), counter=7).counter == 7


def test_a_file_needs_no_body() -> None:
    file = FileRef("a.pdf", "application/pdf", 1, sha256(b"\0").hexdigest(), data="AA==")
    made = recorded(Draft("pd:PersonalDocuments", "file/1", "2026-01-31", body={}, file=file))
    assert made.body is None and made.file == file


def test_a_record_is_one_line_without_its_absent_members() -> None:
    made = recorded(Draft("pd:Purchase", "purchase/1", "2026-01-31", body={"name": "coat"}))
    raw = msgspec.json.encode(made, order="sorted")
    assert raw == (
        b'{"body":{"name":"coat"},"category":"pd:Purchase","counter":1,"home":"%s","id":"%s","schema":"purchase/1",'
        b'"time":"2026-01-31"}' % (HOME.encode(), NAME.encode())
    )
    assert msgspec.json.decode(raw, type=Record) == made


def test_now_is_written_in_utc() -> None:
    assert utc_text(NOW) == datetime(2026, 11, 29, 12, 0, 0, 500_000, UTC).isoformat().replace("+00:00", "Z")


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip
dated = st.none() | st.dates().map(str) | st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)


@given(
    dated,
    st.dictionaries(st.text("abc text", max_size=5), values),
    st.lists(st.text(min_size=1, max_size=64), max_size=5),
)
def test_what_is_checked_becomes_a_line_that_is_read_back(when: Any, more: dict[str, Any], tags: list[str]) -> None:
    draft = Draft("pd:PersonalDocuments", "note/1", when, None, tuple(tags), {**more, "text": "x"})
    if schemas.faults(draft):
        assert any("\ud800" <= character <= "\udfff" for character in "".join([*tags, *more]))
        return
    made = record_of(draft, schemas.get("note/1"), NAME, HOME, NOW)
    assert msgspec.json.decode(msgspec.json.encode(made, order="sorted"), type=Record) == made
    assert schemas.facts(made).at_us == (microseconds(when) if when else NOW)
