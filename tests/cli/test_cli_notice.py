"""``notice new``: by questions, from a template, or from a draft; every fault is told at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from registry.cli.ui.prompts import MAX_TEXT
from registry.client.request import check_notice
from registry.core.notices.document import Notice
from registry.present.notice_templates import cases
from tests.support.consent_world import Consent, no_of

BRAND = ["--name", "Maison Aurelle", "--domain", "aurelle.example", "--contact", "privacy@aurelle.example"]
ENTERS = "\n" * 40


def made(file: Path) -> Notice:
    return check_notice(file.read_bytes())


@pytest.mark.parametrize("case", cases())
def test_a_template_becomes_a_notice_in_one_line(asked: Consent, tmp_path: Path, case: str) -> None:
    """A brand began with an empty file and a format's page (item 16)."""
    out = tmp_path / "notice.json"
    said = asked.json("notice", "new", "--template", case, *BRAND, "--out", out, who="aurelle")
    assert said["file"] == str(out) and set(made(out).text) == {"en", "fr"}
    assert asked("notice", "check", out).code == 0
    request = asked.json("request", "--notice", out, who="aurelle")["file"]
    assert asked.json("grant", request, "--yes")["kind"] == "Grant"


def test_only_the_brand_is_asked_for_with_a_template(asked: Consent, tmp_path: Path) -> None:
    """(item 16)"""
    out = tmp_path / "notice.json"
    typed = "Maison Aurelle\nAurelle.Example\naurelle.example\nprivacy@aurelle.example\n"
    said = asked("notice", "new", "--template", "newsletter", "--out", out, who="aurelle", typed=typed)
    assert said.code == 0 and "is not a lower-case host name" in said.err
    assert (made(out).controller.domain, made(out).max_days) == ("aurelle.example", 730)


def test_a_form_asks_for_everything(asked: Consent, tmp_path: Path) -> None:
    """There were no questions (item 16)."""
    out = tmp_path / "notice.json"
    answers = ["bank", "newsletter", "Maison Aurelle", "aurelle.example", "privacy@aurelle.example"]
    answers += ["", "photo", "pd:Picture, pd:EmailAddress", "dpv:Use, dpv:Collect", "", "many", "90"]
    answers += ["", "email address", "TODO", "pictures", "One month."]
    said = asked("notice", "new", "--out", out, who="aurelle", typed="\n".join(answers) + ENTERS)
    assert said.code == 0, said.err
    assert "There is no case 'bank'." in said.err and "Did you mean pd:Picture?" in said.err
    assert "Expected `int`" in said.err and "is still to be written" in said.err
    notice = made(out)
    (scope,) = notice.scopes
    assert scope.data == ("pd:EmailAddress", "pd:Picture") and scope.processing == ("dpv:Collect", "dpv:Use")
    assert (notice.max_days, notice.text["en"].retention) == (90, "One month.")
    assert notice.text["en"].labels["pd:Picture"] == "pictures"
    assert all(len(text) < MAX_TEXT for text in (notice.text["fr"].trace, notice.text["fr"].rights))


def test_an_end_of_the_input_writes_nothing(asked: Consent, tmp_path: Path) -> None:
    said = asked("notice", "new", "--out", tmp_path / "notice.json", who="aurelle", typed="shop\n")
    assert said.code == 130 and list(tmp_path.glob("notice*")) == []


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ([], "no terminal to ask at"),
        (["--template", "shop"], "needs --name, --domain, --contact"),
        (["--template", "shop", "--name", "x"], "needs --domain, --contact"),
        (["--template", "bank", *BRAND], "no template 'bank'"),
        (["DRAFT", "--template", "shop"], "a draft says all of it"),
        (["DRAFT", "--name", "x"], "a draft says all of it"),
    ],
)
def test_what_is_missing_is_told(asked: Consent, tmp_path: Path, line: list[str], says: str) -> None:
    """(item 16)"""
    words = [asked.folder / "notice.json" if word == "DRAFT" else word for word in line]
    said = asked("notice", "new", *words, "--out", tmp_path / "notice.json", who="aurelle")
    assert no_of(said) == (2, "InvalidInput") and says in said.err


@pytest.mark.parametrize("command", [["notice", "new", "BAD", "--out", "OUT"], ["notice", "check", "BAD"]])
def test_all_faults_of_a_file_are_listed(asked: Consent, tmp_path: Path, command: list[str]) -> None:
    """(item 16)"""
    document: dict[str, Any] = json.loads((asked.folder / "notice.json").read_bytes())
    document["maxDays"] = 0
    document["controller"]["name"] = ".."
    document["text"]["fr"]["rights"] = "TODO"
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False))
    words = [{"BAD": bad, "OUT": tmp_path / "out.json"}.get(word, word) for word in command]
    said = asked(*words, who="aurelle")
    lines = said.err.splitlines()
    assert (said.code, lines[0], len(lines)) == (1, "Malformed: it has 3 faults", 5)
    assert lines[1:4] == [
        "  controller.name is still to be written: '..'",
        "  maxDays: Expected `int` >= 1",
        "  text.fr.rights is still to be written: 'TODO'",
    ]
    details = asked(*words, "--json", who="aurelle").document["details"]
    assert details == [line.strip() for line in lines[1:4]]
