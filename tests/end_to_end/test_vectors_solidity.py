"""The shared vectors through ConsentVerifier and ConsentRegistry, on an EVM in this process.

Every Grant whose members fit the contract's types is judged there. What the chain does not judge is left
out by rule, never by name: step 0, what is no Grant, and questions about the past. Where the contract's answer differs
(depth, ``BackDated``, notice, terms, acceptance, mandate), the vector itself says so in ``onChain``.
"""

from __future__ import annotations

import json
import re
from itertools import product
from typing import Any

import pytest
from eth_typing import Address

from registry.core.crypto.keccak import keccak256
from registry.core.scalars import MAX_SIGNATURE
from tests.support.vectors import Case, filled, read_cases
from tests.support.vectors_on_chain import (
    CHAIN_ID,
    GRANT,
    REGISTRY,
    ChainEvidence,
    ChainFacts,
    Status,
    answering,
    call_data,
    contracts,
)

pytestmark = pytest.mark.slow

MAX_PROOF = 15
MOST_BRACKETS = 1_000
# What the chain does not judge: a Grant with one of these names needs an ``onChain``.
ONLY_OFF_CHAIN = {
    "WrongDomain",
    "BadMandate",
    "BackDated",
    "NoticeMismatch",
    "TermsNotGranted",
    "NotAccepted",
    "LedgerUnavailable",
}
_FITS = {
    "bytes32": lambda value: _is_hex(value, 32),
    "address": lambda value: _is_hex(value, 20),
    "uint64": lambda value: type(value) is int and 0 <= value < 2**64,
    "bytes32[]": lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
}


def _is_hex(value: Any, size: int) -> bool:
    return _is_bytes(value) and len(value) == 2 + 2 * size


def _is_bytes(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"0x(?:[0-9a-fA-F]{2})*", value) is not None


def _fits(name: str, kind: str, message: dict[str, Any]) -> bool:
    value = message.get(name)
    return isinstance(value, str) if name in ("statement", "terms") else _FITS[kind](value)


def _as_chain_evidence(case: Case) -> ChainEvidence | None:
    """The case's Grant as the contract takes it; None where it cannot be written in the contract's types."""
    text = filled(case, "evidence")
    if text.count("[") > MOST_BRACKETS:  # json has no bound of its own once py-evm has raised the interpreter's
        return None
    try:
        document = json.loads(text)
        message, anchor = document["statement"]["message"], document["anchor"]
        fits = all(_fits(name, kind, message) for name, kind in GRANT)
        fits = (
            fits
            and _is_bytes(document["signature"])
            and all(_is_hex(w, 32) for w in (anchor["root"], *anchor["proof"]))
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not fits:
        return None
    words = [bytes.fromhex(word[2:]) for word in (document["signature"], anchor["root"], *anchor["proof"])]
    return ChainEvidence(message, words[0], words[1], words[2:])


def _of_the_past(case: Case) -> bool:
    return case["facts"]["asOf"] is not None or case["now"] < case["facts"]["blockTime"]


def _judged_as_malformed(evidence: ChainEvidence) -> bool:
    return not 0 < len(evidence.signature) <= MAX_SIGNATURE or len(evidence.proof) > MAX_PROOF


def _on_chain_cases() -> dict[str, tuple[Case, ChainEvidence]]:
    found = {}
    for name, case in read_cases("evidence").items():
        evidence = _as_chain_evidence(case)
        if evidence is None or _of_the_past(case):
            continue
        if case["error"] == "Malformed" and "onChain" not in case and not _judged_as_malformed(evidence):
            continue
        found[name] = case, evidence
    return found


ON_CHAIN = _on_chain_cases()


def _questions(case: Case, evidence: ChainEvidence) -> list[tuple[str, str, str]]:
    """(controller, purpose, datum), every combination; what is not asked is taken from the grant."""
    policy, message = case["policy"], evidence.message
    if policy["controllers"] is None:
        controller = message["controller"]
    else:
        allowed = policy["controllers"]
        controller = message["controller"] if message["controller"] in allowed else [*allowed, "0x" + "00" * 20][0]
    purposes, data = policy["purposes"] or message["purposes"], policy["data"] or message["data"]
    return [(controller, purpose, datum) for purpose, datum in product(purposes, data)]


def _answer(case: Case, evidence: ChainEvidence) -> Status:
    facts = case["facts"]
    seen = ChainFacts(facts["anchoredAt"], facts["revokedAt"], facts["cutoff"])
    code = {address: answering(yes) for address, yes in facts["contracts"].items() if yes is not None}
    answers = [contracts().check(evidence, seen, case["now"], asked, code) for asked in _questions(case, evidence)]
    # The contract is asked for one pair at a time; the first step that fails for any of them is the answer.
    return min((answer for answer in answers if answer is not Status.Valid), default=Status.Valid)


@pytest.mark.parametrize(("case", "evidence"), ON_CHAIN.values(), ids=ON_CHAIN.keys())
def test_evidence(case: Case, evidence: ChainEvidence) -> None:
    assert _answer(case, evidence).name == case.get("onChain", case["error"])


def test_the_rules_leave_enough_and_let_nothing_slip() -> None:
    cases = read_cases("evidence")
    assert len(ON_CHAIN) >= 150
    assert {name for name, case in cases.items() if "onChain" in case} <= set(ON_CHAIN)
    for name, (case, _) in ON_CHAIN.items():
        assert "onChain" in case or case["error"] not in ONLY_OFF_CHAIN, name


def test_every_status_that_the_contract_gives_occurs() -> None:
    expected = {
        "Malformed",
        "Valid",
        "BadSignature",
        "NotIncluded",
        "NotAnchored",
        "PostDated",
        "Revoked",
        "NotYetValid",
    }
    expected |= {"Expired", "WrongController", "PurposeNotGranted", "DataNotGranted"}
    assert {_answer(case, evidence).name for case, evidence in ON_CHAIN.values()} == expected


def test_domain_separator() -> None:
    answer = "0x" + contracts().call(call_data("domainSeparator", (), ())).hex()
    domains = [(c["typedData"]["domain"], c.get("domainSeparator")) for c in read_cases("digests").values()]
    ours = "0x" + REGISTRY.hex()
    separators = {
        separator
        for domain, separator in domains
        if separator and domain["chainId"] == CHAIN_ID and domain["verifyingContract"].lower() == ours
    }
    assert separators == {answer}


LOCKS = read_cases("locks")


@pytest.mark.parametrize("case", LOCKS.values(), ids=LOCKS.keys())
@pytest.mark.parametrize("openly", [False, True], ids=["in-private", "openly"])
def test_lock(case: Case, openly: bool) -> None:
    raw = {name: bytes.fromhex(value[2:]) for name, value in case.items() if name not in ("desc", "error")}
    with contracts().undone(at=1234):
        words = (raw["lock"], raw["saltHash"]) if openly else (raw["secret"], raw["tag"])
        function = "revokeOpenly" if openly else "revoke"
        sender = Address(raw["subject"] if openly else keccak256(b"anyone")[12:])
        assert contracts().facts(bytes(32), raw["handle"], raw["subject"]).revoked_at == 0
        contracts().call(call_data(function, ("bytes32", "bytes32"), words), sender=sender)
        assert contracts().facts(bytes(32), raw["handle"], raw["subject"]) == ChainFacts(0, 1234, 0)
