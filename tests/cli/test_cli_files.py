"""Where results are written: next to the home's own copy, never over another file unasked, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from registry.core.errors import InvalidInput
from registry.core.evidence.file import parse_evidence
from tests.support.consent_world import DATUM, Consent, no_of

OLD = b"an older file"
Line = Callable[[Consent, Path], list[object]]

WRITERS: dict[str, tuple[str, str, Line]] = {
    "grant": ("asked", "alice", lambda w, out: ["grant", w.folder / "request.json", "--yes", "--out", out]),
    "refuse": ("asked", "alice", lambda w, out: ["refuse", w.folder / "request.json", "--yes", "--out", out]),
    "request": ("asked", "aurelle", lambda w, out: ["request", "--notice", w.folder / "notice.json", "--out", out]),
    "accept": ("granted", "aurelle", lambda w, out: ["accept", w.grant, "--out", out]),
    "notice new": ("asked", "aurelle", lambda w, out: ["notice", "new", w.folder / "notice.json", "--out", out]),
    "canonical": ("granted", "alice", lambda w, out: ["evidence", "canonical", w.grant, "--out", out]),
    "a page": ("granted", "alice", lambda w, out: ["evidence", "show", w.grant, "--html", out]),
}
every_writer = pytest.mark.parametrize(("step", "who", "line"), WRITERS.values(), ids=WRITERS.keys())


def evidence_in(world: Consent, who: str) -> dict[str, bytes]:
    folders = (world.folder / who / name for name in ("evidence", "requests"))
    return {path.name: path.read_bytes() for folder in folders for path in folder.glob("*.json")}


@every_writer
def test_an_existing_file_is_not_replaced_unasked(
    until: Callable[[str], Consent], tmp_path: Path, step: str, who: str, line: Line
) -> None:
    """Five commands replaced it without a word, after they had signed (section E)."""
    world, out = until(step), tmp_path / "out.json"
    out.write_bytes(OLD)
    before = evidence_in(world, who)
    said = world(*line(world, out), who=who)
    assert no_of(said) == (2, "InvalidInput") and "--force" in said.err
    assert out.read_bytes() == OLD and evidence_in(world, who) == before
    world.json(*line(world, out), "--force", who=who)
    assert out.read_bytes() != OLD


@every_writer
def test_a_person_at_a_terminal_is_asked(
    until: Callable[[str], Consent], tmp_path: Path, step: str, who: str, line: Line
) -> None:
    """(section E)"""
    world, out = until(step), tmp_path / "out.json"
    out.write_bytes(OLD)
    said = world(*line(world, out), who=who, typed="n\n")
    assert said.code == 1 and "exists already. Replace it? [y/N]: Rejected: you said no" in said.err
    assert out.read_bytes() == OLD
    assert world(*line(world, out), who=who, typed="y\n").code == 0
    assert out.read_bytes() != OLD


@every_writer
@pytest.mark.parametrize("place", ["a folder", "in a file"])
def test_a_wrong_path_costs_nothing(
    until: Callable[[str], Consent], tmp_path: Path, step: str, who: str, line: Line, place: str
) -> None:
    """A request was signed before its file turned out to be unwritable (item 19)."""
    world, obstacle = until(step), tmp_path / "obstacle"
    obstacle.mkdir() if place == "a folder" else obstacle.write_bytes(OLD)
    before = evidence_in(world, who)
    out = obstacle if place == "a folder" else obstacle / "out.json"
    assert no_of(world(*line(world, out), who=who)) == (2, "InvalidInput")
    assert evidence_in(world, who) == before


@pytest.mark.parametrize("name", ["grant", "refuse", "request", "accept"])
def test_the_file_is_the_one_that_is_kept(until: Callable[[str], Consent], tmp_path: Path, name: str) -> None:
    """The file had to be looked for in the home (item 19)."""
    step, who, line = WRITERS[name]
    world, out = until(step), tmp_path / "new" / "out.json"
    assert world.json(*line(world, out), who=who)["file"] == str(out)
    assert out.read_bytes() in evidence_in(world, who).values()
    assert parse_evidence(out.read_bytes()).kind == {"request": "Request", "refuse": "Refusal"}.get(name, "Grant")


@pytest.mark.parametrize("name", ["grant", "refuse", "request", "accept"])
def test_a_disk_that_fails_late_loses_nothing(
    until: Callable[[str], Consent], tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request whose file could not be written was only in a folder that nobody was told of (item 19)."""

    def fail(path: Path, _: bytes) -> None:
        raise InvalidInput(f"{path} cannot be written: no space", "Check the path and the disk.")

    step, who, line = WRITERS[name]
    world, out = until(step), tmp_path / "out.json"
    monkeypatch.setattr("registry.cli.ui.receipts.replace_file", fail)
    said = world(*line(world, out), who=who)
    assert (said.code, said.out) == (2, "") and "It is done, and kept in" in said.err
    kept = said.err.split("kept in ")[1].split(":")[0]
    assert world("evidence", "canonical", kept, "--out", out, who=who).code == 0
    assert parse_evidence(out.read_bytes()).kind in {"Grant", "Refusal", "Request"}


