"""Reads the shared vectors and gives evidence cases to the Python verifier."""

from __future__ import annotations

import json
from typing import Any

from msgspec import UNSET

from registry.core.errors import CouldNotCheck, NotConsented
from registry.core.evidence.file import Evidence, parse_evidence
from registry.core.facts import AnchorFacts, Facts
from registry.core.verify.judge import VerifiedStatement
from registry.core.verify.judge import judge as pure_judge
from registry.core.verify.policy import Policy
from registry.core.verify.queries import fact_queries
from tests.support.paths import VECTORS

FOLDER = VECTORS
_BASICS = ("digests", "signatures", "commitments", "merkle", "locks", "accounts")
FOLDERS = (*_BASICS, "notices", "evidence", "uses", "vault")
NOT_CONSENTED = frozenset(kind.__name__ for kind in NotConsented.__subclasses__())
SEALED = frozenset({"DamagedSeal", "WrongCapsule"})
NAMES = NOT_CONSENTED | {"Valid", "LedgerUnavailable"}

Case = dict[str, Any]


def read_cases(folder: str) -> dict[str, Case]:
    """Name to case, sorted by name."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted((FOLDER / folder).glob("*.json"))}


def filled(case: Case, member: str) -> str:
    """A text of the case, its marks replaced by the long runs that they stand for."""
    text: str = case[member]
    for mark, (unit, times) in case.get("fill", {}).items():
        text = text.replace(mark, unit * times)
    return text


def policy_of(case: Case) -> Policy:
    """The case's policy."""
    plain = case["policy"]
    return Policy(
        chain_id=plain["chainId"],
        registry=plain["registry"],
        controllers=_set(plain["controllers"]),
        purposes=_set(plain["purposes"]),
        data=_set(plain["data"]),
        terms=plain["terms"],
        accepted=plain["accepted"],
        confirmations=plain["confirmations"],
        max_backdate=plain["maxBackdate"],
        max_facts_age=plain["maxFactsAge"],
    )


def _set(values: list[str] | None) -> frozenset[str] | None:
    return None if values is None else frozenset(values)


def facts_of(case: Case, evidence: Evidence) -> Facts:
    """What a chain in the case's state answers to the questions that this evidence raises."""
    plain = case["facts"]
    anchors, signatures = fact_queries(evidence)
    answers = _answers(plain, evidence)
    contracts = plain["contracts"]
    asked = {question: contracts.get(question.signer, False) for question in signatures}
    return Facts(
        chain_id=plain["chainId"],
        block_number=plain["blockNumber"],
        block_hash="0x" + "42" * 32,
        block_time=plain["blockTime"],
        clock=plain["clock"],
        depth=plain["depth"],
        as_of=plain["asOf"],
        anchors=dict(zip(anchors, answers, strict=True)),
        signatures={question: answer for question, answer in asked.items() if answer is not None},
    )


def _answers(plain: Case, evidence: Evidence) -> list[AnchorFacts]:
    """The answers in the order of `fact_queries`: the statement, its mandate, its acceptance, the delegate."""
    parts = [plain]
    if evidence.mandate is not UNSET:
        parts.append(plain["mandate"])
    if evidence.acceptance is not UNSET:
        parts.append(plain["acceptance"])
    if evidence.mandate is not UNSET:
        parts.append(plain.get("signer", {}))
    return [_answer(part) for part in parts]


def _answer(plain: Case) -> AnchorFacts:
    return AnchorFacts(plain.get("anchoredAt", 0), plain.get("revokedAt", 0), plain.get("cutoff", 0))


def judge(case: Case) -> VerifiedStatement | str:
    """What the Python verifier makes of an evidence case: a verified statement, or the name of its error."""
    raw = filled(case, "evidence").encode()
    try:
        grant = parse_evidence(case["grant"].encode()) if "grant" in case else None
        facts = facts_of(case, parse_evidence(raw))
        return pure_judge(raw, facts, policy_of(case), case["now"], grant=grant)
    except (NotConsented, CouldNotCheck) as error:
        assert error.advice, f"{type(error).__name__} gives no advice"
        return type(error).__name__
