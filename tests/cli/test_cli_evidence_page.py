"""``consent evidence show --html`` and ``calldata``: evidence for people and for contracts."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.core.evidence.file import parse_evidence
from registry.core.scalars import checksum, to_hex, unhex
from registry.ledger.calldata import check_calldata, evidence_argument
from tests.support.consent_world import DATUM, OTHER_PURPOSE, PURPOSE, Consent, no_of
from tests.support.page_cases import checks

NOBODY = "0x" + "ab" * 20


def test_a_page_is_written(accepted: Consent, tmp_path: Path) -> None:
    out = tmp_path / "grant.html"
    answer = accepted("evidence", "show", accepted.grant, "--html", out)
    assert answer.code == 0 and answer.err == "" and "`consent verify` says whether it holds" in answer.out
    shown = out.read_text("utf-8")
    assert all(state in ("computed from the file", "ask the chain") for _, state in checks(shown))
    assert len(checks(shown)) == 6 and 'lang="en"' in shown


def test_in_french_by_its_digest_for_programs(granted: Consent, tmp_path: Path) -> None:
    out = tmp_path / "grant.html"
    line = ("evidence", "show", granted.grant.stem[:12], "--html", out, "--language", "fr")
    assert granted.json(*line) == {"file": str(out), "bytes": out.stat().st_size}
    assert '<html lang="fr">' in out.read_text("utf-8")


def test_it_replaces_nothing(granted: Consent, tmp_path: Path) -> None:
    out = tmp_path / "mine.html"
    out.write_text("mine")
    answer = granted("evidence", "show", granted.grant, "--html", out)
    assert answer.code == 2 and "exists already" in answer.err and out.read_text() == "mine"


@pytest.mark.parametrize("options", [["--language", "de"], ["--language", ""]])
def test_a_language_that_we_do_not_speak(granted: Consent, tmp_path: Path, options: list[str]) -> None:
    out = tmp_path / "grant.html"
    answer = granted("evidence", "show", granted.grant, "--html", out, *options)
    assert answer.code == 2 and "en, fr" in answer.err and not out.exists()


def test_a_file_that_is_no_evidence(granted: Consent, tmp_path: Path) -> None:
    wrong, out = tmp_path / "wrong.json", tmp_path / "page.html"
    wrong.write_text("{}")
    assert granted("evidence", "show", wrong, "--html", out).code == 1 and not out.exists()


def test_evidence_as_call_data(granted: Consent) -> None:
    """A Solidity developer had to encode a grant by hand (item 20)."""
    evidence = parse_evidence(granted.grant.read_bytes())
    made = granted.json("evidence", "calldata", granted.grant)["calldata"]
    assert made == to_hex(check_calldata(evidence, purpose=PURPOSE, data=DATUM))
    other = granted.json("evidence", "calldata", granted.grant, "--purpose", OTHER_PURPOSE, "--controller", NOBODY)
    asked = {"purpose": OTHER_PURPOSE, "data": DATUM, "controller": checksum(unhex(NOBODY))}
    assert other["calldata"] == to_hex(check_calldata(evidence, **asked))
    alone = granted("evidence", "calldata", granted.grant, "--argument")
    assert alone.out == to_hex(evidence_argument(evidence)) + "\n" and "for ever" in alone.err
    for line in (["--controller", "0x12"], ["--data", "purchases"]):
        assert no_of(granted("evidence", "calldata", granted.grant, *line)) == (2, "InvalidInput")
    assert no_of(granted("evidence", "calldata", granted.folder / "request.json")) == (2, "InvalidInput")
