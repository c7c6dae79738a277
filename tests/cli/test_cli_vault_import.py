"""``vault import``: what can be read in two ways is asked or said, and nothing is half imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from registry.vault.database import Database
from tests.support.consent_world import Answer, Consent

SHOP = """Bestelldatum;Artikel;Betrag;Währung
03.02.2026;Wollmütze;1.234,56;EUR
04.02.2026;Schal;19,90;EUR
31.02.2026;Handschuhe;9,90;EUR
05.02.2026;;9,90;EUR
"""
SAID = ("--dates", "%d.%m.%Y", "--decimal", ",")
CALENDAR = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nSUMMARY:dentist\nDTSTART:20260203T100000\nEND:VEVENT\nEND:VCALENDAR\n"
CARD = "BEGIN:VCARD\nVERSION:3.0\nFN:Ada Lovelace\nEMAIL:ada@example.org\nEND:VCARD\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "shop.csv").write_text(SHOP)
    return tmp_path / "shop.csv"


def is_refused(answer: Answer) -> bool:
    return answer.code == 2 and "\nInvalidInput: " in f"\n{answer.err}"


def total(world: Consent) -> int:
    return int(world.json("vault", "stats")["records"])


def test_a_file_is_imported_once_and_every_refused_line_is_told(asked: Consent, shop: Path, tmp_path: Path) -> None:
    done = asked.json("vault", "import", shop, *SAID, "--refused", tmp_path / "refused.txt")
    assert (done["new"], done["known"], done["refused"]) == (2, 0, 2)
    lines = (tmp_path / "refused.txt").read_text().splitlines()
    assert lines[0].startswith("line 4: orderDate:") and lines[1] == "line 5: body.name: is missing"
    assert [one["at"] for one in done["firstRefused"]] == ["line 4", "line 5"]
    (hat,) = asked.json("vault", "search", "Wollmutze")["records"]
    assert hat["body"]["price"] == "1234.56" and hat["time"] == "2026-02-03"
    again = asked.json("vault", "import", shop, *SAID)
    assert (again["new"], again["known"]) == (0, 2)


def test_a_dry_run_changes_nothing(asked: Consent, shop: Path) -> None:
    before = asked.json("vault", "list")
    done = asked.json("vault", "import", shop, *SAID, "--dry-run")
    assert (done["new"], done["dryRun"]) == (2, True) and asked.json("vault", "list") == before
    assert "Would be new   2" in asked("vault", "import", shop, *SAID, "--dry-run").out


@pytest.mark.parametrize(
    ("said", "missing", "hint"),
    [
        ((), "how its dates are written, as in '03.02.2026'", "--dates %d.%m.%Y"),
        (SAID[:2], "which mark stands before its decimals, as in '1.234,56'", "--decimal ,"),
    ],
)
def test_nothing_is_guessed(asked: Consent, shop: Path, said: tuple[str, ...], missing: str, hint: str) -> None:
    answer = asked("vault", "import", shop, *said)
    assert is_refused(answer) and missing in answer.err and hint in answer.err


def test_the_zone_of_local_times_is_not_guessed(asked: Consent, tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_text("order date,name\n2026-02-03 10:00,hat\n")
    answer = asked("vault", "import", tmp_path / "shop.csv", "--dates", "iso")
    assert is_refused(answer) and "which zone its times belong to" in answer.err
    asked.json("vault", "import", tmp_path / "shop.csv", "--dates", "iso", "--zone", "Europe/Paris")
    assert asked.json("vault", "search", "hat")["records"][0]["time"] == "2026-02-03T10:00:00+01:00"


def test_answers_at_a_terminal_are_kept_in_the_map(asked: Consent, shop: Path, tmp_path: Path) -> None:
    answer = asked("vault", "import", shop, "--map", tmp_path / "m.json", typed="strick\n%q\n1\n;\n1\n")
    assert answer.code == 0 and "New            2" in answer.out
    assert "%q is unknown" in answer.err and "';' is no decimal mark" in answer.err
    kept = json.loads((tmp_path / "m.json").read_bytes())
    assert (kept["source"], kept["timeFormat"], kept["decimalMark"]) == ("strick", "%d.%m.%Y", ",")
    again = asked.json("vault", "import", shop, "--map", tmp_path / "m.json")
    assert again["known"] == 2


def test_a_map_that_does_not_fit_or_is_none(asked: Consent, shop: Path, tmp_path: Path) -> None:
    asked("vault", "import", shop, *SAID, "--map", tmp_path / "m.json")
    (tmp_path / "other.csv").write_text("a;b\n1;2\n")
    answer = asked("vault", "import", tmp_path / "other.csv", "--map", tmp_path / "m.json")
    assert is_refused(answer) and "header lacks this column" in answer.err
    (tmp_path / "m.json").write_text("{}")
    assert is_refused(asked("vault", "import", shop, "--map", tmp_path / "m.json"))


@pytest.mark.parametrize("schema", [None, "purchase/1"])
def test_columns_that_say_nothing(asked: Consent, tmp_path: Path, schema: str | None) -> None:
    (tmp_path / "odd.csv").write_text("alpha,beta\n1,2\n")
    answer = asked("vault", "import", tmp_path / "odd.csv", *(["--schema", schema] if schema else []))
    assert is_refused(answer)
    assert ("body.name: is missing" if schema else "Name it with --schema: calendar-event/1") in answer.err


def test_calendars_contacts_json_and_files_at_once(asked: Consent, tmp_path: Path) -> None:
    (tmp_path / "c.ics").write_text(CALENDAR)
    (tmp_path / "p.vcf").write_text(CARD)
    (tmp_path / "r.bin").write_bytes(b"\x00\x01")
    (tmp_path / "n.jsonl").write_text('{"text": "call Ada"}\n{"text": 5}\n')
    files = [tmp_path / name for name in ("c.ics", "p.vcf", "r.bin")]
    kinds = asked("vault", "import", *files, "--zone", "UTC", "--json")
    found = [json.loads(line) for line in kinds.out.splitlines()]
    assert [one["records"][0]["schema"] for one in found] == ["calendar-event/1", "contact/1", "file/1"]
    done = asked.json("vault", "import", tmp_path / "n.jsonl", "--schema", "note/1", "--tag", "old")
    assert (done["new"], done["refused"]) == (1, 1)
    assert asked.json("vault", "search", "tag:old")["records"][0]["body"] == {"text": "call Ada"}


def test_json_by_a_map(asked: Consent, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"order": {"date": "1.2.2026"}, "article": "hat", "price": 12.5}]')
    answer = asked("vault", "import", tmp_path / "a.json")
    assert is_refused(answer)
    done = asked.json("vault", "import", tmp_path / "a.json", *SAID)
    assert done["new"] == 1 and asked.json("vault", "search", "hat")["records"][0]["body"]["price"] == "12.5"


def test_what_is_refused_as_a_whole(asked: Consent, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "c.ics").write_text(CALENDAR)
    (tmp_path / "w.zip").write_bytes(b"PK\x03\x04 no zip")
    before = total(asked)
    for name in ("c.ics", "w.zip", "nowhere.csv", "."):
        answer = asked("vault", "import", tmp_path / name)
        assert is_refused(answer) and "Traceback" not in answer.err, name
    for wrong in ("--dates %q", "--decimal x", "--zone Mars", "--category pd:None", "--schema x/1"):
        assert is_refused(asked("vault", "import", shop, *SAID, *wrong.split())), wrong
    assert asked("vault", "import", shop, "--format", "xls").code == 2
    assert total(asked) == before


def test_all_questions_come_before_anything_is_imported(asked: Consent, shop: Path, tmp_path: Path) -> None:
    before = total(asked)
    answer = asked("vault", "import", shop, tmp_path / "nowhere.csv", *SAID)
    assert is_refused(answer) and total(asked) == before


def test_an_interruption_leaves_nothing_half_imported(
    asked: Consent, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, take = total(asked), Database.take
    (tmp_path / "p.vcf").write_text(CARD)

    def interrupted(self: Database, items: Any, *more: Any) -> Any:
        def some() -> Any:
            for number, item in enumerate(items):
                if number == 1:
                    raise KeyboardInterrupt
                yield item

        return take(self, some(), *more)

    monkeypatch.setattr(Database, "take", interrupted)
    answer = asked("vault", "import", tmp_path / "p.vcf", shop, *SAID, "--refused", tmp_path / "refused.txt")
    assert answer.code == 130 and "nothing of it was kept; 1 before it is in the vault" in answer.err
    monkeypatch.undo()
    assert total(asked) == before + 1 and not (tmp_path / "refused.txt").exists()


def test_an_interruption_after_the_change_says_so(asked: Consent, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The vault's index was named already; only the working copy was still to follow."""
    before, take = total(asked), Database.take

    def interrupted(self: Database, items: Any, *more: Any) -> Any:
        take(self, items, *more)
        raise KeyboardInterrupt

    monkeypatch.setattr(Database, "take", interrupted)
    answer = asked("vault", "import", shop, *SAID)
    assert answer.code == 130 and "shop.csv was ended: it was kept before that" in answer.err
    monkeypatch.undo()
    assert total(asked) == before + 2
