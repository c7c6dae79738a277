"""Evidence that comes from elsewhere is checked before it is kept, and a better copy is never replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from registry.client.accept import accept
from registry.client.evidence_store import EvidenceFolder
from registry.client.import_evidence import Imported, import_evidence
from registry.client.revoke import revoke
from registry.core.errors import InvalidInput, LedgerUnavailable, Malformed, NotConsented
from registry.core.evidence.file import Evidence, write_evidence
from registry.core.scalars import to_hex
from tests.support.stage import Stage


@pytest.fixture
def home(tmp_path: Path) -> EvidenceFolder:
    return EvidenceFolder(tmp_path / "lost and made again")


def imported(stage: Stage, home: EvidenceFolder, file: Evidence | bytes, own: bool = True) -> Imported:
    return import_evidence(stage.network, home, file, lambda _: own)


def test_a_file_is_kept_again(stage: Stage, home: EvidenceFolder) -> None:
    """Files had to be copied into the folder by hand, unchecked (item 19)."""
    raw = write_evidence(stage.granted().evidence)
    done = imported(stage, home, raw)
    assert (done.ended, done.known) == (None, False)
    assert Path(done.kept).read_bytes() == raw == home.find(to_hex(done.evidence.digest))
    assert imported(stage, home, raw).known


def test_a_request_is_kept_with_the_requests(stage: Stage, home: EvidenceFolder) -> None:
    """(item 19)"""
    done = imported(stage, home, stage.request())
    assert Path(done.kept).parent.name == "requests" and home.digests() == frozenset()


def test_what_has_ended_is_kept_and_says_so(stage: Stage, home: EvidenceFolder) -> None:
    """(item 19)"""
    revoked, expired = (stage.granted(again=True).evidence for _ in range(2))
    revoke(stage.alice, revoked)
    assert type(imported(stage, home, revoked).ended).__name__ == "Revoked"
    stage.pass_time(4000 * 86_400)
    assert type(imported(stage, home, expired).ended).__name__ == "Expired"
    assert home.digests() == {to_hex(revoked.digest), to_hex(expired.digest)}


def tampered(evidence: Evidence, **changes: Any) -> Evidence:
    return replace(evidence, statement=replace(evidence.statement, **changes))


def test_what_does_not_hold_up_is_not_kept(stage: Stage, home: EvidenceFolder) -> None:
    """A kept grant counts as signed, so none may get there unchecked (item 19)."""
    evidence = stage.granted().evidence
    longer = replace(evidence.statement.message, salt="0x" + "11" * 32)
    with pytest.raises(NotConsented):
        imported(stage, home, tampered(evidence, message=longer))
    with pytest.raises(Malformed):
        imported(stage, home, b"{}")
    elsewhere = replace(evidence.statement.domain, chain_id=99)
    with pytest.raises(LedgerUnavailable, match="chain 99"):
        imported(stage, home, tampered(evidence, domain=elsewhere))
    assert not home.path.exists()


def test_what_is_somebody_elses_is_not_kept(stage: Stage, home: EvidenceFolder) -> None:
    """`revoke --brand` ends all that is kept, and would stop at a stranger's (item 19)."""
    with pytest.raises(InvalidInput, match="neither its author") as caught:
        imported(stage, home, stage.granted().evidence, own=False)
    assert "consent verify" in caught.value.advice and not home.path.exists()


def test_the_completed_file_stays(stage: Stage, home: EvidenceFolder) -> None:
    """(item 19)"""
    grant = stage.granted().evidence
    completed = accept(stage.brand, grant).evidence
    for file, known in ((grant, False), (completed, False), (grant, True), (completed, True)):
        done = imported(stage, home, file)
        assert done.known is known
    assert home.find(to_hex(grant.digest)) == write_evidence(completed) == write_evidence(done.evidence)
