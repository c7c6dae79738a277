"""ConsentVerifier, steps 4 to 7: each status at its exact border, and that the first step that fails names it."""

from __future__ import annotations

from typing import Any

import pytest
from eth_utils import keccak

from tests.support import consent_oracle as oracle
from tests.support.consent_chain import Chain, Person
from tests.support.consent_oracle import Signed, Status

pytestmark = pytest.mark.slow

YEAR = 365 * 86_400
ROOT_2 = keccak(text="a neighbour")


def test_not_anchored(chain: Chain, ada: Person, brand: str) -> None:
    signed = ada.batch(brand)
    assert chain.status(signed) is Status.NotAnchored
    chain.send(chain.registry.functions.anchor(signed.root, oracle.ZERO))
    assert chain.status(signed) is Status.Valid
    assert chain.status(oracle.deepened(signed)) is Status.NotAnchored


@pytest.mark.parametrize(("ahead", "expected"), [(900, Status.Valid), (901, Status.PostDated)])
def test_post_dated(chain: Chain, ada: Person, brand: str, ahead: int, expected: Status) -> None:
    time = chain.now + 100
    signed = ada.batch(brand, issued_at=time + ahead, notBefore=0)
    chain.tester.time_travel(time)
    chain.send(chain.registry.functions.anchor(signed.root, oracle.ZERO))
    assert chain.now == time
    assert chain.status(signed) is expected


def test_the_largest_date_does_not_overflow(chain: Chain, ada: Person, brand: str) -> None:
    assert chain.status(ada.anchored(brand, issuedAt=2**64 - 1)) is Status.PostDated


def test_an_old_date_is_no_matter_of_the_chain(chain: Chain, ada: Person, brand: str) -> None:
    assert chain.status(ada.anchored(brand, issuedAt=chain.now - YEAR)) is Status.Valid


def _revoke(person: Person, signed: Signed) -> Any:
    tag = oracle.tag(person.address, signed.grant["salt"])
    return person.chain.registry.functions.revoke(person.secret, tag)


def test_revoked_by_its_handle(chain: Chain, ada: Person, brand: str) -> None:
    signed = ada.anchored(brand, others=2)
    chain.send(_revoke(ada, signed))
    assert chain.status(signed) is Status.Revoked
    assert chain.status(ada.anchored(brand, salt=keccak(text="another grant"))) is Status.Valid


def test_revoked_openly_by_its_subject(chain: Chain, ada: Person, brand: str) -> None:
    signed = ada.anchored(brand, revocation=keccak(text="a lock without any key"))
    arguments = signed.grant["revocation"], oracle.salt_hash(signed.grant["salt"])
    chain.send(chain.registry.functions.revokeOpenly(*arguments), brand)
    assert chain.status(signed) is Status.Valid
    ada.send_as_self(chain.registry.functions.revokeOpenly(*arguments))
    assert chain.status(signed) is Status.Revoked


def test_revoked_before_it_was_anchored(chain: Chain, ada: Person, brand: str) -> None:
    signed = ada.batch(brand)
    chain.send(_revoke(ada, signed))
    chain.send(chain.registry.functions.anchor(signed.root, oracle.ZERO))
    assert chain.status(signed) is Status.Revoked


def test_revoked_in_the_anchor_s_own_block(chain: Chain, ada: Person, brand: str) -> None:
    signed = ada.batch(brand)
    anchor = chain.registry.functions.anchor(signed.root, oracle.ZERO)
    chain.send_in_one_block((_revoke(ada, signed), chain.relayer), (anchor, chain.accounts[2]))
    assert chain.status(signed) is Status.Revoked


def _kill(person: Person, until: int) -> None:
    signature = person.sign("RevokeAll", issuedUntil=until)
    person.chain.send(person.chain.registry.functions.revokeAllFor(person.address, until, signature))


@pytest.mark.parametrize(("offset", "expected"), [(-1, Status.Valid), (0, Status.Revoked), (1, Status.Revoked)])
def test_the_cutoff_s_border_is_the_date_of_issue(
    chain: Chain, ada: Person, brand: str, offset: int, expected: Status
) -> None:
    issued_at = chain.now - 1000
    signed = ada.anchored(brand, issued_at=issued_at)
    _kill(ada, issued_at + offset)
    assert chain.status(signed) is expected


@pytest.mark.parametrize(("offset", "expected"), [(-1, Status.Valid), (0, Status.Revoked)])
def test_dating_ahead_does_not_survive_a_kill_switch(
    chain: Chain, ada: Person, brand: str, offset: int, expected: Status
) -> None:
    signed = ada.anchored(brand, issued_at=chain.now + 850, notBefore=0)
    anchored_at = chain.now
    chain.travel_to(anchored_at + 10)
    _kill(ada, anchored_at + offset)
    assert chain.status(signed) is expected


def test_a_grant_dies_in_the_kill_switch_s_own_block(chain: Chain, brand: str) -> None:
    ada = Person(chain, "Ada")
    time = chain.now + 50
    signed = ada.batch(brand, issued_at=time)
    signature = ada.sign("RevokeAll", issuedUntil=time)
    chain.tester.time_travel(time)
    anchor = chain.registry.functions.anchor(signed.root, oracle.ZERO)
    kill = chain.registry.functions.revokeAllFor(ada.address, time, signature)
    chain.send_in_one_block((kill, chain.relayer), (anchor, chain.accounts[2]))
    assert chain.facts(signed.root, subject=ada.address) == (time, 0, time)
    assert chain.status(signed) is Status.Revoked


