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
@pytest.mark.parametrize("command", ["grant", "refuse"])
def test_a_link_without_its_scheme_is_called_a_link(
    shop: ServedBrand, capsys: pytest.CaptureFixture[str], command: str, scheme: str
) -> None:
    _, link = shop.ask()
    _, err = said(command, scheme + link.removeprefix("https://"), "--yes", capsys=capsys, code=2)
    assert "looks like a link" in err and "https://" in err


def test_a_file_that_looks_like_a_link_is_a_file(
    shop: ServedBrand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "shop.example" / "r"
    folder.mkdir(parents=True)
    (folder / "request.json").write_text("{}")
    _, err = said("grant", "shop.example/r/request.json", "--yes", capsys=capsys, code=1)
    assert "Malformed" in err and "link" not in err
