"""The judge: the first failing step names the error, missing facts decide nothing, and only it makes a yes."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import pickle
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from registry.core import errors
from registry.core.errors import CouldNotCheck, LedgerUnavailable, NotConsented
from registry.core.evidence.file import Evidence, with_acceptance, write_evidence
from registry.core.facts import AnchorFacts, FactQuery, Facts
from registry.core.scalars import to_hex
from registry.core.verify.judge import VerifiedGrant, VerifiedStatement, judge
from registry.core.verify.queries import fact_queries
from tests.support.builders import (
    CHAIN_ID,
    CONTROLLER,
    DOMAIN,
    NOW,
    SUBJECT,
    World,
    acceptance_message,
    account,
    evidence_of,
    grant_message,
    notice_bytes,
    policy,
    refusal_message,
    request_message,
    word,
)

GRANT = evidence_of(grant_message())
OPEN = {"purposes": None, "data": None}


def judged(evidence: Evidence, world: World | None = None, now: int = NOW, **asked: Any) -> VerifiedStatement:
    return judge(evidence, (world or World()).facts(evidence), policy(**asked), now)


def test_a_grant_that_holds() -> None:
    verified = judged(GRANT)
    assert type(verified) is VerifiedGrant
    assert (verified.author, verified.digest) == (SUBJECT, to_hex(GRANT.digest))
    assert (verified.anchored_at, verified.now, verified.block) == (NOW - 500, NOW, 42)
    assert (verified.policy, verified.acceptance) == (policy(), "none")
    assert verified == judged(GRANT) == judge(write_evidence(GRANT), World().facts(GRANT), policy(), NOW)


def test_what_was_not_asked_is_said() -> None:
    assert dict(judged(GRANT, max_backdate=600).policy.asked) == {
        "controller": CONTROLLER,
        "purposes": "dpv:Personalisation",
        "data": "pd:Purchase",
        "terms": "not asked",
        "acceptance": "not asked",
        "confirmations": "not asked",
        "max_backdate": "600",
    }


@pytest.mark.parametrize("make", [request_message, refusal_message])
def test_other_kinds_give_no_grant(make: Callable[[], Any]) -> None:
    verified = judged(evidence_of(make()), **OPEN)
    assert type(verified) is VerifiedStatement
    assert not isinstance(verified, VerifiedGrant)


# Which step speaks first ---------------------------------------------------------------------------------


@dataclass
class Scene:
    """A valid grant, with everything that a fault may change before it is signed, anchored and judged."""

    message: dict[str, Any] = field(default_factory=dict)
    signer: str = "alice"
    notice: bytes = field(default_factory=notice_bytes)
    moved: bool = False
    world: World = field(default_factory=World)
    asked: dict[str, Any] = field(default_factory=dict)
    now: int = NOW

    def judged(self) -> VerifiedStatement:
        message = grant_message(**self.message)
        evidence = evidence_of(message, signer=account(self.signer), notice=self.notice)
        if self.moved:
            assert evidence.anchor is not msgspec.UNSET
            anchor = msgspec.structs.replace(evidence.anchor, root=word(77))
            evidence = msgspec.structs.replace(evidence, anchor=anchor)
        return judged(evidence, self.world, self.now, **self.asked)


def _set(part: str, **values: Any) -> Callable[[Scene], None]:
    def change(scene: Scene) -> None:
        target = getattr(scene, part)
        for name, value in values.items():
            target.__setitem__(name, value) if isinstance(target, dict) else setattr(target, name, value)

    return change


def _attribute(name: str, value: Any) -> Callable[[Scene], None]:
    return lambda scene: setattr(scene, name, value)


# In the order of the steps; each alone gives the error of its name.
FAULTS: dict[str, Callable[[Scene], None]] = {
    "WrongDomain": _set("asked", registry=SUBJECT),
    "BadSignature": _attribute("signer", "mallory"),
    "NotIncluded": _attribute("moved", True),
    "NotAnchored": _set("world", anchored_at=0),
    "PostDated": _set("world", anchored_at=NOW - 1901),
    "BackDated": _set("asked", max_backdate=499),
    "Revoked": _set("world", revoked_at=NOW - 7),
    "NotYetValid": _set("message", not_before=NOW + 1),
    "Expired": _attribute("now", NOW + 30 * 86_400),
    "NoticeMismatch": _attribute("notice", notice_bytes(maxDays=364)),
    "WrongController": _set("asked", controllers=frozenset({SUBJECT})),
    "PurposeNotGranted": _set("asked", purposes=frozenset({"dpv:Marketing"})),
    "DataNotGranted": _set("asked", data=frozenset({"pd:Purchase", "pd:Age"})),
    "TermsNotGranted": _set("asked", terms="ieee-7012:PD-BASE"),
    "NotAccepted": _set("asked", accepted=True),
}
ORDER = list(FAULTS)


def name_of_error(scene: Scene) -> str:
    try:
        return type(scene.judged()).__name__
    except NotConsented as no:
        assert no.advice
        return type(no).__name__


def with_faults(*names: str) -> str:
    scene = Scene()
    for name in reversed(names):
        FAULTS[name](scene)
    return name_of_error(scene)


def test_the_faults_are_in_the_order_of_design() -> None:
    declared = [
        name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, NotConsented)
    ]
    assert declared[1:] == ["Malformed", *ORDER[:2], "BadMandate", *ORDER[2:]]


def test_no_fault() -> None:
    assert with_faults() == "VerifiedGrant"


@pytest.mark.parametrize("name", ORDER)
def test_one_fault(name: str) -> None:
    assert with_faults(name) == name


# At no time has a grant both not begun and ended; the time that is later undoes the other fault.
@pytest.mark.parametrize(
    ("first", "second"),
    [pair for pair in itertools.combinations(ORDER, 2) if pair != ("NotYetValid", "Expired")],
)
def test_of_two_faults_the_first_step_speaks(first: str, second: str) -> None:
    assert with_faults(first, second) == first


@settings(max_examples=100, deadline=None)
@given(st.sets(st.sampled_from(ORDER), min_size=3))
def test_of_many_faults_the_first_step_speaks(names: set[str]) -> None:
    chosen = [name for name in ORDER if name in names and not (name == "NotYetValid" and "Expired" in names)]
    assert with_faults(*chosen) == chosen[0]


# Undecided by the facts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("world", "now", "asked"),
    [
        (World(chain_id=CHAIN_ID + 1), NOW, {}),
        (World(depth=2), NOW, {"confirmations": 3}),
        (World(block_time=NOW - 61), NOW, {"max_facts_age": 60}),
        (World(as_of=NOW - 50), NOW, {}),
        (World(as_of=NOW - 50), NOW - 51, {}),
        (World(), NOW - 6, {}),
    ],
    ids=["other chain", "too shallow", "stale", "of the past", "of another past", "of the present"],
)
def test_facts_that_do_not_serve(world: World, now: int, asked: dict[str, Any]) -> None:
    for evidence in (GRANT, evidence_of(request_message()), evidence_of(grant_message(), signer=account("mallory"))):
        with pytest.raises(LedgerUnavailable) as caught:
            judged(evidence, world, now, **asked)
        assert not isinstance(caught.value, NotConsented)
        assert caught.value.advice


@pytest.mark.parametrize(
    ("world", "now", "asked"),
    [
        (World(depth=3), NOW, {"confirmations": 3}),
        (World(block_time=NOW - 60), NOW, {"max_facts_age": 60}),
        (World(block_time=NOW - 10_000_000), NOW, {}),
        (World(block_time=NOW + 700), NOW + 700, {"max_facts_age": 0}),
        (World(as_of=NOW - 50), NOW - 50, {}),
        (World(), NOW - 5, {}),
        (World(), NOW + 86_400, {}),
    ],
    ids=["deep enough", "just fresh", "age not asked", "chain ahead", "that past", "head's time", "the future"],
)
def test_facts_that_do(world: World, now: int, asked: dict[str, Any]) -> None:
    assert judged(GRANT, world, now, **asked).now == now


def accepted_grant() -> Evidence:
    return with_acceptance(GRANT, evidence_of(acceptance_message(GRANT), others=1))


@pytest.mark.parametrize("evidence", [GRANT, accepted_grant(), evidence_of(request_message())])
def test_every_answer_is_needed(evidence: Evidence) -> None:
    whole = World().facts(evidence)
    for question in whole.anchors:
        rest = {other: answer for other, answer in whole.anchors.items() if other != question}
        with pytest.raises(LedgerUnavailable, match="not asked"):
            judge(evidence, whole._replace(anchors=rest), policy(), NOW)


def test_an_answer_to_another_question_is_none() -> None:
    whole = World().facts(GRANT)
    (question,) = whole.anchors
    for other in (
        question._replace(root=word(1)),
        question._replace(lock=word(1)),
        question._replace(salt=word(1)),
        FactQuery(question.root, question.subject),
        question._replace(subject=CONTROLLER),
    ):
        with pytest.raises(LedgerUnavailable):
            judge(GRANT, whole._replace(anchors={other: whole.anchors[question]}), policy(), NOW)


def test_a_contract_that_was_not_asked_is_neither_yes_nor_no() -> None:
    evidence = evidence_of(grant_message(), signer=account("mallory"))
    facts = World().facts(evidence)
    with pytest.raises(LedgerUnavailable, match="contract"):
        judge(evidence, facts._replace(signatures={}), policy(), NOW)
    (question,) = facts.signatures
    elsewhere = {question._replace(signer=CONTROLLER): True, question._replace(digest=bytes(32)): True}
    with pytest.raises(LedgerUnavailable, match="contract"):
        judge(evidence, facts._replace(signatures=elsewhere), policy(), NOW)
    assert judge(evidence, facts._replace(signatures={question: True}), policy(), NOW)


def test_a_plain_signature_asks_no_contract() -> None:
    assert fact_queries(GRANT)[1] == []
    assert len(fact_queries(accepted_grant())[0]) == 2
    assert [q.signer for q in fact_queries(evidence_of(grant_message(), signer=account("mallory")))[1]] == [SUBJECT]


# The boundaries of time ----------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(st.integers(-2000, 2000), st.integers(0, 2000), st.integers(0, 4000), st.integers(0, 2))
@example(skew=-900, cut=0, bound=0, how=0)
@example(skew=-901, cut=0, bound=0, how=0)
@example(skew=10, cut=0, bound=10, how=0)
@example(skew=11, cut=0, bound=10, how=0)
@example(skew=10, cut=1000, bound=10, how=1)
@example(skew=10, cut=999, bound=10, how=1)
@example(skew=-10, cut=990, bound=10, how=1)
@example(skew=-10, cut=989, bound=10, how=1)
def test_the_cutoff_counts_from_the_earlier_of_both_times(skew: int, cut: int, bound: int, how: int) -> None:
    """A grant issued at ``NOW - 1000`` and anchored ``skew`` seconds later, under a cutoff, by a slow oracle."""
    issued, anchored = NOW - 1000, NOW - 1000 + skew
    cutoff = (0, issued + cut - 1000, NOW)[how]
    expected = (
        "PostDated"
        if issued - anchored > 900
        else "BackDated"
        if anchored - issued > bound
        else "Revoked"
        if any(t <= cutoff for t in (issued, anchored))
        else "VerifiedGrant"
    )
    scene = Scene(world=World(anchored_at=anchored, cutoff=cutoff, clock=NOW + 2000), asked={"max_backdate": bound})
    assert name_of_error(scene) == expected


@settings(max_examples=200, deadline=None)
@given(*[st.integers(NOW - 600, NOW - 6) for _ in range(3)])
def test_the_past_is_judged_as_it_was(now: int, anchored: int, revoked: int) -> None:
    world = World(anchored_at=anchored, revoked_at=revoked, as_of=now)
    expected = "NotAnchored" if anchored > now else "Revoked" if revoked <= now else "VerifiedGrant"
    assert name_of_error(Scene(world=world, now=now)) == expected


# Only the judge makes a yes ------------------------------------------------------------------------------


class TestOnlyJudgeMakesOne:
    verified = judged(GRANT)

    def values(self) -> dict[str, Any]:
        return {name.name: getattr(self.verified, name.name) for name in dataclasses.fields(self.verified)}

    @pytest.mark.parametrize("kind", [VerifiedGrant, VerifiedStatement])
    def test_not_the_constructor(self, kind: Any) -> None:
        with pytest.raises(TypeError):
            kind(**self.values())
        for seal in (None, True, object()):
            with pytest.raises(TypeError, match="only judge"):
                kind(**self.values(), _made_by=seal)

    def test_not_replace(self) -> None:
        with pytest.raises((TypeError, ValueError)):
            dataclasses.replace(self.verified, author=CONTROLLER)
        with pytest.raises(TypeError, match="only judge"):
            dataclasses.replace(self.verified, author=CONTROLLER, _made_by=None)

    @pytest.mark.parametrize("made", [copy.copy, copy.deepcopy, pickle.dumps])
    def test_not_a_copy(self, made: Callable[[Any], Any]) -> None:
        with pytest.raises(TypeError, match="verify again"):
            made(self.verified)

    def test_it_does_not_change(self) -> None:
        for name in (*(each.name for each in dataclasses.fields(self.verified)), "digest", "author", "more"):
            with pytest.raises((AttributeError, TypeError)):
                setattr(self.verified, name, CONTROLLER)
        with pytest.raises(TypeError):
            self.verified.policy.asked["terms"] = "asked"  # type: ignore[index]

    def test_it_carries_no_seal_that_could_be_taken(self) -> None:
        assert "_made_by" not in self.values()
        assert not hasattr(self.verified, "_made_by")
        assert "_made_by" not in repr(self.verified)


# No I/O --------------------------------------------------------------------------------------------------

_watching: list[str] = []
_watched = False


def _watch(event: str, _args: Any) -> None:
    if _watched:
        _watching.append(event)


def events_of(act: Callable[[], object]) -> list[str]:
    """The audit events raised meanwhile: files, sockets, processes, imports."""
    global _watched
    _watching.clear()
    _watched = True
    try:
        act()
    finally:
        _watched = False
    outside = ("open", "socket.", "subprocess.", "os.", "sqlite3.", "import", "urllib.", "shutil.", "tempfile.")
    return [event for event in _watching if event.startswith(outside)]


def test_judging_touches_nothing_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    sys.addaudithook(_watch)
    raw = write_evidence(accepted_grant())
    facts = World().facts(accepted_grant())
    first = judge(raw, facts, policy(), NOW)
    for clock in ("time", "time_ns"):
        monkeypatch.setattr(time, clock, lambda: pytest.fail("it looked at the clock"))
    seen: list[VerifiedStatement] = []
    assert events_of(lambda: seen.append(judge(raw, facts, policy(), NOW))) == []
    monkeypatch.undo()
    assert seen == [first]
    assert events_of(lambda: Path(__file__).open().close()) != []


def test_judging_changes_nothing_that_it_is_given() -> None:
    evidence = accepted_grant()
    facts: Facts = World().facts(evidence)
    before = (write_evidence(evidence), dict(facts.anchors), dict(facts.signatures), facts)
    judge(evidence, facts, policy(accepted=True), NOW)
    assert (write_evidence(evidence), dict(facts.anchors), dict(facts.signatures), facts) == before


# The counter-signature -----------------------------------------------------------------------------------


def test_an_acceptance_is_verified_beside_its_grant() -> None:
    assert judged(accepted_grant(), accepted=True).acceptance == "verified"


def test_an_acceptance_alone_needs_its_grant() -> None:
    acceptance = evidence_of(acceptance_message(GRANT))
    facts = World().facts(acceptance)
    asked = policy(**OPEN)
    assert judge(acceptance, facts, asked, NOW, grant=GRANT).author == CONTROLLER
    other = evidence_of(grant_message(salt=word(80)))
    for grant in (None, evidence_of(request_message()), other):
        with pytest.raises(errors.NotAccepted):
            judge(acceptance, facts, asked, NOW, grant=grant)


def test_an_acceptance_of_a_grant_elsewhere_is_none() -> None:
    elsewhere = evidence_of(grant_message(), domain=msgspec.structs.replace(DOMAIN, chain_id=1))
    acceptance = evidence_of(acceptance_message(elsewhere))
    with pytest.raises(errors.NotAccepted, match="another grant"):
        judge(acceptance, World().facts(acceptance), policy(**OPEN), NOW, grant=elsewhere)


def test_an_acceptance_that_fails_is_reported_and_the_grant_still_holds() -> None:
    wrong = with_acceptance(GRANT, evidence_of(acceptance_message(GRANT), signer=account("mallory")))
    verified = judged(wrong)
    assert isinstance(verified, VerifiedGrant)
    assert verified.acceptance.startswith("not verified: BadSignature: ")
    with pytest.raises(errors.NotAccepted, match="BadSignature"):
        judged(wrong, accepted=True)


def test_an_acceptance_that_could_not_be_checked_is_no_no() -> None:
    wrong = with_acceptance(GRANT, evidence_of(acceptance_message(GRANT), signer=account("mallory")))
    facts = World().facts(wrong)._replace(signatures={})
    with pytest.raises(CouldNotCheck):
        judge(wrong, facts, policy(accepted=True), NOW)


def test_facts_hold_one_entry_for_each_anchor() -> None:
    evidence = accepted_grant()
    grant, acceptance = fact_queries(evidence)[0]
    facts = World().facts(evidence)
    late = dict(facts.anchors) | {acceptance: AnchorFacts(0, 0, 0)}
    assert judge(evidence, facts._replace(anchors=late), policy(), NOW).acceptance.startswith(
        "not verified: NotAnchored"
    )
    gone = dict(facts.anchors) | {grant: AnchorFacts(0, 0, 0)}
    with pytest.raises(errors.NotAnchored):
        judge(evidence, facts._replace(anchors=gone), policy(), NOW)
