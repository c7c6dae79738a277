"""Mandates in use: offered, given, used, reported and ended; what a fiduciary may not do fails before it signs."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import msgspec
import pytest
import rfc8785

from registry.client.evidence_store import EvidenceFolder
from registry.client.mandates import act, end_acts, give, offer, read_offer, report, review
from registry.client.party import Fiduciary, Person
from registry.client.revoke import revoke
from registry.client.verify import verify, verify_many
from registry.core.errors import BadMandate, Expired, InvalidInput, Malformed, NotConsented, Revoked
from registry.core.evidence.file import Evidence, parse_evidence, write_evidence
from registry.core.evidence.reports import MandateFile, parse_mandate, parse_report, write_file
from registry.core.statements.details import Limits
from registry.core.statements.messages import Grant
from registry.core.verify.judge import VerifiedGrant, VerifiedStatement
from registry.wallets.keywallet import KeyWallet
from tests.support.builders import fiduciary_document
from tests.support.soak import examples
from tests.support.stage import Stage

DAY = 86_400


def steward(stage: Stage, name: str = "steward") -> Fiduciary:
    """A fiduciary on the stage's network."""
    return Fiduciary(
        vault=stage._vault(stage.folder, stage.network, name), **stage._members(stage.folder, stage.network, name)
    )


def notice_of(stage: Stage, fiduciary: Fiduciary, **changes: Any) -> bytes:
    document = fiduciary_document(**changes)
    document["controller"] |= {"account": fiduciary.address, "recipient": stage.brand.recipient}
    return rfc8785.dumps(document)


def offered(stage: Stage, fiduciary: Fiduciary, **changes: Any) -> Evidence:
    return offer(fiduciary, notice_of(stage, fiduciary, **changes))


def holds(stage: Stage, evidence: Evidence) -> VerifiedStatement:
    read_again = parse_evidence(write_evidence(evidence))
    return verify(stage.network, read_again, stage.network.policy(controllers={stage.brand.address}))


def test_the_offer_says_what_it_costs_and_who_pays_before_anything_is_given(stage: Stage) -> None:
    shown = read_offer(stage.alice, offered(stage, steward(stage)))
    said = shown.service.text["en"]
    assert (said.duties, said.fees, said.paid_by, said.conflicts) == (
        "Your interest first.",
        "None.",
        "You alone.",
        "None.",
    )
    assert shown.service.powers == ("Grant", "Refusal")


def test_a_notice_without_duties_is_no_offer(stage: Stage) -> None:
    fiduciary = steward(stage)
    with pytest.raises(InvalidInput, match="takes no mandates"):
        offered(stage, fiduciary, more={})
    partly = {"mandate": {"powers": ["Grant"], "text": {"en": {"duties": "x", "fees": "x", "conflicts": "x"}}}}
    with pytest.raises(Malformed, match="paidBy"):
        offered(stage, fiduciary, more=partly)
    with pytest.raises(InvalidInput, match="takes no mandates"):
        read_offer(stage.alice, stage.request())


def test_a_whole_story(stage: Stage) -> None:
    fiduciary = steward(stage)
    file = give(stage.alice, offered(stage, fiduciary), limits=Limits(acts=2))
    file = parse_mandate(write_file(file))
    done = act(fiduciary, file, stage.request())
    verified = holds(stage, done.evidence)
    assert type(verified) is VerifiedGrant
    assert (verified.author, verified.signer) == (stage.alice.address, fiduciary.address)
    refused = act(fiduciary, file, stage.request(), refuses=True)
    assert holds(stage, refused.evidence).signer == fiduciary.address

    told = parse_report(write_file(report(fiduciary, file.mandate)))
    assert {each.evidence.digest for each in told.acts} == {done.evidence.digest, refused.evidence.digest}
    seen = review(stage.alice, file, told)
    assert seen.broken == () and all(isinstance(answer, VerifiedStatement) for _, answer in seen.answers)

    stage.chain_clock.now += 10
    assert revoke(stage.alice, file.mandate) is not None
    assert type(holds(stage, done.evidence)) is VerifiedGrant  # what was done before the end stays
    with pytest.raises(Revoked):
        act(fiduciary, file, stage.request())
    assert end_acts(stage.alice, [each.evidence for each in told.acts]) == [done.evidence]
    with pytest.raises(Revoked):
        holds(stage, done.evidence)


