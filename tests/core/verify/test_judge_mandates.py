"""Mandates: what one does not cover fails, whoever signs; its window and end count at the time of the act's anchor."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from registry.core.errors import BadMandate, LedgerUnavailable, Malformed, NotConsented
from registry.core.evidence.file import Evidence, parse_evidence, signed_mandate, write_evidence
from registry.core.facts import AnchorFacts, Facts
from registry.core.scalars import ZERO_ADDRESS
from registry.core.statements.messages import Grant, Refusal
from registry.core.verify.judge import VerifiedGrant, VerifiedStatement, judge
from tests.support.builders import (
    CONTROLLER,
    DELEGATE,
    NOW,
    SUBJECT,
    World,
    account,
    fiduciary_notice,
    grant_message,
    mandate_message,
    mandate_of,
    notice_bytes,
    policy,
    refusal_message,
    under_mandate,
)

OTHER = account("another brand").address
RETIRED = 2**64 - 1
OPEN = {"purposes": None, "data": None}
ANCHORED = NOW - 500


def facts_for(evidence: Evidence, mandate: AnchorFacts, act: AnchorFacts, signer_cutoff: int = 0) -> Facts:
    """The chain's answers, in the order of the queries: the act, its mandate, the delegate."""
    whole = World().facts(evidence)
    answers = [act, mandate, AnchorFacts(0, 0, signer_cutoff)]
    return whole._replace(anchors=dict(zip(whole.anchors, answers, strict=True)))


def name_of(evidence: Evidence, facts: Facts, **asked: Any) -> str:
    try:
        return type(judge(evidence, facts, policy(**OPEN, **asked), NOW)).__name__
    except NotConsented as no:
        assert no.advice
        return type(no).__name__


def judged(evidence: Evidence, **asked: Any) -> VerifiedStatement:
    act, mandate = AnchorFacts(ANCHORED, 0, 0), AnchorFacts(NOW - 8000, 0, 0)
    return judge(evidence, facts_for(evidence, mandate, act), policy(**OPEN, **asked), NOW)


def test_an_act_tells_who_signed_it_and_for_whom() -> None:
    verified = judged(under_mandate())
    assert type(verified) is VerifiedGrant
    assert (verified.author, verified.signer) == (SUBJECT, DELEGATE)
    refused = judged(under_mandate(refusal_message(purposes=("dpv:Personalisation",))))
    assert type(refused) is VerifiedStatement
    assert (refused.author, refused.signer) == (SUBJECT, DELEGATE)


def test_the_file_has_one_encoding_and_is_read_back() -> None:
    raw = write_evidence(under_mandate())
    assert write_evidence(parse_evidence(raw)) == raw
    assert parse_evidence(raw) == under_mandate()


def test_a_mandate_alone_is_a_statement_of_the_person_to_the_delegate() -> None:
    mandate = mandate_of()
    verified = judge(mandate, World().facts(mandate), policy(controllers={DELEGATE}), NOW)
    assert (type(verified), verified.author, verified.signer) == (VerifiedStatement, SUBJECT, SUBJECT)
    assert mandate.handle is not None


class Scene(NamedTuple):
    """A mandate, and an act that claims to be done under it. Times are relative to the act's anchor."""

    powers: frozenset[str]
    purposes: frozenset[str]
    data: frozenset[str]
    controllers: frozenset[str]
    kind: str
    signer: str
    giver: str
    begins: int
    lasts: int
    anchored: int
    ended: int | None

    @property
    def is_covered(self) -> bool:
        """The rule again, slowly: each of its words by itself."""
        data = {"pd:EmailAddress"} if self.kind == "Grant" else set()
        return all(
            (
                self.signer == "steward",
                self.giver == "alice",
                self.kind in self.powers,
                "dpv:Personalisation" in self.purposes,
                data <= self.data,
                CONTROLLER in self.controllers or ZERO_ADDRESS in self.controllers,
                self.begins <= 0 < self.begins + self.lasts,
                self.anchored <= 0,
                self.ended is None or self.ended > 0,
            )
        )


