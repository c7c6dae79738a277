"""How a file is read: its kind, and what only the person can answer about it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from registry.core.errors import InvalidInput
from registry.vault.importers.plan import Wishes, importer_of, kind_of_file, look_at, map_of, needs_map, questions
from registry.vault.schemas.schemas import Schemas


def asked(text: str, **said: Any) -> list[tuple[str, tuple[str, ...]]]:
    """The members that are asked, with the answers that are offered."""
    wishes = Wishes(schema="purchase/1", **said)
    look = look_at("csv", io.BytesIO(text.encode()))
    return [(one.member, tuple(choice for choice, _ in one.choices)) for one in questions(map_of(look, wishes), look)]


def test_a_date_with_two_readings_is_asked_with_both() -> None:
    ((member, choices),) = asked("order date,name\n01/02/2026,hat\n")
    assert member == "timeFormat" and {"%d/%m/%Y", "%m/%d/%Y"} <= set(choices)


def test_one_reading_is_asked_too() -> None:
    """The first lines may all be before the 13th, or the format may change later: nothing is guessed."""
    assert asked("order date,name\n31/12/2026,hat\n") == [("timeFormat", ("%d/%m/%Y",))]


def test_a_wrong_line_hides_no_reading() -> None:
    assert asked("order date,name\n31/12/2026,hat\n31/02/2026,cap\n") == [("timeFormat", ("%d/%m/%Y",))]


def test_the_mark_before_decimals() -> None:
    ((member, choices),) = asked("name,price\nhat,1.234\n")
    assert (member, choices) == ("decimalMark", (".", ","))
    assert asked('name,price\nhat,5\ncap,"1.234,56"\n') == [("decimalMark", (",",))]


@pytest.mark.parametrize(
    ("dates", "text", "wanted"),
    [
        ("iso", "2026-01-31", []),
        ("iso", "2026-01-31T10:00:00Z", []),
        ("iso", "2026-01-31 10:00:00", [("zone", ())]),
        ("%d.%m.%Y %H:%M", "31.01.2026 10:00", [("zone", ())]),
        ("%d.%m.%Y", "31.01.2026", []),
        ("unix", "1769853600", []),
    ],
)
def test_the_zone_is_asked_where_a_time_has_none(dates: str, text: str, wanted: list[Any]) -> None:
    assert asked(f"order date,name\n{text},hat\n", dates=dates) == wanted
    assert asked(f"order date,name\n{text},hat\n", dates=dates, zone="Europe/Paris") == []


@pytest.mark.parametrize("said", [{"dates": "%q"}, {"decimal": "x"}])
def test_an_answer_that_makes_no_sense(said: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        asked("order date,name,price\n31.01.2026,hat,5\n", **said)


def test_json_whose_schema_is_named_is_taken_as_it_stands() -> None:
    assert not needs_map("json", Wishes(schema="note/1")) and needs_map("json", Wishes())
    assert needs_map("json-lines", Wishes(schema="note/1", dates="iso"))
    assert needs_map("csv", Wishes(schema="note/1")) and not needs_map("calendar", Wishes())


def test_every_kind_has_an_importer_and_a_schema(tmp_path: Path) -> None:
    schemas = Schemas()
    for kind in ("calendar", "contacts", "zip", "other"):
        assert importer_of(kind, tmp_path / "file", Wishes(), None, schemas).passes >= 1
    with pytest.raises(InvalidInput, match="no schema"):
        importer_of("json", tmp_path / "file", Wishes(), None, schemas)
    assert kind_of_file(Path("a.ics"), io.BytesIO(b""), None) == "calendar"
    assert kind_of_file(Path("a.ics"), io.BytesIO(b""), "csv") == "csv"


@pytest.mark.parametrize(("kind", "library"), [("calendar", "icalendar"), ("contacts", "vobject")])
def test_a_part_that_is_not_installed_is_named(
    kind: Any, library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.vault.importers.plan.find_spec", lambda name: None)
    with pytest.raises(InvalidInput, match=library) as caught:
        importer_of(kind, tmp_path / "file", Wishes(), None, Schemas())
    assert "consent-registry[vault]" in caught.value.advice