def test_past_a_limit_the_act_holds_and_the_duty_is_broken(stage: Stage) -> None:
    fiduciary = steward(stage)
    file = give(stage.alice, offered(stage, fiduciary), limits=Limits(acts=1, days=10))
    asked = stage.request()
    for _ in range(2):
        stage.chain_clock.now += 1
        done = act(fiduciary, file, asked)
    seen = review(stage.alice, file, report(fiduciary, file.mandate))
    assert [breach.duty for breach in seen.broken] == ["days", "acts", "days", "twice"]
    assert type(holds(stage, done.evidence)) is VerifiedGrant


def test_a_mandate_that_is_used_by_another_or_for_another_brand(stage: Stage) -> None:
    fiduciary, other = steward(stage), steward(stage, "other")
    file = give(stage.alice, offered(stage, fiduciary), controllers=[other.address])
    with pytest.raises(InvalidInput, match="the mandate is for"):
        act(other, file, stage.request())
    with pytest.raises(BadMandate, match="is not for"):
        act(fiduciary, file, stage.request())
    assert not list(fiduciary.evidence.all())


def test_an_expired_mandate(stage: Stage) -> None:
    fiduciary = steward(stage)
    file = give(stage.alice, offered(stage, fiduciary), days=1)
    stage.clock.now += DAY
    stage.chain_clock.now += DAY
    with pytest.raises(Expired):
        act(fiduciary, file, stage.request())


def test_two_fiduciaries_who_answer_at_once_are_both_seen(stage: Stage) -> None:
    asked = stage.request()
    both = [steward(stage, name) for name in ("one", "two")]
    files = [give(stage.alice, offered(stage, each)) for each in both]
    done = [act(each, file, asked).evidence for each, file in zip(both, files, strict=True)]
    assert [holds(stage, each).signer for each in done] == [each.address for each in both]
    assert end_acts(stage.alice, done[:1]) == done[:1]
    assert type(holds(stage, done[1])) is VerifiedGrant


def test_details_that_were_exchanged_are_refused(stage: Stage) -> None:
    file = give(stage.alice, offered(stage, steward(stage)), limits=Limits(acts=1), instructions="Nothing on Sundays.")
    assert file.terms.instructions == "Nothing on Sundays."
    other = file.details.replace('"acts":1', '"acts":9')
    with pytest.raises(Malformed, match="details"):
        MandateFile(file.mandate, other)
    assert file.details not in write_evidence(file.mandate).decode()


def test_a_secret_of_another_grant_is_no_report(stage: Stage) -> None:
    fiduciary = steward(stage)
    file = give(stage.alice, offered(stage, fiduciary))
    act(fiduciary, file, stage.request())
    (one,) = report(fiduciary, file.mandate).acts
    with pytest.raises(Malformed, match="does not open"):
        msgspec.structs.replace(one, secret="0x" + "11" * 32)


def test_a_fiduciary_that_serves_a_hundred_people_and_in_the_soak_a_thousand(stage: Stage) -> None:
    """Each person has an account of their own; the whole takes a bounded time, and one reading judges all acts."""
    fiduciary, asked = steward(stage), stage.request()
    the_offer = offered(stage, fiduciary)
    people: list[Person] = [
        replace(
            stage.alice,
            wallet=KeyWallet(number.to_bytes(32, "big")),
            evidence=EvidenceFolder(stage.folder / f"person {number}"),
        )
        for number in range(1, examples(100, 1000) + 1)
    ]
    began, done = time.monotonic(), list[Evidence]()
    for person in people:
        stage.clock.now = stage.ledger.head().time  # each transaction is a block of the fake chain
        done.append(act(fiduciary, give(person, the_offer, days=300), asked).evidence)
    answers = verify_many(stage.network, done)
    assert time.monotonic() - began < 0.25 * len(people)
    assert {answer.author for answer in answers if isinstance(answer, VerifiedGrant)} == {p.address for p in people}
    assert {answer.signer for answer in answers if isinstance(answer, VerifiedGrant)} == {fiduciary.address}
    # No one's mandate serves for another.
    first, second = done[:2]
    swapped = msgspec.structs.replace(first, mandate=second.mandate)
    with pytest.raises(NotConsented):
        holds(stage, swapped)
    assert all(isinstance(each.statement.message, Grant) for each in done)