_some = lambda *values: st.frozensets(st.sampled_from(values), min_size=1)  # noqa: E731
_TERMS = {"pd:EmailAddress", "pd:Purchase"}
scenes = st.builds(
    Scene,
    powers=_some("Bids", "Deal", "Grant", "Intent", "Offer", "Refusal"),
    purposes=st.just(frozenset({"dpv:Personalisation"})) | _some("dpv:Marketing", "dpv:Personalisation"),
    data=_some("pd:EmailAddress", "pd:Purchase"),
    controllers=st.just(frozenset({ZERO_ADDRESS})) | _some(CONTROLLER, OTHER),
    kind=st.sampled_from(["Grant", "Refusal"]),
    signer=st.sampled_from(["steward", "steward", "steward", "mallory", "alice", "aurelle"]),
    giver=st.sampled_from(["alice", "alice", "alice", "steward", "mallory"]),
    begins=st.integers(-300, 1) | st.just(0),
    lasts=st.integers(1, 300),
    anchored=st.integers(-400, 1),
    ended=st.none() | st.integers(-2, 2),
)
_GOOD = Scene(*map(frozenset, (["Grant"], ["dpv:Personalisation"], _TERMS, [CONTROLLER])), "Grant", "steward", "alice",
              -100, 200, -50, None)  # fmt: skip


def mandated(scene: Scene) -> tuple[Evidence, Facts]:
    notice = fiduciary_notice(
        scopes=[
            {
                "purposes": ["dpv:Marketing", "dpv:Personalisation"],
                "data": sorted(_TERMS),
                "processing": ["dpv:Use"],
            }
        ]
    )
    labelled = {"Grant", "Refusal"}
    powers = scene.powers & labelled or frozenset({"Refusal" if scene.kind == "Grant" else "Grant"})
    begins = ANCHORED + scene.begins
    message = mandate_message(
        notice,
        powers=tuple(sorted(powers)),
        purposes=tuple(sorted(scene.purposes)),
        data=tuple(sorted(scene.data)),
        controllers=tuple(sorted(scene.controllers, key=str.lower)),
        issued_at=ANCHORED - 400,
        not_before=begins,
        expires_at=begins + scene.lasts,
    )
    mandate = mandate_of(message, signer=scene.giver, notice=notice)
    act: Grant | Refusal = grant_message(data=("pd:EmailAddress",))
    if scene.kind == "Refusal":
        act = refusal_message(purposes=("dpv:Personalisation",))
    evidence = under_mandate(act, mandate=mandate, signer=scene.signer)
    ended = 0 if scene.ended is None else ANCHORED + scene.ended
    answer = AnchorFacts(ANCHORED + scene.anchored, ended, 0)
    return evidence, facts_for(evidence, answer, AnchorFacts(ANCHORED, 0, 0))


@settings(max_examples=250, deadline=None)
@given(scenes)
@example(_GOOD)
@example(_GOOD._replace(begins=0))
@example(_GOOD._replace(begins=1))
@example(_GOOD._replace(begins=-100, lasts=100))
@example(_GOOD._replace(begins=-100, lasts=101))
@example(_GOOD._replace(anchored=0))
@example(_GOOD._replace(anchored=1))
@example(_GOOD._replace(ended=0))
@example(_GOOD._replace(ended=1))
def test_what_a_mandate_does_not_cover_fails_whoever_signs(scene: Scene) -> None:
    evidence, facts = mandated(scene)
    found = name_of(evidence, facts)
    if scene.is_covered:
        assert found == ("VerifiedGrant" if scene.kind == "Grant" else "VerifiedStatement")
    else:
        assert found == ("BadSignature" if scene.signer != "steward" else "BadMandate")


@pytest.mark.parametrize(
    ("mandate", "act", "why"),
    [
        ({"expires_at": ANCHORED}, {}, "Expired"),
        ({"controllers": (OTHER,)}, {}, "is not for"),
        ({"powers": ("Refusal",)}, {}, "no power to sign a Grant"),
        ({"data": ("pd:EmailAddress",)}, {}, "the datum pd:Purchase"),
        ({"statement": "I let it."}, {}, "NoticeMismatch"),
    ],
)
def test_a_refusal_says_what_is_not_covered(mandate: dict[str, Any], act: dict[str, Any], why: str) -> None:
    evidence = under_mandate(grant_message(**act), mandate=mandate_of(mandate_message(**mandate)))
    with pytest.raises(BadMandate, match=why):
        judged(evidence)


