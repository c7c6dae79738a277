"""The file of a statement that is signed and not anchored: one encoding, its own promise, and no evidence."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from eth_account import Account

from registry.core import codec
from registry.core.errors import Malformed
from registry.core.evidence.file import Evidence, commitment_of, parse_evidence
from registry.core.evidence.pending import PendingFile, Unanchored, parse_pending, write_pending
from registry.core.promises import Promise, RelayPromise, promise_digest, sign_statement
from registry.core.scalars import ZERO_WORD, to_hex
from tests.support.builders import acceptance_message, evidence_of, grant_message, refusal_message, request_message

GRANT = evidence_of(grant_message())
ALL = [GRANT, evidence_of(refusal_message()), evidence_of(acceptance_message(GRANT))]


def unanchored(evidence: Evidence) -> Unanchored:
    return Unanchored(evidence.statement, evidence.signature, evidence.quoted_notice)


def promised(own: Unanchored, message: Any) -> PendingFile:
    domain = own.statement.domain
    signed = Account.unsafe_sign_hash(promise_digest(domain, message), b"\x01" * 32)
    return PendingFile(own, sign_statement(domain, message, to_hex(bytes(signed.signature))))


@pytest.mark.parametrize("evidence", ALL, ids=lambda e: e.kind)
def test_its_anchor_makes_the_evidence_of_it(evidence: Evidence) -> None:
    own = unanchored(evidence)
    assert evidence.anchor and own.anchored(evidence.anchor) == evidence
    assert (own.kind, own.author, own.digest) == (evidence.kind, evidence.author, to_hex(evidence.digest))
    assert own.commitment == commitment_of(evidence)
    for file in (PendingFile(own), promised(own, Promise((to_hex(own.commitment),), 1, 2))):
        raw = write_pending(file)
        assert parse_pending(raw) == file and "anchor" not in json.loads(raw)["evidence"]
        with pytest.raises(Malformed):
            parse_pending(b" " + raw)


@pytest.mark.parametrize("evidence", ALL, ids=lambda e: e.kind)
def test_it_is_no_evidence(evidence: Evidence) -> None:
    own = unanchored(evidence)
    with pytest.raises(Malformed, match="this is a statement that is not anchored yet") as caught:
        parse_evidence(write_pending(PendingFile(own)))
    assert "proves nothing yet" in caught.value.advice
    with pytest.raises(Malformed, match="needs its anchor"):
        parse_evidence(codec.encode(own))


def test_a_promise_about_something_else_is_refused() -> None:
    own = unanchored(GRANT)
    with pytest.raises(Malformed, match="does not name this statement"):
        promised(own, Promise((ZERO_WORD,), 1, 2))
    with pytest.raises(Malformed, match="not about a commitment"):
        promised(own, RelayPromise((to_hex(own.commitment),), 1, 2))


def test_its_parts_are_those_of_its_kind() -> None:
    asked = evidence_of(request_message())
    with pytest.raises(Malformed, match="a Request is not anchored"):
        unanchored(asked)
    with pytest.raises(Malformed, match="has its notice"):
        Unanchored(GRANT.statement, GRANT.signature)
    with pytest.raises(Malformed, match="has its notice"):
        Unanchored(ALL[2].statement, ALL[2].signature, GRANT.quoted_notice)
    raw = write_pending(PendingFile(unanchored(GRANT)))
    for wrong in (raw.replace(b"consent-notice/1", b"consent-notice/9"), raw[:-1] + b',"more":1}', b"{}"):
        with pytest.raises(Malformed):
            parse_pending(wrong)
    with pytest.raises(Malformed, match="lower-case hex"):
        msgspec.structs.replace(unanchored(GRANT), signature="0xZZ")
