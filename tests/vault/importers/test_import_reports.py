"""What an import would do: new, edited, known; and readings that go on where they stopped."""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import islice

import pytest

from registry.vault.draft import Draft
from registry.vault.importers import keys
from registry.vault.importers.base import Defaults, Item, Reading, Refused, Restored, Told, batches
from registry.vault.importers.csv_lines import CsvImporter
from registry.vault.importers.json_files import JsonImporter
from registry.vault.importers.keys import EqualFacts, fact_key, version_key
from registry.vault.importers.kinds import kind_of
from registry.vault.importers.report import State, classify, refused_line, report
from tests.support.importing import PURCHASES, drafts, inline_file, purchase, read_all

HEADER = "date,article,total,currency,quantity\n"


def csv_file(count: int, start: int = 0) -> bytes:
    return (
        HEADER + "".join(f"2026-01-31,thing {number},1.50,EUR,1\n" for number in range(start, start + count))
    ).encode()


def imported(raw: bytes) -> list[Item]:
    return read_all(CsvImporter(PURCHASES, "pd:Purchase"), raw)


def knowing(items: list[Item]) -> Callable[[list[bytes]], set[bytes]]:
    known = {draft.key for draft in drafts(items)}
    return lambda asked: known & set(asked)


def test_next_month_s_export_adds_only_what_is_new() -> None:
    january, february = imported(csv_file(3000)), imported(csv_file(4000))
    found = report(february, knowing(january))
    assert found.states == {State.KNOWN: 3000, State.NEW: 1000} and found.refused == 0
    assert found.records == {("purchase/1", "pd:Purchase"): 4000}


def test_all_refused_lines_are_written_and_the_first_are_shown() -> None:
    raw = csv_file(5) + b"x,y,z,q,1\n" * 100
    written: list[bytes] = []
    found = report(imported(raw), lambda _: set(), lambda no: written.append(refused_line(no)))
    assert (found.refused, len(found.first_refused), len(written)) == (100, 20, 100)
    assert written[0] == b"line 7: orderDate: 'x' is not a time in the format iso\n"
    assert refused_line(Refused("line 1\n", None, "\udcff\r\n")) == b"line 1 : \\udcff  \n"


def test_what_was_told_is_reported() -> None:
    assert report([Told("a"), Told("b")], lambda _: set()).told == ["a", "b"]


def test_the_report_asks_in_batches() -> None:
    asked: list[int] = []
    report(imported(csv_file(2500)), lambda some: (asked.append(len(some)), set())[1])
    assert asked == [1000, 1000, 500]


def test_an_event_changed_back_is_an_edit() -> None:
    """The vault keeps the key of an identity's last import only."""
    a, b = (Draft("pd:LifeHistory", "calendar-event/1", key=bytes([each]) * 32, identity=b"i" * 32) for each in (1, 2))
    assert [state for _, state in classify([a, b], lambda _: set())] == [State.NEW, State.EDITED]
    assert [state for _, state in classify([a], lambda asked: {b.key, b"i" * 32} & set(asked))] == [State.EDITED]
    assert [state for _, state in classify([b], lambda asked: {b.key, b"i" * 32} & set(asked))] == [State.KNOWN]


def test_versions_of_an_export_are_known_by_their_own_key() -> None:
    one, other = (Restored(each, None, version_key(each), "line 1") for each in (purchase(1), purchase(1, 2)))
    assert one.key != other.key
    assert [state for _, state in classify([one, other], lambda _: {one.key})] == [State.KNOWN, State.NEW]


class TestReadings:
    def test_bytes(self) -> None:
        raw = csv_file(20_000)
        reading = Reading(CsvImporter(PURCHASES, "pd:Purchase"), io.BytesIO(raw))
        assert (reading.size, reading.bytes_read) == (len(raw), 0)
        items = iter(reading)
        list(islice(items, 5))
        assert 0 < reading.bytes_read < len(raw)
        list(items)
        assert reading.bytes_read == len(raw)

    def test_the_source_stays_open(self) -> None:
        source = io.BytesIO(csv_file(3))
        for importer in (CsvImporter(PURCHASES, "pd:Purchase"), JsonImporter(Defaults("note/1", "pd:Preference"))):
            assert list(Reading(importer, source)) and not source.closed


class TestBatches:
    def test_by_count(self) -> None:
        items = imported(csv_file(25))
        assert [len(batch) for batch in batches(items, 10)] == [10, 10, 5]
        assert [item for batch in batches(items, 10) for item in batch] == items
        assert list(batches([], 10)) == []

    def test_by_weight(self) -> None:
        large = [Draft("pd:PersonalDocuments", "file/1", file=inline_file(bytes(60_000))) for _ in range(5)]
        assert [len(batch) for batch in batches(large, 100, most=150_000)] == [2, 2, 1]
        bodies = [Draft("pd:PersonalDocuments", "note/1", body={"text": ["x" * 60_000]}) for _ in range(5)]
        assert [len(batch) for batch in batches(bodies, 100, most=150_000)] == [3, 2]


class TestKeys:
    def test_equal_facts_are_numbered_also_beyond_what_is_kept_at_hand(self, monkeypatch: pytest.MonkeyPatch) -> None:
        facts = [fact_key("s", "note/1", {"n": number % 50}) for number in range(200)]
        at_hand = EqualFacts()
        expected = [at_hand.key(fact) for fact in facts]
        assert len(set(expected)) == 200 and expected[:50] == facts[:50]
        monkeypatch.setattr(keys, "_RECENT", 7)
        packed = EqualFacts()
        assert [packed.key(fact) for fact in facts] == expected

    def test_a_key_is_made_of_what_a_record_keeps(self) -> None:
        """So a lost list of keys can be made again from the first versions of the records."""
        (draft,) = drafts(imported(csv_file(1)))
        assert draft.key == fact_key(draft.source, draft.schema, draft.body)
        assert fact_key(None, "a/1", {"a": 1, "b": 2}) == fact_key("", "a/1", {"b": 2, "a": 1})

    def test_a_file_counts(self) -> None:
        one, other = inline_file(b"a"), inline_file(b"b")
        assert (
            fact_key("", "contact/1", {}, one) != fact_key("", "contact/1", {}, other) != fact_key("", "contact/1", {})
        )


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("a.csv", b"x", "csv"),
        ("a.TSV", b"x", "csv"),
        ("a.json", b"[", "json"),
        ("a.ndjson", b"{", "json-lines"),
        ("a", b"BEGIN:VCALENDAR\r\n", "calendar"),
        ("a.txt", b"\xef\xbb\xbfbegin:vcard\n", "contacts"),
        ("a.vcf", b"", "contacts"),
        ("a.ics", "BEGIN:VCALENDAR\n".encode("utf-16"), "calendar"),
        ("a.zip", b"PK\x03\x04", "zip"),
        ("a.docx", b"PK\x03\x04", "other"),
        ("a.jpg", b"\xff\xd8", "other"),
        ("", b"", "other"),
    ],
)
def test_kinds_of_files(name: str, head: bytes, kind: str) -> None:
    assert kind_of(name, head) == kind
