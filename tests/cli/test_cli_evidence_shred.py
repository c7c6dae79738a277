"""``evidence shred`` and ``release`` through the application, also in a process that is killed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from registry.core.evidence.certificate import parse_evidence_certificate
from tests.support.consent_world import Consent, files_in, no_of
from tests.support.killed_client import killed_at


def digest_of(world: Consent) -> str:
    return world.grant.stem


def ended(world: Consent) -> str:
    digest = digest_of(world)
    assert world("revoke", digest, "--yes").code == 0
    return digest


def left_of(world: Consent, digest: str) -> list[str]:
    """The files of Alice's home that hold a digest, or are called so."""
    home = world.folder / "alice"
    found = [path for path in home.rglob("*") if path.is_file()]
    return [path.name for path in found if digest in path.name or digest[2:].encode() in path.read_bytes()]


def test_a_live_grant_is_refused(accepted: Consent) -> None:
    digest = digest_of(accepted)
    said = accepted("evidence", "shred", digest, "--yes")
    assert no_of(said) == (2, "InvalidInput") and "consent revoke" in said.err and accepted.grant.exists()


def test_a_dry_run_changes_nothing(accepted: Consent) -> None:
    digest = ended(accepted)
    before = files_in(accepted.folder)
    said = accepted("evidence", "shred", digest, "--dry-run")
    assert said.code == 0 and "This would go for good:" in said.out and "Maison Aurelle" in said.out
    plan = accepted.json("evidence", "shred", digest[:10], "--dry-run")
    assert plan["statements"] == [{"digest": digest, "kind": "Grant"}] and plan["files"]["evidence"] == 1
    assert files_in(accepted.folder) == before


def test_the_number_of_statements_is_typed(accepted: Consent, tmp_path: Path) -> None:
    digest, file = ended(accepted), tmp_path / "certificate.json"
    assert no_of(accepted("evidence", "shred", digest))[0] == 2, "no terminal to ask at"
    said = accepted("evidence", "shred", digest, typed="y\n")
    assert said.code == 1 and "another number" in said.out + said.err and left_of(accepted, digest)
    said = accepted("evidence", "shred", digest, "--certificate", file, typed="1\n")
    assert said.code == 0 and "nothing is left" in said.out and left_of(accepted, digest) == []
    made = parse_evidence_certificate(file.read_bytes())
    assert made.is_complete and made.grants == 1
    assert (accepted.folder / "aurelle" / "evidence" / f"{digest}.json").exists(), "the brand's copy is the brand's"


def test_a_hold_and_back(accepted: Consent) -> None:
    digest = ended(accepted)
    assert no_of(accepted("evidence", "shred", digest, "--hold", "a dispute")) == (2, "InvalidInput")
    said = accepted("evidence", "shred", digest, "--hold", "a dispute", "--until", "2099-12-31")
    assert said.out == "1 statement now kept and not used until 2099-12-31 (a dispute).\n"
    status = accepted.json("status")
    assert (status["evidence"], status["restricted"], status["unfinishedErasure"]) == ([], 1, False)
    assert "Kept and not used: 1" in accepted("status").out
    assert no_of(accepted("evidence", "shred", digest, "--yes")) == (2, "InvalidInput")
    assert no_of(accepted("evidence", "shred", "DUE", "--yes")) == (2, "InvalidInput")
    assert accepted("evidence", "show", digest).code == 0
    assert accepted.json("evidence", "release", digest) == {"released": 1}
    assert len(accepted.json("status")["evidence"]) == 1
    assert accepted.json("evidence", "shred", digest, "--until", "2099-12-31", "--dry-run")["dryRun"]


def test_the_brands_copy_is_not_erased_in_this_way(accepted: Consent) -> None:
    digest = ended(accepted)
    said = accepted("evidence", "shred", digest, "--yes", who="aurelle")
    assert said.code == 2 and "brand" in said.err
    assert (accepted.folder / "aurelle" / "evidence" / f"{digest}.json").exists()


def test_erased_evidence_is_not_imported(accepted: Consent) -> None:
    digest = ended(accepted)
    copy = accepted.folder / "aurelle" / "evidence" / f"{digest}.json"
    accepted.json("evidence", "shred", digest, "--yes")
    said = accepted("evidence", "import", copy)
    assert said.code == 2 and "you erased this evidence" in said.err and left_of(accepted, digest) == []


def test_what_came_back_goes_with_the_next_sync(accepted: Consent) -> None:
    digest = ended(accepted)
    raw = accepted.grant.read_bytes()
    accepted.json("evidence", "shred", digest, "--yes")
    (accepted.folder / "alice" / "evidence" / f"{digest}.json").write_bytes(raw)
    said = accepted("vault", "sync")
    assert said.code == 0 and "It is finished here." in said.err and left_of(accepted, digest) == []


@pytest.mark.slow
def test_a_killed_process_is_gone_on_with(accepted: Consent) -> None:
    digest = ended(accepted)
    shutil.copytree(accepted.folder, accepted.folder.parent / "before")
    around = {"CONSENT_NETWORK": str(accepted.folder / "network"), "CONSENT_HOME": str(accepted.folder / "alice")}
    line, killed = ["evidence", "shred", digest, "--yes", "--json"], 0
    for step in range(1, 120, 3):
        shutil.rmtree(accepted.folder)
        shutil.copytree(accepted.folder.parent / "before", accepted.folder)
        if killed_at(step, line, around) is not None:
            break
        killed += 1
        if no_of(accepted("evidence", "shred", "DUE", "--yes"))[0] == 2:
            assert left_of(accepted, digest) and accepted.json("evidence", "shred", digest, "--yes")["complete"]
        assert left_of(accepted, digest) == [] and not accepted.json("status")["unfinishedErasure"]
        assert list((accepted.folder / "alice" / "certificates").glob("evidence-*.json"))
    assert killed > 3 and step < 118
