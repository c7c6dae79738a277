"""The proofs in a file: each is independent, and none claims what only the chain knows."""

from __future__ import annotations

import msgspec
import pytest

from registry.core.evidence.file import Evidence, quoted, with_acceptance
from registry.core.evidence.proofs import proofs
from registry.core.verify.judge import judge
from tests.support.builders import (
    NOW,
    World,
    acceptance_message,
    account,
    evidence_of,
    grant_message,
    mandate_message,
    mandate_of,
    notice_bytes,
    policy,
    refusal_message,
    request_message,
    under_mandate,
    word,
)

GRANT = evidence_of(grant_message())
ACCEPTANCE = evidence_of(acceptance_message(GRANT))
BOTH = with_acceptance(GRANT, ACCEPTANCE)


def found(evidence: Evidence) -> dict[str, bool | None]:
    return {proof.name: proof.holds for proof in proofs(evidence)}


@pytest.mark.parametrize(
    ("evidence", "names"),
    [
        (GRANT, "signature notice inclusion"),
        (BOTH, "signature notice inclusion acceptance"),
        (evidence_of(request_message()), "signature notice"),
        (evidence_of(refusal_message()), "signature notice inclusion"),
        (ACCEPTANCE, "signature inclusion"),
    ],
)
def test_good_evidence_of_every_kind(evidence: Evidence, names: str) -> None:
    assert found(evidence) == dict.fromkeys(names.split(), True)


def test_a_strangers_signature_is_for_the_chain_to_judge() -> None:
    forged = evidence_of(grant_message(), signer=account("mallory"))
    assert found(forged) == {"signature": None, "notice": True, "inclusion": True}
    as_contract = World(contracts={forged.author: True})
    assert judge(forged, as_contract.facts(forged), policy(), NOW).evidence == forged


def test_a_delegates_act_proves_itself_but_for_the_time_of_its_mandate() -> None:
    assert found(under_mandate()) == {"signature": True, "mandate": None, "notice": True, "inclusion": True}


def test_a_mandate_that_does_not_cover_the_act_or_was_altered() -> None:
    refusing = mandate_of(mandate_message(powers=("Refusal",)))
    assert found(under_mandate(mandate=refusing))["mandate"] is False
    altered = mandate_of(mandate_message(statement="I let it do everything."))
    assert found(under_mandate(mandate=altered))["mandate"] is False


def test_the_authors_own_signature_is_not_the_delegates() -> None:
    assert found(under_mandate(signer="alice"))["signature"] is None


def test_another_notice() -> None:
    other = msgspec.structs.replace(GRANT, quoted_notice=quoted(notice_bytes(maxDays=364)))
    (proof,) = [proof for proof in proofs(other) if proof.name == "notice"]
    assert proof.holds is False and "SHA-256" in proof.why
    assert found(other) == found(GRANT) | {"notice": False}


def test_another_sentence() -> None:
    assert found(evidence_of(grant_message(statement="I allow everything.")))["notice"] is False


def test_another_root_and_another_signature() -> None:
    anchor = msgspec.structs.replace(GRANT.anchor, root=word(1))
    assert found(msgspec.structs.replace(GRANT, anchor=anchor))["inclusion"] is False
    resigned = msgspec.structs.replace(GRANT, signature="0x" + "11" * 65)
    assert found(resigned) == {"signature": None, "notice": True, "inclusion": False}


@pytest.mark.parametrize(
    ("acceptance", "holds", "why"),
    [
        (evidence_of(acceptance_message(evidence_of(grant_message(salt=word(3))))), False, "another grant"),
        (evidence_of(acceptance_message(GRANT, controller=account("eve").address)), False, "controller"),
        (evidence_of(acceptance_message(GRANT), signer=account("eve")), None, ""),
        (
            msgspec.structs.replace(ACCEPTANCE, anchor=msgspec.structs.replace(ACCEPTANCE.anchor, root=word(1))),
            False,
            "root",
        ),
    ],
    ids=["another-grant", "another-controller", "another-signer", "another-root"],
)
def test_an_acceptance_that_does_not_fit(acceptance: Evidence, holds: bool | None, why: str) -> None:
    *own, last = proofs(with_acceptance(GRANT, acceptance))
    assert own == proofs(GRANT) and last.name == "acceptance"
    assert last.holds is holds and why in last.why
