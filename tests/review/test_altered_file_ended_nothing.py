"""A brand handed back the grant with one member altered; ``revoke`` marked another handle and said it had worked.

The handle comes from subject, lock and salt. The lock alone was held to the vault's seed, so a file with another
subject, or with the lock and salt of another grant, passed; openly, any salt did.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from registry.client.grant import grant
from registry.client.party import Person
from registry.client.revoke import revoke, revoke_openly
from registry.client.sign import sign
from registry.core.errors import InvalidInput
from registry.core.evidence.file import Evidence, parse_evidence, write_evidence
from registry.core.scalars import to_hex
from tests.support.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage.of(tmp_path)


def altered(evidence: Evidence, **changes: Any) -> Evidence:
    message = msgspec.structs.replace(evidence.statement.message, **changes)
    statement = msgspec.structs.replace(evidence.statement, message=message)
    return parse_evidence(write_evidence(msgspec.structs.replace(evidence, statement=statement)))


@pytest.mark.parametrize("end", [revoke, revoke_openly])
def test_what_she_did_not_sign_is_not_ended(stage: Stage, end: Callable[[Person, Evidence], Any]) -> None:
    real, other = stage.granted().evidence, stage.granted().evidence
    lock = {name: getattr(other.statement.message, name) for name in ("salt", "revocation")}
    sent = len(stage.ledger.calls)
    for changes in ({"subject": stage.brand.address}, lock, {"expires_at": 1_900_000_000}):
        with pytest.raises(InvalidInput):
            end(stage.alice, altered(real, **changes))
    assert len(stage.ledger.calls) == sent
    assert [stage.holds(each) for each in (real, other)] == ["VerifiedGrant"] * 2
    end(stage.alice, real)
    assert [stage.holds(each) for each in (real, other)] == ["Revoked", "VerifiedGrant"]


def test_a_copy_that_somebody_else_signed_as_theirs_is_not_ended(stage: Stage) -> None:
    real = stage.granted().evidence
    theirs = altered(real, subject=stage.brand.address)
    theirs = msgspec.structs.replace(theirs, signature=to_hex(sign(stage.brand, theirs.statement.message)))
    with pytest.raises(InvalidInput, match="is of"):
        revoke(stage.alice, theirs)
    assert stage.holds(real) == "VerifiedGrant"


def test_nothing_is_superseded_by_way_of_an_altered_file(stage: Stage) -> None:
    real = stage.granted().evidence
    with pytest.raises(InvalidInput, match="altered"):
        grant(stage.alice, stage.request(), supersedes=altered(real, expires_at=1_900_000_000))