def test_a_kill_switch_leaves_later_grants_and_other_people(chain: Chain, ada: Person, brand: str) -> None:
    others = Person(chain, "Bo").anchored(brand)
    ada.send_as_self(chain.registry.functions.revokeAll())
    chain.travel_to(chain.now + 1)
    assert chain.status(ada.anchored(brand)) is Status.Valid
    assert chain.status(others) is Status.Valid


def test_a_retired_address_is_never_believed_again(chain: Chain, ada: Person, brand: str) -> None:
    ada.send_as_self(chain.registry.functions.retire())
    chain.travel_to(chain.now + YEAR)
    assert chain.status(ada.anchored(brand)) is Status.Revoked


def test_without_a_date_it_is_as_old_as_can_be(chain: Chain, ada: Person, brand: str) -> None:
    """min(issuedAt, anchoredAt) <= cutoff holds for zero and zero: undated is refused, not exempt."""
    assert chain.status(ada.anchored(brand, issuedAt=0)) is Status.Revoked


@pytest.mark.parametrize(("ahead", "expected"), [(0, Status.Valid), (1, Status.NotYetValid)])
def test_not_yet_valid(chain: Chain, ada: Person, brand: str, ahead: int, expected: Status) -> None:
    time = chain.now + 100
    signed = ada.anchored(brand, notBefore=time + ahead)
    chain.travel_to(time)
    assert chain.status(signed) is expected


@pytest.mark.parametrize(("ahead", "expected"), [(1, Status.Valid), (0, Status.Expired), (-1, Status.Expired)])
def test_expired(chain: Chain, ada: Person, brand: str, ahead: int, expected: Status) -> None:
    time = chain.now + 100
    signed = ada.anchored(brand, expiresAt=time + ahead)
    chain.travel_to(time)
    assert chain.status(signed) is expected


def test_zero_is_no_open_end(chain: Chain, ada: Person, brand: str) -> None:
    assert chain.status(ada.anchored(brand, expiresAt=0)) is Status.Expired


def test_wrong_controller(chain: Chain, ada: Person, brand: str) -> None:
    signed = ada.anchored(brand)
    assert chain.status(signed, controller=chain.accounts[2]) is Status.WrongController
    assert chain.status(signed, controller="0x" + "00" * 20) is Status.WrongController


@pytest.mark.parametrize("asked", ["dpv:Research", "pd:Purchase", "dpv:personalisation", "dpv:Personalisation ", ""])
def test_purpose_not_granted(chain: Chain, ada: Person, brand: str, asked: str) -> None:
    assert chain.status(ada.anchored(brand), purpose=keccak(text=asked)) is Status.PurposeNotGranted


@pytest.mark.parametrize("asked", ["pd:Location", "dpv:Personalisation", ""])
def test_data_not_granted(chain: Chain, ada: Person, brand: str, asked: str) -> None:
    assert chain.status(ada.anchored(brand), data=keccak(text=asked)) is Status.DataNotGranted


def test_empty_lists_allow_nothing(chain: Chain, ada: Person, brand: str) -> None:
    assert chain.status(ada.anchored(brand, purposes=[])) is Status.PurposeNotGranted
    assert chain.status(ada.anchored(brand, data=[])) is Status.DataNotGranted


def test_the_first_step_that_fails_names_the_answer(chain: Chain, ada: Person, brand: str) -> None:
    """Everything is wrong with one grant; put right one after the other, the answers come in the enum's order."""
    now = chain.now
    wrong = {"issued_at": now + 5000, "notBefore": now + 90_000, "expiresAt": now, "purposes": [], "data": []}
    nobody = {"controller": chain.accounts[3]}
    answers = []

    def ask(signed: Signed, **asked: Any) -> None:
        answers.append(chain.status(signed, **asked))

    signed = ada.batch(brand, **wrong)
    chain.send(_revoke(ada, signed))
    forged = {**signed.grant, "salt": ROOT_2}
    ask(signed.altered(grant=forged, signature=b"", root=ROOT_2), **nobody)
    ask(signed.altered(grant=forged, root=ROOT_2), **nobody)
    ask(signed.altered(root=ROOT_2), **nobody)
    ask(signed, **nobody)
    chain.send(chain.registry.functions.anchor(signed.root, oracle.ZERO))
    ask(signed, **nobody)
    wrong["issued_at"] = now
    ask(ada.anchored(brand, **wrong), **nobody)
    ada.secret = keccak(text="a fresh secret")
    ask(ada.anchored(brand, **wrong), **nobody)
    wrong["notBefore"] = now
    ask(ada.anchored(brand, **wrong), **nobody)
    wrong["expiresAt"] = now + YEAR
    ask(ada.anchored(brand, **wrong), **nobody)
    ask(ada.anchored(brand, **wrong))
    wrong["purposes"] = ["dpv:Personalisation"]
    ask(ada.anchored(brand, **wrong))
    wrong["data"] = ["pd:Purchase"]
    ask(ada.anchored(brand, **wrong))
    assert [answer.name for answer in answers] == [
        "Malformed", "BadSignature", "NotIncluded", "NotAnchored", "PostDated", "Revoked", "NotYetValid", "Expired",
        "WrongController", "PurposeNotGranted", "DataNotGranted", "Valid",
    ]  # fmt: skip
