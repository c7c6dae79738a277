"""Calendars: the rule is kept, broken values are reported, local times need a zone, hostile zones compute nothing."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.vault.importers import components
from registry.vault.importers.base import Defaults, Item
from registry.vault.importers.icalendar_files import IcalendarImporter
from registry.vault.importers.report import State, classify
from tests.support.importing import bodies, drafts, read_all, refused, told

SAID = Defaults("calendar-event/1", "pd:LifeHistory", "my calendar")
RICH = """UID:1
DTSTAMP:20260101T000000Z
DTSTART;TZID=Europe/Paris:20260131T100000
DURATION:PT1H30M
SUMMARY:Zahn\\, arzt
LOCATION:Rue de la P
 aix
RRULE:FREQ=WEEKLY;BYDAY=MO
EXDATE;TZID=Europe/Paris:20260201T100000,20260202T100000
ORGANIZER:mailto:a@b.c
ATTENDEE;CN=Bob:mailto:b@x.y
CATEGORIES:A,B
X-FOO:bar
BEGIN:VALARM
ACTION:DISPLAY
END:VALARM"""


def calendar(*events: str, before: str = "") -> bytes:
    inner = "".join(f"BEGIN:VEVENT\n{event}\nEND:VEVENT\n" for event in events)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\n{before}{inner}END:VCALENDAR\n".replace("\n", "\r\n").encode()


def imported(raw: bytes, zone: str | None = None) -> list[Item]:
    return read_all(IcalendarImporter(SAID, zone), raw)


def test_an_event_with_all_its_members() -> None:
    items = imported(calendar(RICH))
    assert bodies(items) == [
        {
            "uid": "1",
            "startDate": "2026-01-31T10:00:00+01:00",
            "duration": "PT1H30M",
            "name": "Zahn, arzt",
            "location": "Rue de la Paix",
            "organizer": "a@b.c",
            "attendee": [{"name": "Bob", "email": "b@x.y"}],
            "keywords": ["A", "B"],
            "timezone": "Europe/Paris",
            "more": {"x-foo": "bar"},
            "rule": ["FREQ=WEEKLY;BYDAY=MO", "EXDATE;TZID=Europe/Paris:20260201T100000,20260202T100000"],
        }
    ]
    assert drafts(items)[0].at == "event 1 (line 3)" and not refused(items)


@pytest.mark.parametrize(
    ("start", "zone", "time"),
    [
        ("DTSTART;VALUE=DATE:20260131", None, "2026-01-31"),
        ("DTSTART:20260131T100000Z", None, "2026-01-31T10:00:00+00:00"),
        ("DTSTART:20260131T100000", "Europe/Paris", "2026-01-31T10:00:00+01:00"),
        ("DTSTART;VALUE=DATE:20240229", None, "2024-02-29"),
        ("DTSTART;VALUE=DATE:00010101", None, "0001-01-01"),
        ("DTSTART:99991231T235959Z", None, "9999-12-31T23:59:59+00:00"),
        ("DTSTART;TZID=W. Europe Standard Time:20260131T100000", None, "2026-01-31T10:00:00+01:00"),
    ],
)
def test_starts(start: str, zone: str | None, time: str) -> None:
    assert bodies(imported(calendar(start), zone))[0]["startDate"] == time


@pytest.mark.parametrize(
    ("event", "member", "why"),
    [
        ("DTSTART:20260131T100000", "DTSTART", "without a zone"),
        ("DTSTART:20269931T100000", "DTSTART", "Wrong"),
        ("DTSTART;VALUE=DATE:20250229", "DTSTART", ""),
        ("DTSTART;TZID=No/Where:20260131T100000", "DTSTART", "not known"),
        ("DTSTART:20260131T100000Z\nDTSTART:20260131T110000Z", "DTSTART", "twice"),
        ("SUMMARY:x", "DTSTART", "no start"),
        ("DTSTART:20260131T100000Z\nDTEND:never", "DTEND", ""),
        ("DTSTART;VALUE=TEXT:20260131", "DTSTART", "neither a date nor a time"),
        ("DTSTART;VALUE=DURATION:P1D", "DTSTART", "neither a date nor a time"),
        ("DTSTART:20260131T100000Z\nCATEGORIES;VALUE=DATE:20260131", None, ""),
        ("DTSTART:20260131T100000Z\nCATEGORIES;VALUE=BOOLEAN:TRUE", None, ""),
        ("DTSTART:20260131T100000Z\nCATEGORIES;VALUE=BINARY;ENCODING=BASE64:aGk=", None, "type"),
        ("DTSTART:20260131T100000Z\nno colon", None, "no colon"),
        ("DTSTART:20260131T100000Z\nRRULE:FREQ=SOMETIMES", "RRULE", ""),
    ],
)
def test_a_broken_event_is_refused_with_its_member(event: str, member: str | None, why: str) -> None:
    items = imported(calendar("UID:0\nDTSTART:20260101T000000Z", event))
    (no,) = refused(items)
    assert no.at.startswith("event 2 (line ") and no.member == member and why in no.why
    assert len(drafts(items)) == 1


def test_a_broken_value_that_we_do_not_need_is_told_and_kept() -> None:
    items = imported(calendar("DTSTART:20260131T100000Z\nGEO:abc"))
    assert "event 1" in told(items)[0] and "GEO" in told(items)[0]
    assert bodies(items)[0]["more"] == {"geo": "abc"}


def test_bytes_that_are_no_utf8_refuse_the_event() -> None:
    filler = "X-FILL:" + "z" * 300_000
    raw = calendar("DTSTART:20260131T100000Z\n" + filler).replace(b"zzz\r\n", b"zz\xff\r\n")
    assert "decode" in refused(imported(raw))[0].why


def test_other_components_are_reported() -> None:
    items = imported(calendar(before="BEGIN:VTODO\nSUMMARY:x\nEND:VTODO\n"))
    assert [(each.at, each.why) for each in refused(items)] == [
        ("todo 1 (line 3)", "only events are imported from a calendar")
    ]


ZONE = (
    "BEGIN:VTIMEZONE\nTZID:{name}\nBEGIN:STANDARD\nDTSTART:16010101T000000\n{rule}"
    "TZOFFSETFROM:+0300\nTZOFFSETTO:+0300\nEND:STANDARD\nEND:VTIMEZONE\n"
)


def test_a_zone_of_the_file_is_known_in_this_file_only() -> None:
    event = "DTSTART;TZID=Our Zone:20260131T100000"
    zone = ZONE.format(name="Our Zone", rule="")
    assert bodies(imported(calendar(event, before=zone)))[0]["startDate"] == "2026-01-31T10:00:00+03:00"
    assert "not known" in refused(imported(calendar(event)))[0].why
    paris = ZONE.format(name="Europe/Paris", rule="")
    assert bodies(imported(calendar(RICH, before=paris)))[0]["startDate"].endswith("+01:00"), "the real zone stays"


@pytest.mark.parametrize(
    "rule", ["FREQ=SECONDLY", "FREQ=YEARLY;BYSECOND=1,2,3", "FREQ=MINUTELY;INTERVAL=7", "FREQ=YEARLY;BYSEC\n OND=1"]
)
def test_a_zone_that_would_compute_for_ever_is_not_used(rule: str) -> None:
    began = time.process_time()
    items = imported(
        calendar("DTSTART;TZID=Evil:20260131T100000", before=ZONE.format(name="Evil", rule=f"RRULE:{rule}\n"))
    )
    assert "not used" in told(items)[0] and refused(items)[0].member == "DTSTART"
    assert time.process_time() - began < 5


def test_a_rule_without_an_end_is_not_expanded() -> None:
    began = time.process_time()
    items = imported(calendar("DTSTART:20260131T100000Z\nRRULE:FREQ=SECONDLY"))
    assert bodies(items)[0]["rule"] == "FREQ=SECONDLY" and time.process_time() - began < 5


def test_a_changed_event_is_an_edit_of_the_same() -> None:
    before = drafts(imported(calendar(RICH, "DTSTART:20260131T100000Z")))
    again = drafts(imported(calendar(RICH.replace("DTSTAMP:2026", "DTSTAMP:2027"))))
    changed = drafts(imported(calendar(RICH.replace("Zahn", "Haut"))))
    assert before[0].key == again[0].key and before[0].identity == again[0].identity
    assert before[0].key != changed[0].key and before[0].identity == changed[0].identity
    assert before[1].identity is None
    known = {before[0].key, before[0].identity}
    states = [state for _, state in classify([*again, *changed], lambda keys: known & set(keys))]
    assert states == [State.KNOWN, State.EDITED]


def test_one_changed_repetition_is_an_event_of_its_own() -> None:
    changed = RICH.replace("RRULE:FREQ=WEEKLY;BYDAY=MO", "RECURRENCE-ID;TZID=Europe/Paris:20260202T100000")
    items = drafts(imported(calendar(RICH, changed, RICH)))
    assert items[0].identity != items[1].identity and items[0].key == items[2].key
    states = [state for _, state in classify(items, lambda keys: set())]
    assert states == [State.NEW, State.NEW, State.KNOWN]


def test_a_calendar_cut_at_any_byte_says_so() -> None:
    raw = calendar("UID:1\nDTSTART:20260131T100000Z\nSUMMARY:Käse", "UID:2\nDTSTART:20260131T100000Z")
    whole = bodies(imported(raw))
    for end in range(len(raw) - 2):
        items = imported(raw[:end])
        assert refused(items) and all(body in whole for body in bodies(items))


def test_components_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "MAX_COMPONENT", 5_000)
    items = imported(calendar("DTSTART:20260131T100000Z\n" + "X-A:b\n" * 2_000 + "X-B:c", "DTSTART:20260131T100000Z"))
    assert "longer than 5,000 bytes" in refused(items)[0].why and len(drafts(items)) == 1
    items = imported(calendar("BEGIN:X\n" * 40 + "END:X\n" * 40 + "DTSTART:20260131T100000Z"))
    assert refused(items) and "deep" in refused(items)[0].why


@pytest.mark.parametrize("raw", [b"", b"hello", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", b"PK\x03\x04"])
def test_a_file_without_an_event_says_so(raw: bytes) -> None:
    assert "no event" in refused(imported(raw))[0].why


@settings(max_examples=50)
@given(
    st.lists(
        st.sampled_from(
            [
                "BEGIN:VEVENT",
                "END:VEVENT",
                "BEGIN:VCALENDAR",
                "END:VCALENDAR",
                "DTSTART:20260131",
                "DTSTART;VALUE=DATE:20260131",
                "RRULE:FREQ=DAILY",
                "BEGIN:VTIMEZONE",
                "END:VTIMEZONE",
                "TZID:x",
                "END:",
                "BEGIN:",
                ":",
                'DTSTART;TZID="',
                "EXDATE:1,2",
                " x",
                "DURATION:P",
                "ATTENDEE;CN=;:x",
                "CATEGORIES:",
            ]
        ),
        max_size=12,
    )
)
def test_any_lines_give_items_and_no_calendar_error(lines: list[str]) -> None:
    for raw in ("\r\n".join(lines).encode(), calendar("\n".join(lines))):
        assert isinstance(imported(raw), list)


@settings(max_examples=30)
@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)),
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20),
)
def test_what_icalendar_writes_is_read(moment: datetime, words: str) -> None:
    from icalendar import Calendar, Event

    event = Event()
    event.add("dtstart", moment.replace(microsecond=0, tzinfo=UTC))
    event.add("summary", words)
    event.add("uid", "u")
    whole = Calendar()
    whole.add_component(event)
    body = bodies(imported(whole.to_ical()))[0]
    assert datetime.fromisoformat(body["startDate"]) == moment.replace(microsecond=0, tzinfo=UTC)
    assert body.get("name", "") == words
