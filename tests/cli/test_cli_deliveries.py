"""What a home delivers, at the terminal: lists that mislead nobody, and one bad file or word that stops no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry.cli.main import run
from registry.client.home import Home
from registry.core.evidence.file import Evidence
from registry.core.scalars import to_hex
from tests.support.served_brand import ServedBrand


def granted(shop: ServedBrand) -> Evidence:
    """Let Alice say yes and deliver it. The home keeps the evidence."""
    evidence = shop.granted(again=True).evidence
    Home(shop.api.stage.folder / "home").evidence.keep(evidence)
    return evidence


def said(*words: str, capsys: pytest.CaptureFixture[str], code: int = 0) -> tuple[str, str]:
    capsys.readouterr()
    assert run(words) == code
    found = capsys.readouterr()
    return found.out, found.err


def damage(shop: ServedBrand, evidence: Evidence) -> Path:
    file = shop.api.stage.folder / "home" / "deliveries" / f"{to_hex(evidence.digest)}.json"
    file.write_text('{"digest":')
    return file


def test_a_damaged_file_is_told_and_status_goes_on(shop: ServedBrand, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = granted(shop), granted(shop)
    file = damage(shop, first)
    out, err = said("status", capsys=capsys, code=2)
    assert f"{to_hex(second.digest)[:14]}  Maison Aurelle (aurelle.example): to aurelle.example" in out.splitlines()
    assert f"{to_hex(first.digest)[:14]}  Grant to Maison Aurelle (aurelle.example): " in out
    assert str(file) in out and str(file) in err and "Restore it from a backup" in err
    out, _ = said("status", "--json", capsys=capsys, code=2)
    told = json.loads(out.splitlines()[0])
    assert [each["digest"] for each in told["deliveries"]] == [to_hex(second.digest)]
    assert [str(file) in each for each in told["damaged"]] == [True]


def test_a_damaged_file_stops_no_question_to_the_brand(shop: ServedBrand, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = granted(shop), granted(shop)
    damage(shop, first)
    out, _ = said("status", "--brand", "aurelle.example", capsys=capsys, code=2)
    assert [line.split("  ")[0] for line in out.splitlines()] == [to_hex(second.digest)[:14]]


@pytest.mark.parametrize("scheme", ["", "//", "www."])
@pytest.mark.parametrize("command", ["grant --yes", "refuse --yes", "evidence show"])
def test_a_link_without_its_scheme_is_called_a_link(
    shop: ServedBrand, capsys: pytest.CaptureFixture[str], command: str, scheme: str
) -> None:
    _, link = shop.ask()
    named = link.removeprefix("https://").replace("aurelle", f"{scheme.strip('/')}aurelle")
    _, err = said(*command.split(), f"{'//' if scheme == '//' else ''}{named}", capsys=capsys, code=2)
    assert "looks like a link" in err and f"Did you mean https://{named}?" in err


_SIBLINGS = ["import", "canonical", "calldata"]


@pytest.mark.parametrize("command", [*(f"evidence {one}" for one in _SIBLINGS), "verify", "accept", "revoke", "uses"])
def test_a_command_that_takes_no_link_says_which_one_does(
    shop: ServedBrand, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    _, link = shop.ask()
    _, err = said(*command.split(), link, capsys=capsys, code=2)
    assert "that is a link" in err and "consent evidence show LINK" in err
    _, err = said(*command.split(), link.removeprefix("https://"), capsys=capsys, code=2)
    assert f"Did you mean {link}?" in err


def test_the_request_behind_a_link_is_shown(shop: ServedBrand, capsys: pytest.CaptureFixture[str]) -> None:
    asked, link = shop.ask()
    out, _ = said("evidence", "show", link, capsys=capsys)
    assert "Maison Aurelle" in out and to_hex(asked.digest) in out


def test_a_file_that_looks_like_a_link_is_a_file(
    shop: ServedBrand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "shop.example" / "r"
    folder.mkdir(parents=True)
    (folder / "request.json").write_text("{}")
    _, err = said("grant", "shop.example/r/request.json", "--yes", capsys=capsys, code=1)
    assert "Malformed" in err and "link" not in err