def test_a_request_needs_no_file(asked: Consent) -> None:
    """(item 19)"""
    made = asked.json("request", "--notice", asked.folder / "notice.json", "--data", DATUM, who="aurelle")
    digest = f"0x{parse_evidence(Path(made['file']).read_bytes()).digest.hex()}"
    assert asked.json("evidence", "show", digest[:10], who="aurelle")["statement"]["primaryType"] == "Request"
    assert asked.json("grant", made["file"], "--yes")["kind"] == "Grant"


def test_results_go_to_pipes_and_devices(granted: Consent) -> None:
    """These exist, and nothing is lost by writing to them."""
    assert granted("evidence", "canonical", granted.grant, "--out", "/dev/null").code == 0


@pytest.mark.parametrize("line", [["verify", "NOTICE"], ["accept", "NOTICE"], ["grant", "NOTICE", "--yes"]])
def test_a_notice_given_as_evidence_is_named(asked: Consent, line: list[str]) -> None:
    """(section E)"""
    said = asked(*[asked.folder / "notice.json" if word == "NOTICE" else word for word in line])
    assert said.code == 1 and "this is a notice, not an evidence file" in said.err
    assert "consent notice check" in said.err


def test_evidence_given_as_a_backup_or_a_notice_is_named(granted: Consent) -> None:
    """A passphrase was asked for first (section E)."""
    said = granted("restore", granted.grant, "--home", granted.folder / "new", phrase="x")
    assert "this is an evidence file, not a backup" in said.err
    said = granted("notice", "check", granted.grant)
    assert said.code == 1 and "this is an evidence file, not a notice" in said.err and "evidence show" in said.err


class TestImporting:
    """(item 19)"""

    def test_the_brands_completed_file_comes_back(self, granted: Consent, tmp_path: Path) -> None:
        back = tmp_path / "completed.json"
        granted.json("accept", granted.grant, "--out", back, who="aurelle")
        said = granted.json("evidence", "import", back)
        assert (said["state"], said["known"]) == ("holds", False)
        assert granted.json("status")["evidence"][0]["accepted"] is True
        assert granted.json("evidence", "import", back)["known"] is True

    def test_a_lost_grant_comes_back_and_can_be_ended(self, accepted: Consent, tmp_path: Path) -> None:
        copy = tmp_path / "copy.json"
        accepted.grant.rename(copy)
        assert accepted.json("status")["evidence"] == []
        accepted.json("evidence", "import", copy)
        accepted.json("revoke", accepted.grant)
        accepted.grant.rename(copy)
        said = accepted("evidence", "import", copy)
        assert said.code == 0 and "Revoked: the person revoked it" in said.out
        assert accepted.json("status")["evidence"][0]["state"] == "Revoked"

    def test_a_brand_keeps_what_was_handed_to_it(self, granted: Consent) -> None:
        granted.json("evidence", "import", granted.grant, who="aurelle")
        assert len(granted.json("status", who="aurelle")["evidence"]) == 1

    def test_a_strangers_home_does_not_take_it(self, granted: Consent) -> None:
        said = granted("evidence", "import", granted.grant, who="stranger")
        assert no_of(said) == (2, "InvalidInput") and "neither its author" in said.err
        assert granted.json("status", who="stranger")["evidence"] == []

    def test_a_request_comes_back_to_its_brand(self, asked: Consent) -> None:
        for path in (asked.folder / "aurelle" / "requests").glob("*"):
            path.unlink()
        said = asked.json("evidence", "import", asked.folder / "request.json", who="aurelle")
        assert said["kind"] == "Request" and Path(said["file"]).exists()


def test_a_file_that_is_too_long_is_told_without_a_false_size(granted: Consent, tmp_path: Path) -> None:
    """A file of any length "had" one byte more than the most, because no more is read (section E)."""
    long = tmp_path / "long.json"
    long.write_bytes(b" " * 5 * 1024 * 1024)
    said = granted("verify", long)
    assert said.code == 1 and "1,048,577" not in said.err
    long.write_bytes(b"{" + b" " * 5 * 1024 * 1024)
    said = granted("verify", long)
    assert "it is longer than 1,048,576 bytes, the most that it may have" in said.err
