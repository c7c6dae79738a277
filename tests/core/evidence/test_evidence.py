"""The evidence file has one encoding, and changing any byte of it changes the verdict."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from registry.core import codec
from registry.core.anchor import Anchor
from registry.core.errors import Malformed, NotConsented
from registry.core.evidence.file import (
    MAX_EVIDENCE,
    STATEMENTS,
    Evidence,
    _decoder,
    acceptance_evidence,
    canonical_evidence,
    commitment_of,
    parse_evidence,
    quoted,
    with_acceptance,
    write_evidence,
)
from registry.core.facts import AnchorFacts, Facts
from registry.core.scalars import MAX_SAFE_INTEGER, MAX_SIGNATURE, to_hex
from registry.core.statements.messages import Grant, Refusal, Request
from registry.core.statements.typed_data import digest
from registry.core.verify.judge import VerifiedStatement, judge
from registry.core.verify.queries import fact_queries
from tests.support import strategies
from tests.support.builders import (
    CHAIN_ID,
    DOMAIN,
    NOW,
    acceptance_message,
    evidence_of,
    grant_message,
    notice_bytes,
    policy,
    refusal_message,
    request_message,
    word,
)

GRANT = evidence_of(grant_message())
COMPLETED = with_acceptance(GRANT, evidence_of(acceptance_message(GRANT), others=1))
RAW = write_evidence(COMPLETED)

_anchors = st.builds(
    Anchor,
    strategies.words,
    st.lists(strategies.words, max_size=15).map(tuple),
    strategies.words,
    st.integers(0, MAX_SAFE_INTEGER),
)
_signatures = st.binary(min_size=1, max_size=100).map(to_hex)


@st.composite
def evidences(draw: st.DrawFn, domain: Any = None) -> Evidence:
    """Evidence of any content, valid or not."""
    message = draw(strategies.anchored_or_asked)
    members: dict[str, Any] = {
        "statement": STATEMENTS[type(message)](domain=domain or draw(strategies.domains), message=message),
        "signature": draw(_signatures),
    }
    if isinstance(message, Grant | Refusal | Request):
        members["quoted_notice"] = quoted(notice_bytes())
    if not isinstance(message, Request):
        members["anchor"] = draw(_anchors)
    return Evidence(**members)


@settings(max_examples=150, deadline=None)
@given(evidences())
def test_what_is_written_is_read(evidence: Evidence) -> None:
    raw = write_evidence(evidence)
    again = parse_evidence(raw)
    assert again == evidence
    assert hash(again) == hash(evidence)
    assert write_evidence(again) == raw
    assert again.digest == digest(evidence.statement.domain, evidence.statement.message)
    assert commitment_of(again) == commitment_of(evidence)


@settings(max_examples=40, deadline=None)
@given(evidences(), st.sampled_from([0, 2, "\t", None]), st.booleans())
def test_a_reformatted_file_is_malformed_and_can_be_put_right(
    evidence: Evidence, indent: Any, ascii_only: bool
) -> None:
    raw = write_evidence(evidence)
    edited = json.dumps(json.loads(raw), indent=indent, ensure_ascii=ascii_only).encode()
    with pytest.raises(Malformed):
        parse_evidence(edited)
    assert canonical_evidence(edited) == raw


class Chain:
    """Facts of a chain that holds only these files' anchors and accepts only the given contracts' signatures."""

    def __init__(self, *known: Evidence) -> None:
        parts = [part for one in known for part in (one, acceptance_evidence(one)) if part is not None]
        self.roots = {part.anchor.root for part in parts if part.anchor is not UNSET}

    def facts(self, evidence: Evidence) -> Facts:
        anchors, signatures = fact_queries(evidence)
        found = {q: AnchorFacts(NOW - 500 if q.root in self.roots else 0, 0, 0) for q in anchors}
        return Facts(CHAIN_ID, 42, word(42), NOW - 5, NOW, 0, None, found, dict.fromkeys(signatures, False))


def judged(raw: bytes, chain: Chain) -> VerifiedStatement | None:
    """The verdict on these bytes, or None for a no; any other exception fails the test."""
    try:
        evidence = parse_evidence(raw)
        return judge(evidence, chain.facts(evidence), policy(), NOW)
    except NotConsented as no:
        assert no.advice
        return None


def check_change(changed: bytes) -> None:
    """A changed file proves the same as the original, or nothing.

    A yes may come back only where the change lies in a hint (``transaction``, ``block``), or in the acceptance,
    which the policy does not ask for: and then the acceptance is no longer reported as verified.
    """
    verified = judged(changed, Chain(COMPLETED))
    if changed == RAW or verified is None:
        return
    found = verified.evidence
    assert (found.statement, found.signature, found.notice) == (GRANT.statement, GRANT.signature, GRANT.notice)
    assert proof_of(found.anchor) == proof_of(GRANT.anchor)
    assert verified.digest == to_hex(GRANT.digest)
    if verified.acceptance == "verified":
        assert signed_parts(found.acceptance) == signed_parts(COMPLETED.acceptance)
    else:
        assert found.acceptance != COMPLETED.acceptance


def proof_of(anchor: Any) -> tuple[Any, ...]:
    return anchor.root, anchor.proof


def signed_parts(acceptance: Any) -> tuple[Any, ...]:
    return acceptance.statement, acceptance.signature, proof_of(acceptance.anchor)


@settings(max_examples=500, deadline=None)
@given(st.integers(0, len(RAW) - 1), st.sampled_from(["set", "insert", "delete"]), st.binary(min_size=1, max_size=1))
def test_a_changed_byte(place: int, how: str, byte: bytes) -> None:
    new = {"set": byte, "insert": byte + RAW[place : place + 1], "delete": b""}[how]
    check_change(RAW[:place] + new + RAW[place + 1 :])


@pytest.mark.parametrize("written", ["Grant", "Request", "Refusal", "Acceptance", "Revoke", ""])
@pytest.mark.parametrize("one", [GRANT, COMPLETED, *map(evidence_of, (request_message(), refusal_message()))])
def test_a_file_that_ends_like_a_grants_is_read_like_any_other(one: Evidence, written: str) -> None:
    own = f'"primaryType":"{one.kind}"}},"type"'
    raw = write_evidence(one).replace(own.encode(), f'"primaryType":"{written}"}},"type"'.encode())

    def read(parse: Callable[[bytes], Evidence]) -> Evidence | str:
        try:
            return parse(raw)
        except Malformed as error:
            return str(error)

    found = read(parse_evidence)
    assert found == read(lambda raw: codec.decode(raw, _decoder, MAX_EVIDENCE))
    assert isinstance(found, Evidence) == (written == one.kind)


@pytest.mark.parametrize("message", [grant_message(), request_message(), refusal_message(), acceptance_message(GRANT)])
def test_the_registry_is_spelled_with_its_checksum(message: Any) -> None:
    registry = DOMAIN.verifying_contract
    raw = write_evidence(evidence_of(message)).replace(registry.encode(), registry.lower().encode())
    with pytest.raises(Malformed, match="EIP-55"):
        parse_evidence(raw)


def _neighbours(byte: int) -> Iterator[int]:
    """The byte with its lowest or its case bit flipped: the changes most likely to stay well formed."""
    yield byte ^ 1
    yield byte ^ 32


def test_every_byte_in_its_turn() -> None:
    assert judged(RAW, Chain(COMPLETED)) is not None
    for place, byte in enumerate(RAW):
        for other in _neighbours(byte):
            check_change(RAW[:place] + bytes([other]) + RAW[place + 1 :])


def test_hints_and_only_hints_may_change() -> None:
    """The property is not vacuous: these changes still leave a yes."""
    document = json.loads(RAW)
    document["anchor"]["transaction"] = word(99)
    document["anchor"]["block"] = 7
    verified = judged(
        json.dumps(document, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode(),
        Chain(GRANT, COMPLETED),
    )
    assert verified is not None
    assert verified.acceptance == "verified"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_parts_of_two_files_do_not_mix(data: st.DataObject) -> None:
    other = evidence_of(grant_message(salt=word(70), data=("pd:Purchase",)))
    names = data.draw(st.sets(st.sampled_from(["statement", "signature", "anchor"]), min_size=1, max_size=2))
    mixed = msgspec.structs.replace(GRANT, **{name: getattr(other, name) for name in names})
    assert judged(write_evidence(GRANT), Chain(GRANT, other)) is not None
    assert judged(write_evidence(mixed), Chain(GRANT, other)) is None


@settings(max_examples=50)
@given(st.integers(0, len(RAW) - 1))
def test_a_cut_file_is_malformed(length: int) -> None:
    with pytest.raises(Malformed):
        parse_evidence(RAW[:length])


def test_one_mib_and_no_more() -> None:
    with pytest.raises(Malformed, match="1,048,576"):
        parse_evidence(RAW + b" " * (MAX_EVIDENCE - len(RAW) + 1))


@pytest.mark.parametrize(("size", "good"), [(1, True), (MAX_SIGNATURE, True), (MAX_SIGNATURE + 1, False), (0, False)])
def test_lengths_of_signatures(size: int, good: bool) -> None:
    raw = write_evidence(msgspec.structs.replace(GRANT, signature="0x" + "11" * size))
    if good:
        assert len(parse_evidence(raw).signature_bytes) == size
    else:
        with pytest.raises(Malformed):
            parse_evidence(raw)


@pytest.mark.parametrize(
    "change",
    [
        lambda own: own.replace(b"{", b"\\u007b", 1),
        lambda own: own.replace(b"/", b"\\/", 1),
        lambda own: own.replace("\u00e9".encode(), b"\\u00e9", 1),
        lambda own: b" " + own,
        lambda own: own + b" ",
    ],
)
def test_the_notice_lies_in_its_one_encoding_too(change: Callable[[bytes], bytes]) -> None:
    """The notice stays as in the file, so comparing the file with its re-encoding does not look inside it."""
    own = bytes(quoted(notice_bytes()))
    other = change(own)
    assert json.loads(other) == json.loads(own)
    assert other != own
    with pytest.raises(Malformed, match="canonical"):
        parse_evidence(RAW.replace(own, other))


@pytest.mark.parametrize("other", [b"{}", b"null", b"1", b'"', b"[]", notice_bytes()])
def test_the_notice_is_a_string(other: bytes) -> None:
    with pytest.raises(Malformed):
        parse_evidence(RAW.replace(bytes(quoted(notice_bytes())), other))
    assert parse_evidence(RAW).notice == notice_bytes().decode()


class TestMembers:
    @pytest.mark.parametrize(("member", "name"), [("anchor", "anchor"), ("quoted_notice", "notice")])
    @pytest.mark.parametrize("make", [grant_message, refusal_message])
    def test_grants_and_refusals_need_both(self, make: Any, member: str, name: str) -> None:
        with pytest.raises(Malformed, match=f"needs its {name}"):
            msgspec.structs.replace(evidence_of(make()), **{member: UNSET})

    def test_a_request_has_no_anchor(self) -> None:
        with pytest.raises(Malformed, match="has no anchor"):
            msgspec.structs.replace(evidence_of(request_message()), anchor=GRANT.anchor)

    def test_only_a_grant_has_an_acceptance(self) -> None:
        with pytest.raises(Malformed, match="has no acceptance"):
            msgspec.structs.replace(evidence_of(refusal_message()), acceptance=COMPLETED.acceptance)

    def test_only_an_anchored_acceptance_completes(self) -> None:
        for other in (GRANT, evidence_of(request_message())):
            with pytest.raises(Malformed, match="not an anchored acceptance"):
                with_acceptance(GRANT, other)

    def test_the_acceptance_is_of_the_same_domain(self) -> None:
        other = msgspec.structs.replace(DOMAIN, chain_id=1)
        with pytest.raises(Malformed, match="another domain"):
            with_acceptance(GRANT, evidence_of(acceptance_message(GRANT), domain=other))


def test_what_it_says_of_itself() -> None:
    request, refusal = evidence_of(request_message()), evidence_of(refusal_message())
    acceptance = acceptance_evidence(COMPLETED)
    assert acceptance is not None
    assert [e.kind for e in (GRANT, request, refusal, acceptance)] == ["Grant", "Request", "Refusal", "Acceptance"]
    assert GRANT.author == refusal.author != request.author == acceptance.author
    assert [e.handle is None for e in (GRANT, request, refusal, acceptance)] == [False, True, True, True]
    assert acceptance_evidence(GRANT) is None
    assert acceptance.parsed_notice is None


def test_a_changed_copy_has_its_own_digest() -> None:
    assert GRANT.digest
    other = msgspec.structs.replace(
        GRANT, statement=STATEMENTS[type(GRANT.statement.message)](domain=DOMAIN, message=grant_message(salt=word(5)))
    )
    assert other.digest != GRANT.digest
    signed = msgspec.structs.replace(GRANT, signature="0x01")
    assert signed.signature_bytes == b"\x01"
    with pytest.raises(AttributeError):
        GRANT.signature = "0x01"  # type: ignore[misc]