def test_a_mandate_of_another_person() -> None:
    mandate = mandate_of(mandate_message(subject=account("bob").address), signer="bob")
    with pytest.raises(BadMandate, match="was given by"):
        judged(under_mandate(mandate=mandate))


def test_no_mandate_under_a_mandate() -> None:
    passed_on = mandate_of()
    with pytest.raises(Malformed, match="has no mandate"):
        msgspec.structs.replace(passed_on, mandate=signed_mandate(mandate_of()))
    with pytest.raises(Malformed, match="none of"):
        mandate_message(powers=("Grant", "Mandate"))


KILLED = {NOW - 9001: "VerifiedGrant", NOW - 9000: "BadMandate", ANCHORED: "BadMandate"}
KILLED |= {ANCHORED + 1: "Revoked", RETIRED: "Revoked"}


@pytest.mark.parametrize(("cutoff", "found"), KILLED.items())
def test_the_kill_switch_ends_mandates_and_what_was_done_under_them(cutoff: int, found: str) -> None:
    evidence = under_mandate()
    facts = facts_for(evidence, AnchorFacts(NOW - 8000, 0, cutoff), AnchorFacts(ANCHORED, 0, cutoff))
    assert name_of(evidence, facts) == found


@pytest.mark.parametrize(
    ("cutoff", "found"), [(NOW - 1001, "VerifiedGrant"), (NOW - 1000, "Revoked"), (RETIRED, "Revoked")]
)
def test_the_cutoff_of_the_signer_counts_like_the_subjects(cutoff: int, found: str) -> None:
    evidence = under_mandate()
    facts = facts_for(evidence, AnchorFacts(NOW - 8000, 0, 0), AnchorFacts(ANCHORED, 0, 0), cutoff)
    assert name_of(evidence, facts) == found


def test_the_end_of_a_mandate_leaves_what_was_done_before_it() -> None:
    evidence = under_mandate()
    later = facts_for(evidence, AnchorFacts(NOW - 8000, ANCHORED + 1, 0), AnchorFacts(ANCHORED, 0, 0))
    assert name_of(evidence, later) == "VerifiedGrant"


@pytest.mark.parametrize("place", [0, 1, 2])
def test_every_answer_of_the_chain_is_needed(place: int) -> None:
    evidence = under_mandate()
    facts = facts_for(evidence, AnchorFacts(NOW - 8000, 0, 0), AnchorFacts(ANCHORED, 0, 0))
    gone = list(facts.anchors)[place]
    rest = {query: answer for query, answer in facts.anchors.items() if query != gone}
    with pytest.raises(LedgerUnavailable):
        judge(evidence, facts._replace(anchors=rest), policy(), NOW)


def test_two_fiduciaries_who_answer_at_once_both_signed_for_the_person() -> None:
    second = account("second steward").address
    notice = fiduciary_notice(controller=dict(account=second, **_second_brand()))
    other = mandate_of(mandate_message(notice, delegate=second), notice=notice)
    one = judged(under_mandate(grant_message()))
    two = judged(
        under_mandate(grant_message(salt=other.statement.message.salt), mandate=other, signer="second steward")
    )
    assert (one.signer, two.signer) == (DELEGATE, second)
    assert one.author == two.author == SUBJECT and one.digest != two.digest
    # Neither may pass the other's act off as its own.
    assert name_of(under_mandate(mandate=other), World().facts(under_mandate(mandate=other))) == "BadSignature"


def _second_brand() -> dict[str, str]:
    return {"name": "Second", "recipient": "age1test", "domain": "second.example", "contact": "hello@second.example"}


def test_a_brands_notice_gives_no_mandate() -> None:
    raw = notice_bytes()
    brand = mandate_message(raw, statement="I let it.")
    with pytest.raises(BadMandate, match="NoticeMismatch"):
        judged(under_mandate(mandate=mandate_of(brand, notice=raw)))
