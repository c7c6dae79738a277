"""``vault``: a person's own records, in and out again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from registry.cli.ui.output import Output
from tests.support.consent_world import DATUM, Consent, no_of


def test_a_file_goes_in_once_and_comes_out(asked: Consent, tmp_path: Path) -> None:
    """(item 17)"""
    mine, out = tmp_path / "mine.csv", tmp_path / "out.csv"
    mine.write_bytes(b"a,b\n1,2\n")
    added = asked.json("vault", "add", mine, "--category", DATUM)
    twin = asked("vault", "add", mine, "--category", DATUM)
    assert no_of(twin) == (2, "InvalidInput") and "holds this file already: mine.csv" in twin.err
    got = asked.json("vault", "get", "mine.csv", "--out", out)
    assert (got["cid"], got["bytes"]) == (added["cid"], 8) and out.read_bytes() == mine.read_bytes()
    assert no_of(asked("vault", "get", "mine.csv", "--out", out)) == (2, "InvalidInput")
    assert asked.json("vault", "add", mine, "--category", DATUM, "--again")["cid"] != added["cid"]


def test_a_record_is_removed_after_a_yes(asked: Consent) -> None:
    """(item 17)"""
    (record,) = asked.json("vault", "list")["records"]
    said = asked("vault", "remove", record["name"], typed="n\n")
    assert said.code == 1 and f"This removes {record['name']}" in said.err and "handed over" not in said.err
    assert no_of(asked("vault", "remove", record["name"]))[0] == 2
    assert asked.json("vault", "list")["records"] == [record]
    assert asked("vault", "remove", record["cid"][:20], typed="y\n").out == f"Removed {record['name']}.\n"
    assert asked.json("vault", "list")["records"] == []


def test_a_record_that_was_handed_over_is_removed_with_a_warning(granted: Consent, tmp_path: Path) -> None:
    """(item 17)"""
    (record,) = granted.json("vault", "list")["records"]
    said = granted("vault", "remove", record["name"], "--yes")
    assert said.code == 0 and "copies stay with the brands" in said.err
    opened = granted("open", granted.grant, "--out", tmp_path / "opened", who="aurelle")
    assert opened.code == 3 and not (tmp_path / "opened").exists()


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
