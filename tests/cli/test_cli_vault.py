"""``vault``: a person's own records: added, found, changed, taken out and erased from searches."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from registry.cli.ui.output import Output
from tests.support.consent_world import DATUM, Answer, Consent, files_in, no_of

PHRASE = "seven quiet lamps"
COAT = '{"name": "blue coat", "orderDate": "2026-01-15", "price": "120.00", "priceCurrency": "EUR"}'


def coat(world: Consent, *more: object) -> dict[str, Any]:
    return world.json("vault", "add", "--schema", "purchase/1", "--body", COAT, *more)


def found(world: Consent, query: str, *more: object) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = world.json("vault", "search", query, *more)["records"]
    return records


class TestAdding:
    def test_a_file_goes_in_once_and_comes_out(self, asked: Consent, tmp_path: Path) -> None:
        """(item 17)"""
        mine, out = tmp_path / "mine.bin", tmp_path / "out.bin"
        mine.write_bytes(os.urandom(1_300_000))
        added = asked.json("vault", "add", mine, "--category", DATUM, "--tag", "b", "--tag", "a", "--source", "me")
        assert (added["category"], added["schema"], added["tags"]) == (DATUM, "file/1", ["a", "b"])
        twin = asked("vault", "add", mine, "--category", DATUM, "--source", "me")
        assert no_of(twin) == (2, "InvalidInput") and "--again" in twin.err
        got = asked.json("vault", "get", "mine.bin", "--out", out)
        assert (got["id"], got["bytes"]) == (added["id"], 1_300_000) and out.read_bytes() == mine.read_bytes()
        assert no_of(asked("vault", "get", "mine.bin", "--out", out)) == (2, "InvalidInput")
        again = asked.json("vault", "add", mine, "--category", DATUM, "--source", "me", "--again")
        assert again["id"] != added["id"]
        assert "more than one record" in asked("vault", "show", "mine.bin").err

    def test_a_fact_is_written_by_hand(self, asked: Consent, tmp_path: Path) -> None:
        added = coat(asked, "--tag", "gift")
        assert (added["time"], added["category"], added["version"]) == ("2026-01-15", "pd:Purchase", 1)
        (tmp_path / "body.json").write_text(COAT)
        assert coat(asked)["id"] != added["id"]
        from_file = asked.json("vault", "add", "--schema", "purchase/1", "--body", f"@{tmp_path / 'body.json'}")
        assert from_file["body"] == json.loads(COAT)

    def test_a_fact_may_have_a_file(self, asked: Consent, tmp_path: Path) -> None:
        (tmp_path / "receipt.txt").write_text("paid")
        added = coat(asked, tmp_path / "receipt.txt")
        assert added["file"]["name"] == "receipt.txt" and added["body"] == json.loads(COAT)

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ([], "nothing to add"),
            (["--schema", "purchase/1"], "nothing to add"),
            (["--schema", "purchase/1", "--body", "[]"], "no JSON object"),
            (["--schema", "purchase/1", "--body", "{}"], "holds nothing"),
            (["--schema", "purchase/1", "--body", '{"orderDate": "2026-01-01"}'], "body.name: is missing"),
            (["--schema", "purchase/9", "--body", "{}"], "no schema 'purchase/9'"),
            (["--schema", "purchase/1", "--body", "@nowhere.json"], "nowhere.json cannot be read"),
            (["nowhere.pdf"], "nowhere.pdf cannot be read"),
            (["--schema", "note/1", "--body", '{"text": "a"}', "--category", "pd:Nothing"], "pd:Nothing"),
            (["--schema", "note/1", "--body", '{"text": "a"}', "--time", "yesterday"], "'yesterday' is no time"),
        ],
    )
    def test_what_does_not_fit_is_refused_and_nothing_is_kept(
        self, asked: Consent, arguments: list[str], said: str
    ) -> None:
        before = asked.json("vault", "list")
        answer = asked("vault", "add", *arguments)
        assert no_of(answer) == (2, "InvalidInput") and said in answer.err
        assert asked.json("vault", "list") == before


class TestFinding:
    def test_page_by_page_or_all(self, asked: Consent) -> None:
        first = asked.json("vault", "search", "basket", "--limit", "3")
        second = asked.json("vault", "search", "basket", "--limit", "3", "--cursor", first["cursor"])
        assert len(first["records"]) == 3 and not {one["id"] for one in first["records"]} & {
            one["id"] for one in second["records"]
        }
        every = asked("vault", "search", "basket", "--all", "--json").out.splitlines()
        assert len(every) == first["total"] and json.loads(every[0]) == first["records"][0]

    def test_words_and_fields(self, asked: Consent) -> None:
        added = coat(asked, "--tag", "gift")
        for query in ("BLÜE co\u0041t".replace("\\u0041", "a"), "blu* tag:gift", "amount:100..130 EUR coat tag:gift"):
            assert [one["id"] for one in found(asked, query)] == [added["id"]]
        answer = asked("vault", "search", "nothing-has-this")
        assert (answer.code, answer.out) == (0, "") and "0 records" in answer.err
        assert no_of(asked("vault", "search", "colour:blue")) == (2, "InvalidInput")

    def test_a_record_is_named_by_its_id_or_its_ends(self, asked: Consent) -> None:
        name = coat(asked)["id"]
        for given in (name, name.upper(), name[-6:], name[-20:], name.replace("-", "")):
            assert asked.json("vault", "show", given)["id"] == name
        for wrong in (name[-5:], "ffffffff", "no such file.pdf", ""):
            assert no_of(asked("vault", "show", wrong)) == (2, "InvalidInput")
        coat(asked)
        several = asked("vault", "show", name[:6])
        assert no_of(several) == (2, "InvalidInput") and "more than one record" in several.err

    def test_a_list_names_the_index_that_restores_all(self, asked: Consent) -> None:
        listed = asked.json("vault", "list", "--limit", "2")
        assert len(listed["records"]) == 2 and listed["index"].startswith("bafkrei")
        assert listed["index"] in asked("vault", "list").err

    def test_no_key_is_shown(self, asked: Consent, tmp_path: Path) -> None:
        (tmp_path / "big.bin").write_bytes(os.urandom(1_200_000))
        asked("vault", "add", tmp_path / "big.bin", "--category", DATUM)
        for command in ("show", "history"):
            for more in ([], ["--json"]):
                answer = asked("vault", command, "big.bin", *more)
                assert answer.code == 0 and "AGE-SECRET" not in answer.out and "bafk" not in answer.out


class TestChanging:
    def test_an_edit_is_a_version_more(self, asked: Consent) -> None:
        name = coat(asked)["id"]
        edited = asked.json("vault", "edit", name, "--set", "price=99.50", "--set", "priceCurrency=", "--set", "size=4")
        assert edited["version"] == 2 and edited["body"]["price"] == "99.50" and edited["body"]["size"] == 4
        assert "priceCurrency" not in edited["body"]
        assert asked.json("vault", "edit", name, "--tag", "x", "--time", "2026-02-01")["tags"] == ["x"]
        assert asked.json("vault", "edit", name, "--no-tags", "--source", "me")["tags"] == []
        versions = asked.json("vault", "history", name)["versions"]
        assert [one["version"] for one in versions] == [1, 2, 3, 4] and versions[0]["body"] == json.loads(COAT)
        back = asked.json("vault", "restore", name, "1")
        assert back["version"] == 5 and back["body"] == json.loads(COAT)

    def test_what_does_not_fit_changes_nothing(self, asked: Consent) -> None:
        name = coat(asked)["id"]
        for wrong in (["--set", "price=1.234,56"], ["--set", "name="], ["--body", "{}"], [], ["--set", "price"]):
            assert no_of(asked("vault", "edit", name, *wrong)) == (2, "InvalidInput")
        assert no_of(asked("vault", "restore", name, "7")) == (2, "InvalidInput")
        assert asked.json("vault", "show", name)["version"] == 1

    def test_a_record_is_removed_after_a_yes_and_comes_back(self, asked: Consent) -> None:
        """(item 17)"""
        name = coat(asked, "--tag", "gift")["id"]
        said = asked("vault", "remove", name, typed="n\n")
        assert said.code == 1 and "blue coat" in said.err
        assert no_of(asked("vault", "remove", name))[0] == 2, "there is nobody to ask"
        assert found(asked, "tag:gift")
        assert asked("vault", "remove", name[-8:], typed="y\n").out == "Removed 1 record.\n"
        assert not found(asked, "tag:gift") and no_of(asked("vault", "show", name)) == (2, "InvalidInput")
        assert asked.json("vault", "restore", name, "1")["version"] == 3
        assert found(asked, "tag:gift")

    def test_all_that_a_query_finds_is_removed(self, asked: Consent) -> None:
        total = len(asked("vault", "search", "basket", "--all").out.splitlines())
        answer = asked("vault", "remove", "--query", "basket", "--yes")
        assert answer.out == f"Removed {total:,} records.\n" and f"and {total - 10:,} more" in answer.err
        assert not found(asked, "basket")

    @pytest.mark.parametrize(
        "arguments", [[], ["--query", " "], ["a", "--query", "b"], ["--query", "nothing-has-this"], ["ffffffff"]]
    )
    def test_a_removal_that_means_nothing_or_all(self, asked: Consent, arguments: list[str]) -> None:
        before = asked.json("vault", "stats")
        assert no_of(asked("vault", "remove", "--yes", *arguments)) == (2, "InvalidInput")
        assert asked.json("vault", "stats") == before

    def test_what_was_handed_over_stays_until_the_brand_is_told(self, granted: Consent, tmp_path: Path) -> None:
        granted("vault", "remove", "--query", "basket", "--yes")
        opened = granted("open", granted.grant, "--out", tmp_path / "opened", who="aurelle")
        assert opened.code == 0 and (tmp_path / "opened").is_dir()


class TestTakingAlong:
    def test_a_body_comes_out_as_json(self, asked: Consent, tmp_path: Path) -> None:
        name = coat(asked)["id"]
        asked.json("vault", "get", name, "--out", tmp_path / "deeper" / "coat.json")
        assert json.loads((tmp_path / "deeper" / "coat.json").read_bytes()) == json.loads(COAT)
        assert no_of(asked("vault", "get", name, "--out", "/dev/stdout")) == (2, "InvalidInput")

    def test_an_export_comes_back_with_nothing_lost(self, asked: Consent, tmp_path: Path) -> None:
        (tmp_path / "big.bin").write_bytes(os.urandom(1_200_000))
        asked.json("vault", "add", tmp_path / "big.bin", "--category", DATUM)
        name = coat(asked)["id"]
        asked.json("vault", "edit", name, "--tag", "x")
        done = asked.json("vault", "export", "--out", tmp_path / "all.zip")
        assert done["versions"] == done["records"] + 1 and done["files"] == 1
        assert no_of(asked("vault", "export", "--out", tmp_path / "all.zip")) == (2, "InvalidInput")
        asked.json("init", who="bob", phrase=PHRASE)
        taken = asked.json("vault", "import", tmp_path / "all.zip", who="bob", phrase=PHRASE)
        assert taken["new"] == done["versions"] and taken["refused"] == 0
        assert asked.json("vault", "history", name, who="bob", phrase=PHRASE) == asked.json("vault", "history", name)

    def test_one_category_alone(self, asked: Consent, tmp_path: Path) -> None:
        asked.json("vault", "add", "--schema", "note/1", "--body", '{"text": "call Ada"}')
        done = asked.json("vault", "export", "--out", tmp_path / "some.zip", "--category", "pd:PersonalDocuments")
        assert done["records"] == 1


class TestAsking:
    def test_sql_over_ones_own_records(self, asked: Consent) -> None:
        coat(asked)
        answer = asked.json("vault", "query", "SELECT name, price FROM purchase WHERE name = 'blue coat'")
        assert answer == {"columns": ["name", "price"], "rows": [["blue coat", "120.00"]], "isCut": False}
        shown = asked("vault", "query", "SELECT name, 1.0 / 3 AS third FROM purchase WHERE name = 'blue coat'").out
        assert shown.splitlines() == [
            "name                third",
            "---------  --------------",
            "blue coat  0.333333333333",
        ]

    @pytest.mark.parametrize("sql", ["DROP TABLE records", "SELECT * FROM meta", "SELECT", "DELETE FROM records"])
    def test_it_reads_only(self, asked: Consent, sql: str) -> None:
        before = asked.json("vault", "stats")
        assert no_of(asked("vault", "query", sql)) == (2, "InvalidInput")
        assert asked.json("vault", "stats") == before

    def test_counts_with_bars(self, asked: Consent) -> None:
        asked.json("vault", "add", "--schema", "note/1", "--body", '{"text": "call Ada"}')
        counted = asked.json("vault", "stats")
        assert sum(one["records"] for one in counted["byYear"]) == counted["records"]
        assert {"category": "pd:PersonalDocuments", "records": 1} in counted["byCategory"]
        lines = asked("vault", "stats").out.splitlines()
        assert max(map(len, lines)) <= 80 and any("█" in line for line in lines)


RUN = {"type": "object", "title": "Run", "properties": {"km": {"type": "number"}}, "required": ["km"]}


class TestSchemas:
    def add(self, world: Consent, folder: Path, *more: str, **document: Any) -> Answer:
        profile = {"x-vault": {"name": "running/1", "category": "pd:Health", "undated": True}}
        (folder / "run.json").write_text(json.dumps(RUN | profile | document))
        return world("vault", "schema", "add", folder / "run.json", *more)

    def test_one_of_ones_own(self, asked: Consent, tmp_path: Path) -> None:
        assert self.add(asked, tmp_path).code == 0
        listed = {one["name"]: one["own"] for one in asked.json("vault", "schema", "list")["schemas"]}
        assert listed["running/1"] is True and listed["purchase/1"] is False
        assert "km        number, needed" in asked("vault", "schema", "show", "running/1").out
        asked.json("vault", "add", "--schema", "running/1", "--body", '{"km": 4}')
        assert no_of(asked("vault", "add", "--schema", "running/1", "--body", '{"km": "4"}')) == (2, "InvalidInput")
        assert no_of(self.add(asked, tmp_path)) == (2, "InvalidInput"), "it is never replaced"
        assert self.add(asked, tmp_path, "--name", "running/2").code == 0

    def test_what_is_no_schema(self, asked: Consent, tmp_path: Path) -> None:
        assert no_of(self.add(asked, tmp_path, typ="object")) == (2, "InvalidInput")
        assert no_of(asked("vault", "schema", "show", "walking/1")) == (2, "InvalidInput")
        assert no_of(asked("vault", "schema", "add", tmp_path / "nowhere.json")) == (2, "InvalidInput")


@pytest.mark.parametrize("line", ["list", "search coat", "stats", "schema list", "query SELECT(1)", "show coat1234"])
def test_reading_an_empty_vault_makes_nothing(asked: Consent, line: str) -> None:
    asked.json("init", who="bob", phrase=PHRASE)
    before = files_in(asked.folder / "bob")
    answer = asked("vault", *line.split(), who="bob", phrase=PHRASE)
    assert answer.code == (2 if line.startswith(("show", "query")) else 0), answer
    assert files_in(asked.folder / "bob") == before


def test_the_passphrase_of_a_move_is_asked_for_outside_its_spinner(
    granted: Consent, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    working = Output.working

    @contextmanager
    def noted(out: Output, what: str) -> Iterator[None]:
        shown.append(what)
        with working(out, what):
            yield
        shown.append(f"{what}: done")

    monkeypatch.setattr(Output, "working", noted)
    assert granted("vault", "move").code == 0
    assert shown[-2:] == ["moving the vault", "moving the vault: done"]
    assert "trying the passphrase" in shown
