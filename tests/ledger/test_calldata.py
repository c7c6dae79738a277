"""Evidence as call data, against eth-abi (item 20)."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi import encode as abi_encode
from hypothesis import given
from hypothesis import strategies as st

from registry.core.anchor import Anchor
from registry.core.errors import InvalidInput
from registry.core.evidence.file import Evidence
from registry.core.scalars import unhex
from registry.core.statements.messages import members
from registry.ledger.calldata import EVIDENCE, check_calldata, evidence_argument
from tests.support.builders import (
    CONTROLLER,
    NOW,
    account,
    evidence_of,
    grant_message,
    refusal_message,
    request_message,
    under_mandate,
)
from tests.support.vectors_on_chain import ChainEvidence, check_data, grant_tuple

pytestmark = pytest.mark.slow

PURPOSE, DATUM = "dpv:Personalisation", "pd:Purchase"
TERMS = ["dpv:A", "dpv:B", "dpv:C", "https://x.example/y"]
terms = st.lists(st.sampled_from(TERMS), min_size=1, max_size=4, unique=True)


def anchor_of(evidence: Evidence) -> Anchor:
    assert isinstance(evidence.anchor, Anchor)
    return evidence.anchor


def carried(evidence: Evidence) -> ChainEvidence:
    anchor = anchor_of(evidence)
    proof = [unhex(node) for node in anchor.proof]
    return ChainEvidence(members(evidence.statement.message), evidence.signature_bytes, unhex(anchor.root), proof)


@given(
    terms,
    terms,
    st.text(max_size=80),
    st.integers(NOW, NOW + 10**8),
    st.binary(min_size=1, max_size=200),
    st.integers(0, 9),
)
def test_it_is_what_eth_abi_makes(
    purposes: list[str], data: list[str], statement: str, time: int, signature: bytes, others: int
) -> None:
    message = grant_message(
        purposes=tuple(sorted(purposes)), data=tuple(sorted(data)), statement=statement, expires_at=time
    )
    evidence = evidence_of(message, signature=signature, others=others)
    expected = carried(evidence)
    asked = (CONTROLLER, purposes[0], data[0])
    assert check_calldata(evidence, purpose=asked[1], data=asked[2]) == check_data(expected, asked)
    proof = list(expected.proof)
    whole = abi_encode([EVIDENCE], [(grant_tuple(expected.message), signature, expected.root, proof)])
    assert evidence_argument(evidence) == whole


def test_another_controller_may_be_asked_for() -> None:
    evidence, other = evidence_of(grant_message()), account("mallory").address
    made = check_calldata(evidence, purpose=PURPOSE, data=DATUM, controller=other)
    assert made == check_data(carried(evidence), (other, PURPOSE, DATUM))


@pytest.mark.parametrize(
    ("message", "asked", "said"),
    [
        (refusal_message(), {}, "contracts judge grants only"),
        (request_message(), {}, "contracts judge grants only"),
        (grant_message(), {"purpose": "marketing"}, "'marketing' is not a term"),
        (grant_message(), {"data": ""}, "'' is not a term"),
    ],
)
def test_what_a_contract_could_only_refuse(message: Any, asked: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_calldata(evidence_of(message), **{"purpose": PURPOSE, "data": DATUM, **asked})
    assert said in str(caught.value) and caught.value.advice


def test_a_delegates_grant_is_refused_before_a_contract_does() -> None:
    """The contract cannot see a mandate, so its answer would be about another signer (item 20)."""
    signed = under_mandate()
    for encode in (evidence_argument, lambda each: check_calldata(each, purpose=PURPOSE, data=DATUM)):
        with pytest.raises(InvalidInput, match="a delegate signed this grant"):
            encode(signed)
