"""Whatever the evidence, the facts and the question: Python's verifier and ConsentVerifier give the same answer.

What the chain does not judge (docs/formats.md, "On chain") is translated: another domain is a bad signature there, and
the notice is not looked at.
"""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from registry.core.errors import NotConsented
from registry.core.evidence.file import Evidence, write_evidence
from registry.core.facts import AnchorFacts, Facts
from registry.core.scalars import unhex
from registry.core.statements.messages import Grant, members
from registry.core.verify.judge import judge
from registry.core.verify.queries import fact_queries
from tests.support.builders import CHAIN_ID, SUBJECT, policy, word
from tests.support.soak import examples
from tests.support.vector_drafts import FAULTS, Draft, Fault, build, drafts
from tests.support.vectors import NAMES
from tests.support.vectors_on_chain import ChainEvidence, ChainFacts, answering, contracts

pytestmark = pytest.mark.slow

EXAMPLES = examples(20, 400)


def _by_python(draft: Draft, evidence: Evidence) -> str:
    anchors, signatures = fact_queries(evidence)
    answer = AnchorFacts(draft.anchored_at, draft.revoked_at, draft.cutoff)
    facts = Facts(
        chain_id=CHAIN_ID,
        block_number=7,
        block_hash=word(7),
        block_time=draft.now,
        clock=draft.now,
        depth=0,
        as_of=None,
        anchors=dict.fromkeys(anchors, answer),
        signatures=dict.fromkeys(signatures, _signed_by_code(draft, evidence)),
    )
    controller, purpose, datum = draft.asked
    asked = policy(controllers=frozenset({controller}), purposes=frozenset({purpose}), data=frozenset({datum}))
    try:
        judge(write_evidence(evidence), facts, asked, draft.now)
    except NotConsented as error:
        return type(error).__name__
    return "Valid"


def _signed_by_code(draft: Draft, evidence: Evidence) -> bool:
    # Only the account of the draft's own subject has code.
    return bool(draft.code) and evidence.author == SUBJECT


def _by_solidity(draft: Draft, evidence: Evidence) -> str:
    anchor = evidence.anchor
    assert not isinstance(anchor, msgspec.UnsetType)
    carried = ChainEvidence(
        members(evidence.statement.message),
        evidence.signature_bytes,
        unhex(anchor.root),
        [unhex(p) for p in anchor.proof],
    )
    facts = ChainFacts(draft.anchored_at, draft.revoked_at, draft.cutoff)
    code: dict[str, bytes] = {} if draft.code is None else {SUBJECT: answering(draft.code)}
    return contracts().check(carried, facts, draft.now, draft.asked, code).name


def _expected(draft: Draft, evidence: Evidence, status: str) -> str:
    """What the contract has to say where Python says ``status``."""
    if status == "WrongDomain":
        # Its digest is another one, which the subject did not sign; a wallet that accepts anything accepts that too.
        return "NotIncluded" if _signed_by_code(draft, evidence) else "BadSignature"
    return _policy_status(draft, evidence) if status == "NoticeMismatch" else status


def _policy_status(draft: Draft, evidence: Evidence) -> str:
    message, (controller, purpose, datum) = evidence.statement.message, draft.asked
    assert isinstance(message, Grant)
    if message.controller != controller:
        return "WrongController"
    if purpose not in message.purposes:
        return "PurposeNotGranted"
    return "Valid" if datum in message.data else "DataNotGranted"


def _agree(fault: Fault) -> Counter[str]:
    """How often Python gave which answer; AssertionError where Solidity gives another."""
    seen: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
    @given(drafts(fault))
    def agree(draft: Draft) -> None:
        evidence = build(draft)
        status = _by_python(draft, evidence)
        seen[status] += 1
        assert _by_solidity(draft, evidence) == _expected(draft, evidence, status)

    agree()
    return seen


def test_python_and_solidity_agree() -> None:
    seen = sum((_agree(fault) for fault in FAULTS), Counter[str]())
    assert sum(seen.values()) >= EXAMPLES * len(FAULTS) // 2
    # Nobody attaches a mandate or bounds back-dating here; terms and acceptance are not asked for.
    unseen = {"BadMandate", "BackDated", "TermsNotGranted", "NotAccepted"}
    assert set(seen) == NAMES - unseen - {"LedgerUnavailable"}, seen
