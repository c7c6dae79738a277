"""js/core judges random evidence as the package does, and asks the chain by the same bytes."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.anchor import Anchor
from registry.core.crypto.signatures import HALF_ORDER, recover_address
from registry.core.errors import LedgerUnavailable
from registry.core.evidence.file import Evidence, with_acceptance, write_evidence
from registry.core.facts import FactQuery, HandleQuery, SignatureQuery
from registry.core.merkle import build_tree, manifest_digest
from registry.core.scalars import MAX_SIGNATURE, ZERO_ADDRESS, checksum, to_hex
from registry.ledger import abi
from tests.support import strategies
from tests.support.builders import (
    CHAIN_ID,
    CONTROLLER,
    NOW,
    REGISTRY,
    SUBJECT,
    acceptance_message,
    account,
    acknowledgement_message,
    evidence_of,
    grant_message,
    mandate_message,
    mandate_of,
    refusal_message,
    request_message,
    under_mandate,
    use_log_message,
)
from tests.support.nodejs import js_core
from tests.support.soak import examples
from tests.support.vector_drafts import FAULTS, Draft, Fault, build, drafts
from tests.support.vectors import Case, judge

GRANT = evidence_of(grant_message())
OTHERS = [
    evidence_of(request_message()),
    evidence_of(refusal_message()),
    evidence_of(acceptance_message(GRANT)),
    evidence_of(acknowledgement_message(GRANT)),
    evidence_of(use_log_message()),
]
times = st.sampled_from(
    (0, 1, NOW - 1001, NOW - 1000, NOW - 901, NOW - 400, NOW, NOW + 900, NOW + 10**8)
) | st.integers(NOW - 3000, NOW + 3000)


def case_of(evidence: Evidence, now: int, **changes: Any) -> Case:
    """A case as the shared vectors have them: everything is in order, and nothing is asked."""
    policy: dict[str, Any] = {"chainId": CHAIN_ID, "registry": REGISTRY, "controllers": None, "accepted": False}
    policy |= dict.fromkeys(("purposes", "data", "terms", "maxBackdate", "maxFactsAge")) | {"confirmations": 0}
    facts: dict[str, Any] = {"chainId": CHAIN_ID, "blockNumber": 7, "blockTime": now, "clock": now, "depth": 0}
    facts |= {"asOf": None, "anchoredAt": NOW - 500, "revokedAt": 0, "cutoff": 0, "contracts": {}}
    facts["acceptance"], facts["mandate"] = {"anchoredAt": NOW - 300}, {"anchoredAt": NOW - 8000}
    policy |= changes.pop("policy", {})
    facts |= changes.pop("facts", {})
    return {"evidence": write_evidence(evidence).decode(), "policy": policy, "facts": facts, "now": now} | changes


def agree(case: Case) -> str:
    """Judge by both; return the name of the answer."""
    ours = judge(case)
    asked = case["evidence"], case["facts"], case["policy"], case["now"], case.get("grant")
    theirs = js_core().ask("judged", *asked)
    if isinstance(ours, str):
        assert theirs == ours
        return ours
    assert (theirs["digest"], theirs["author"]) == (ours.digest, ours.author)
    assert (theirs["anchoredAt"], theirs["handle"]) == (ours.anchored_at, ours.evidence.handle)
    assert theirs["acceptance"] == ours.acceptance
    return "Valid"


def _draft_case(draft: Draft) -> Case:
    evidence = build(draft)
    controller, purpose, datum = draft.asked
    policy = {"controllers": [controller], "purposes": [purpose], "data": [datum]}
    contracts = {} if draft.code is None else {evidence.author: draft.code}
    chain = {"anchoredAt": draft.anchored_at, "revokedAt": draft.revoked_at, "cutoff": draft.cutoff}
    return case_of(evidence, draft.now, policy=policy, facts=chain | {"contracts": contracts})


def _agree_on(fault: Fault) -> Counter[str]:
    seen = Counter[str]()

    @settings(max_examples=examples(8, 1000))
    @given(drafts(fault))
    def compare(draft: Draft) -> None:
        seen[agree(_draft_case(draft))] += 1

    compare()
    return seen


def test_grants_with_up_to_three_faults() -> None:
    seen = sum((_agree_on(fault) for fault in FAULTS), Counter[str]())
    assert seen["Valid"] > 5 and len(seen) > 8, seen


_POLICY: dict[str, st.SearchStrategy[Any]] = {
    "controllers": st.sampled_from(([CONTROLLER], [REGISTRY])),
    "purposes": st.sampled_from((["dpv:Personalisation"], ["dpv:Marketing", "dpv:Personalisation"])),
    "data": st.sampled_from((["pd:Purchase"], ["pd:Age"])),
    "terms": st.sampled_from(("ieee-7012:SD-BASE", "ieee-7012:SD-OTHER")),
    "accepted": st.just(True),
    "confirmations": st.sampled_from((2, 3, 4)),
    "maxBackdate": st.sampled_from((400, 500, 600, 0)),
    "maxFactsAge": st.sampled_from((0, 10)),
}
_FACTS: dict[str, st.SearchStrategy[Any]] = {
    "chainId": st.just(1),
    "blockTime": times,
    "clock": times,
    "depth": st.just(0),
    "asOf": times,
    "anchoredAt": times,
    "revokedAt": times,
    "cutoff": st.sampled_from((NOW - 1000, NOW - 1001, NOW - 2000, NOW - 600, 2**64 - 1)),
    "acceptance": st.builds(
        lambda time, cutoff: {"anchoredAt": time, "cutoff": cutoff}, times, st.sampled_from((0, 2**64 - 1))
    ),
    "contracts": st.sampled_from(({CONTROLLER: True}, {CONTROLLER: None})),
}


@st.composite
def _whole_cases(draw: st.DrawFn) -> Case:
    """Any kind of statement, with up to three conditions, and up to two facts that are not as usual."""
    evidence = draw(st.sampled_from([_with_answer(draw, GRANT), *OTHERS]))
    now = draw(st.just(NOW) | times)
    policy = {name: draw(_POLICY[name]) for name in draw(st.sets(st.sampled_from(sorted(_POLICY)), max_size=3))}
    facts: dict[str, Any] = {"depth": 3, "blockTime": draw(st.sampled_from((now, now + 10)))}
    facts["asOf"] = now if now < facts["blockTime"] else None
    facts |= {name: draw(_FACTS[name]) for name in draw(st.sets(st.sampled_from(sorted(_FACTS)), max_size=2))}
    beside = draw(st.sampled_from((GRANT, GRANT, GRANT, OTHERS[0], None)))
    more = {} if beside is None else {"grant": write_evidence(beside).decode()}
    return case_of(evidence, now, policy=policy, facts=facts, **more)


def _with_answer(draw: st.DrawFn, grant: Evidence) -> Evidence:
    """The grant with an acceptance that may be another grant's, another key's, or not in its batch."""
    changes = draw(st.sampled_from(({}, {}, {"grant": "0x" + "12" * 32}, {"controller": account("else").address})))
    message = msgspec.structs.replace(acceptance_message(grant), **changes)
    answer = evidence_of(message, signer=account(draw(st.sampled_from(("aurelle", "x")))))
    if draw(st.booleans()):
        anchor = GRANT.anchor
        assert isinstance(anchor, Anchor)
        answer = msgspec.structs.replace(answer, anchor=draw(st.sampled_from((answer.anchor, anchor))))
    return with_acceptance(grant, answer) if draw(st.booleans()) else grant


def test_any_statement_under_any_condition() -> None:
    seen = Counter[str]()

    @settings(max_examples=examples(300, 20_000))
    @given(_whole_cases())
    def compare(case: Case) -> None:
        seen[agree(case)] += 1

    compare()
    assert seen["Valid"] > 20 and len(seen) > 8, seen


@settings(max_examples=examples(60, 5_000))
@given(st.data())
def test_any_act_under_any_mandate(data: st.DataObject) -> None:
    """Each part of a mandate may be off; both say the same of the act."""
    draw = data.draw
    powers = draw(st.sampled_from((("Grant",), ("Refusal",), ("Grant", "Refusal"))))
    controllers = draw(st.sampled_from(((CONTROLLER,), (SUBJECT,), (ZERO_ADDRESS,))))
    data_terms = draw(st.sampled_from((("pd:EmailAddress",), ("pd:EmailAddress", "pd:Purchase"))))
    begins = draw(st.sampled_from((NOW - 9000, NOW - 501, NOW - 500, NOW - 499)))
    message = mandate_message(powers=powers, controllers=controllers, data=data_terms, not_before=begins)
    mandate = mandate_of(message, signer=draw(st.sampled_from(("alice", "alice", "steward"))))
    evidence = under_mandate(mandate=mandate, signer=draw(st.sampled_from(("steward", "steward", "alice", "x"))))
    agree(case_of(evidence, NOW))


def test_an_act_under_a_mandate_holds() -> None:
    assert agree(case_of(under_mandate(), NOW)) == "Valid"


# Signatures, trees, and calls of the contract --------------------------------------------------------------


@given(strategies.words, st.binary(min_size=64, max_size=66), st.sampled_from((27, 28, 0, 1, 29)))
def test_any_signature_has_one_signer(digest: str, signature: bytes, v: int) -> None:
    for made in (signature[:64] + bytes([v]), signature):
        found = recover_address(bytes.fromhex(digest[2:]), made)
        assert js_core().ask("signature", digest, to_hex(made)) == (None if found is None else checksum(found))


def test_signatures_at_the_edges() -> None:
    order = 2 * HALF_ORDER + 1
    numbers = (0, 1, 2, HALF_ORDER, HALF_ORDER + 1, order - 1, order, order + 1, 2**256 - 1)
    for digest, r, s in product(("0x" + "00" * 32, "0x" + "ff" * 32), numbers, numbers):
        made = r.to_bytes(32, "big") + s.to_bytes(32, "big") + b"\x1b"
        found = recover_address(bytes.fromhex(digest[2:]), made)
        assert js_core().ask("signature", digest, to_hex(made)) == (None if found is None else checksum(found))


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=40, unique=True))
def test_any_batch_has_one_tree(commitments: list[bytes]) -> None:
    tree = build_tree(commitments)
    found = js_core().ask("tree", [to_hex(one) for one in commitments], list(range(len(commitments))))
    assert (found["root"], found["manifestDigest"]) == (to_hex(tree.root), to_hex(manifest_digest(commitments)))
    assert found["proofs"] == [[to_hex(node) for node in tree.proof(one)] for one in commitments]


def test_batches_that_are_refused() -> None:
    one = "0x" + "11" * 32
    assert js_core().ask("tree", [], []) == js_core().ask("tree", [one, one], []) == "InvalidInput"


@given(strategies.words, strategies.addresses, strategies.words, strategies.words)
def test_the_call_of_facts(root: str, subject: str, lock: str, salt: str) -> None:
    asked = {"root": root, "subject": subject}
    ask = js_core().ask
    assert ask("factsCall", asked) == to_hex(abi.encode_facts(FactQuery(root, subject)))
    assert ask("factsCall", asked | {"lock": lock, "salt": salt}) == to_hex(
        abi.encode_facts(FactQuery(root, subject, lock, salt))
    )
    assert ask("factsCall", asked | {"handle": lock}) == to_hex(abi.encode_facts(HandleQuery(root, lock, subject)))


@given(st.lists(st.integers(0, 2**53), min_size=3, max_size=3))
def test_the_answer_of_facts(times: list[int]) -> None:
    raw = b"".join(time.to_bytes(32, "big") for time in times)
    assert list(js_core().ask("factsAnswer", to_hex(raw)).values()) == list(abi.decode_facts(raw)) == times


def test_answers_that_no_registry_gives() -> None:
    retired = bytes(64) + (2**64 - 1).to_bytes(32, "big")
    assert js_core().ask("factsAnswer", to_hex(retired))["cutoff"] > 2**53
    for raw in (b"", retired[:-1], bytes(64) + (2**64).to_bytes(32, "big"), bytes(128)):
        with pytest.raises(LedgerUnavailable):
            abi.decode_facts(raw)
        assert js_core().ask("factsAnswer", to_hex(raw)) == "LedgerUnavailable"


@given(strategies.addresses, strategies.words, st.binary(min_size=1, max_size=200))
def test_the_probe_of_a_contracts_signature(signer: str, digest: str, signature: bytes) -> None:
    query = SignatureQuery(signer, bytes.fromhex(digest[2:]), signature)
    asked = {"signer": signer, "digest": digest, "signature": to_hex(signature)}
    assert js_core().ask("probe", asked) == to_hex(abi.signature_probe(query))


def test_answers_of_the_probe() -> None:
    largest = {"signer": CONTROLLER, "digest": "0x" + "12" * 32, "signature": "0x" + "34" * MAX_SIGNATURE}
    query = SignatureQuery(CONTROLLER, b"\x12" * 32, b"\x34" * MAX_SIGNATURE)
    assert js_core().ask("probe", largest) == to_hex(abi.signature_probe(query))
    answers = [js_core().ask("probeAnswer", to_hex(n.to_bytes(32, "big"))) for n in range(3)]
    assert answers == [False, True, "LedgerUnavailable"]
    assert js_core().ask("probeAnswer", "0x01") == "LedgerUnavailable"
