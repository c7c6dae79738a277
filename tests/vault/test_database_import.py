"""Imports into the database: what is new, what changed, what is known, and what stays deleted."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from registry.core.age.recipients import generate_identity
from registry.core.sealed.records import Record
from registry.storage.sqlite_store import SqliteBlocks
from registry.vault.database import Database
from registry.vault.draft import Draft, FileSource
from registry.vault.importers.base import Defaults, Item, Refused
from registry.vault.importers.csv_lines import CsvImporter
from registry.vault.importers.export_zip import ExportImporter
from registry.vault.importers.icalendar_files import IcalendarImporter
from registry.vault.importers.report import State
from tests.support.builders import SEED
from tests.support.importing import PURCHASES

HEADER = "date,article,total,currency,quantity\n"
LINES = [f"2026-01-{day:02d},thing {day},{day}.50,EUR,1\n" for day in range(1, 29)]
EMPTY, NONE = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku", generate_identity()
EVENTS = Defaults("calendar-event/1", "pd:LifeHistory")


def csv_items(*lines: str) -> Iterator[Item]:
    return CsvImporter(PURCHASES, "pd:Purchase").items(io.BytesIO((HEADER + "".join(lines)).encode()))


def events(*some: tuple[str, str]) -> Iterator[Item]:
    text = "".join(
        f"BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260301T100000Z\r\nSUMMARY:{what}\r\nEND:VEVENT\r\n"
        for uid, what in some
    )
    raw = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{text}END:VCALENDAR\r\n".encode()
    return IcalendarImporter(EVENTS).items(io.BytesIO(raw))


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Database]:
    with SqliteBlocks(tmp_path / "blocks.db") as store, Database(tmp_path / "vault", SEED, store) as made:
        yield made


def names(vault: Database, query: str) -> list[str]:
    return [str((record.body or {})["name"]) for record in vault.search(query).records]


def test_next_months_export_adds_only_what_is_new(vault: Database) -> None:
    assert vault.take(csv_items(*LINES[:20])).states == {State.NEW: 20}
    assert vault.take(csv_items(*LINES)).states == {State.NEW: 8, State.KNOWN: 20}
    assert vault.take(csv_items(*LINES)).states == {State.KNOWN: 28}
    assert vault.stats().records == 28


def test_two_equal_lines_are_two_facts(vault: Database) -> None:
    vault.take(csv_items(LINES[0], LINES[0]))
    assert vault.take(csv_items(LINES[0], LINES[0], LINES[0])).states == {State.NEW: 1, State.KNOWN: 2}


def test_it_is_known_after_the_working_copy_was_lost(vault: Database, tmp_path: Path) -> None:
    vault.take(csv_items(*LINES))
    vault.close()
    (tmp_path / "vault" / "copy.db").unlink()
    assert vault.take(csv_items(*LINES)).states == {State.KNOWN: 28}


def test_what_was_deleted_does_not_come_back(vault: Database) -> None:
    vault.take(csv_items(*LINES[:3]))
    vault.take(events(("a", "dinner")))
    vault.remove(record.id for record in vault.select(""))
    assert vault.take(csv_items(*LINES[:3])).states == {State.KNOWN: 3}
    assert vault.take(events(("a", "supper"))).states == {State.KNOWN: 1}
    assert vault.stats().records == 0


def test_a_changed_event_is_an_edit_and_a_persons_edit_stays(vault: Database) -> None:
    vault.take(events(("a", "dinner"), ("b", "lunch")))
    assert vault.take(events(("a", "supper"), ("b", "lunch"))).states == {State.EDITED: 1, State.KNOWN: 1}
    assert names(vault, "supper") == ["supper"] and names(vault, "dinner") == []
    (record,) = vault.search("supper").records
    assert len(vault.history(record.id)) == 2
    vault.edit(record.id, body={**(record.body or {}), "name": "my supper"})
    assert vault.take(events(("a", "supper"), ("b", "lunch"))).states == {State.KNOWN: 2}
    assert vault.take(events(("a", "dinner"))).states == {State.EDITED: 1}  # changed back
    assert names(vault, "dinner") == ["dinner"]


def test_one_thing_twice_in_a_file_is_one_record(vault: Database) -> None:
    assert vault.take(events(("a", "dinner"), ("a", "supper"))).states == {State.NEW: 1, State.EDITED: 1}
    assert names(vault, "supper") == ["supper"] and vault.stats().records == 1


def test_an_export_brings_everything_back(vault: Database, tmp_path: Path) -> None:
    body = os.urandom(2_000_000)
    source = FileSource("a.bin", "application/x", len(body), hashlib.sha256(body).hexdigest(), lambda: io.BytesIO(body))
    vault.take(csv_items(*LINES))
    vault.take(events(("a", "dinner")))
    (name,) = vault.add([Draft("pd:PersonalDocuments", "file/1", "2026-01-31", file=source)])
    vault.edit(name, tags=("scan",))
    vault.remove(record.id for record in vault.select('"thing 7"'))
    zipped = io.BytesIO()
    done = vault.export(zipped, tmp_path)
    assert (done.records, done.versions, done.files) == (29, 32, 1)
    with SqliteBlocks(tmp_path / "other.db") as store, Database(tmp_path / "other", os.urandom(32), store) as other:
        zipped.seek(0)
        taken = other.take(ExportImporter().items(zipped))
        assert taken.states == {State.NEW: 32}, taken.first_refused
        assert [_bare(one) for one in other.versions()] == [_bare(one) for one in vault.versions()]
        zipped.seek(0)
        assert other.take(ExportImporter().items(zipped)).states == {State.KNOWN: 32}
        assert other.take(csv_items(*LINES)).states == {State.KNOWN: 28}
        assert vault.export(io.BytesIO(), tmp_path, "pd:Purchase").versions == 29


def _bare(record: Record) -> Record:
    """A record without the place and the key of its file, which each vault makes by itself."""
    if record.file is None:
        return record
    return msgspec.structs.replace(record, file=msgspec.structs.replace(record.file, cid=EMPTY, identity=NONE))


def test_refused_lines_are_told_and_the_others_come_in(vault: Database) -> None:
    refused: list[Refused] = []
    report = vault.take(csv_items(LINES[0], "2026-02-30,thing,1.00,EUR,1\n", LINES[1]), refused.append)
    assert report.refused == len(refused) == 1 and refused[0].at == "line 3"
    assert report.states == {State.NEW: 2}


def test_a_preview_changes_nothing(vault: Database, tmp_path: Path) -> None:
    assert vault.preview(csv_items(*LINES)).states == {State.NEW: 28}
    assert vault.stats().records == 0 and not (tmp_path / "vault").exists()


def test_an_import_that_fails_leaves_nothing(vault: Database) -> None:
    def broken() -> Iterator[Item]:
        yield from csv_items(*LINES)
        raise OSError("the disk went away")

    vault.take(csv_items(LINES[0]))
    with pytest.raises(OSError, match="went away"):
        vault.take(broken())
    assert vault.stats().records == 1
    assert vault.take(csv_items(*LINES)).states == {State.NEW: 27, State.KNOWN: 1}
