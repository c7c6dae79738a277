"""``/v1/revocations`` over real stores: openings and signed endings, what is promised, what is dropped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from registry.core.crypto.keccak import keccak256
from registry.core.endings import Opening, ending_digest, parse_endings
from registry.core.promises import RelayPromise, parse_signed_promise
from registry.core.scalars import to_hex, unhex
from registry.notary.arrivals import new_ending
from registry.notary.condition import WORKER_NOTE
from registry.notary.records import EndingKind, EndingState, Event, EventKind, Payment, Unpaid
from tests.support.notary_api import DOMAIN, NOW, Desk, notary_api

PATH = "/v1/revocations"
SUBJECT, STRANGER = (Account.from_key(bytes([number]) * 32) for number in (1, 2))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with notary_api(tmp_path / "notary") as made:
        yield made


def opening(number: int) -> dict[str, str]:
    return {"secret": to_hex(keccak256(b"s%d" % number)), "tag": to_hex(keccak256(b"t%d" % number))}


def handle(number: int) -> str:
    one = opening(number)
    return to_hex(keccak256(keccak256(unhex(one["secret"])) + unhex(one["tag"])))


def signed(kind: str, signer: Any = SUBJECT, until: int = NOW) -> dict[str, Any]:
    """Return a signed ending of the subject; another ``signer`` makes a signature that is not theirs."""
    lock, salt = keccak256(b"lock"), keccak256(b"salt")
    tag = keccak256(bytes(12) + unhex(SUBJECT.address) + salt)
    more: dict[str, dict[str, Any]] = {
        "Revoke": {"handle": to_hex(keccak256(lock + tag))},
        "RevokeAll": {"issuedUntil": until},
        "Retire": {},
    }
    ending = {"primaryType": kind, "message": {"subject": SUBJECT.address, **more[kind]}, "signature": "0x00"}
    if kind == "Revoke":
        ending |= {"lock": to_hex(lock), "saltHash": to_hex(salt)}
    return {**ending, "signature": to_hex(bytes(signer.unsafe_sign_hash(digest_of(ending)).signature))}


def digest_of(ending: dict[str, Any]) -> bytes:
    return ending_digest(DOMAIN, parse_endings(json.dumps({"signed": [ending]}).encode()).signed[0])


def promised(answer: Any) -> RelayPromise:
    assert answer.status_code == 202
    found = parse_signed_promise(json.dumps(answer.json()["promise"]).encode())
    assert isinstance(found.message, RelayPromise)
    return found.message


def test_openings_are_kept_and_promised(desk: Desk) -> None:
    answer = desk.client.post(PATH, json={"openings": [opening(1), opening(2)]})
    assert promised(answer) == RelayPromise((handle(1), handle(2)), NOW, NOW + 300)
    kept = desk.api.intake.waiting_endings(9)
    assert {to_hex(one.key) for one in kept} == {handle(1), handle(2)}
    assert {(one.kind, one.has_token) for one in kept} == {(EndingKind.OPENING, False)}
    assert desk.client.get(f"{PATH}/{handle(1)}").json() == {"state": "waiting"}


def test_a_repeat_gets_the_same_bytes_and_a_mixed_request_its_own(desk: Desk) -> None:
    first = desk.client.post(PATH, json={"openings": [opening(1)]})
    desk.clock.now += 5
    desk.say("ok")
    assert desk.client.post(PATH, json={"openings": [opening(1)]}).content == first.content
    mixed = desk.client.post(PATH, json={"openings": [opening(1), opening(2)]})
    assert promised(mixed) == RelayPromise((handle(1), handle(2)), NOW + 5, NOW + 305)
    desk.clock.now += 5
    desk.say("ok")
    assert desk.client.post(PATH, json={"openings": [opening(1), opening(2)]}).content == mixed.content
    twice = desk.client.post(PATH, json={"openings": [opening(1), opening(1)]})
    assert twice.content == first.content


@pytest.mark.parametrize(
    ("kind", "signer", "is_promised"),
    [
        ("Revoke", SUBJECT, True),
        ("Revoke", STRANGER, False),  # only the chain can say whether a contract accepts it
        ("RevokeAll", SUBJECT, False),
        ("Retire", SUBJECT, False),
    ],
)
def test_only_a_revoke_by_plain_ecdsa_is_promised(desk: Desk, kind: str, signer: Any, is_promised: bool) -> None:
    ending = signed(kind, signer)
    answer = desk.client.post(PATH, json={"signed": [ending]})
    key = ending["message"].get("handle", to_hex(digest_of(ending)))
    if is_promised:
        assert promised(answer) == RelayPromise((key,), NOW, NOW + 300)
    else:
        assert (answer.status_code, answer.json()) == (202, {})
    (kept,) = desk.api.intake.waiting_endings(9)
    assert (to_hex(kept.key), kept.kind, kept.times.due > 0) == (key, EndingKind(kind), is_promised)
    assert parse_endings(b'{"signed":[' + kept.body + b"]}").signed[0].signature == ending["signature"]
    assert desk.client.get(f"{PATH}/{key}").json() == {"state": "waiting"}


def test_a_bad_signature_does_not_keep_a_good_one_out(desk: Desk) -> None:
    desk.client.post(PATH, json={"signed": [signed("Revoke", STRANGER)]})
    promised(desk.client.post(PATH, json={"signed": [signed("Revoke", SUBJECT)]}))
    assert len(desk.api.intake.waiting_endings(9)) == 2


def test_what_is_on_the_chain_is_dropped_without_payment(tmp_path: Path) -> None:
    with notary_api(tmp_path / "notary", free_endings=0) as desk:
        desk.api.book.add_events([Event(0, EventKind.REVOKED, unhex(handle(1)), b"", 17, NOW)])
        answer = desk.client.post(PATH, json={"openings": [opening(1)]})
        assert (answer.status_code, answer.json()) == (202, {})
        assert desk.api.intake.waiting_endings(9) == []
        told = desk.client.get(f"{PATH}/{handle(1)}").json()
        assert told == {"state": "ended", "block": 17, "revokedAt": NOW}
        # A reorganisation took it back: now it is new.
        desk.api.book.add_events([Event(0, EventKind.REMOVED, unhex(handle(1)), b"", 17, NOW)])
        assert desk.client.post(PATH, json={"openings": [opening(1)]}).status_code == 401


def test_a_refused_ending_says_why(desk: Desk) -> None:
    ending = signed("Retire", STRANGER)
    desk.client.post(PATH, json={"signed": [ending]})
    (kept,) = desk.api.intake.waiting_endings(9)
    desk.api.intake.set_endings([kept.id], EndingState.REFUSED, why="the signature is not accepted")
    told = desk.client.get(f"{PATH}/{to_hex(kept.key)}").json()
    assert told == {"state": "refused", "why": "the signature is not accepted"}


def test_an_unknown_ending_is_404(desk: Desk) -> None:
    answer = desk.client.get(f"{PATH}/{handle(1)}")
    assert (answer.status_code, answer.json()["title"]) == (404, "UnknownEnding")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"openings": []},
        {"openings": [opening(number) for number in range(101)]},
        {"openings": [opening(1)], "signed": [signed("Retire")]},
        {"openings": [{"secret": opening(1)["secret"]}]},
        {"signed": [{**signed("Revoke"), "lock": opening(1)["tag"]}]},
        {"signed": [{**signed("Retire"), "primaryType": "Grant"}]},
        {"signed": [{**signed("Retire"), "message": {"subject": SUBJECT.address.lower()}}]},
    ],
)
def test_other_bodies_are_malformed(desk: Desk, body: dict[str, Any]) -> None:
    answer = desk.client.post(PATH, json=body)
    assert (answer.status_code, answer.json()["title"]) == (422, "Malformed")
    assert desk.api.intake.waiting_endings(9) == []


def test_no_more_is_promised_for_nothing_than_can_be_relayed_in_time_and_paid_for(desk: Desk) -> None:
    token = Payment(token=keccak256(b"token"))
    for room, fits in ((2, 2), (0, 0)):
        note = {"state": "ok", "since": 0, "at": NOW, "free_room": room}
        desk.api.book.put_note(WORKER_NOTE, note)
        desk.clock.now += 2
        first = 10 * room
        for number in range(first, first + fits):
            assert desk.client.post(PATH, json={"openings": [opening(number)]}).status_code == 202
        answer = desk.client.post(PATH, json={"openings": [opening(first + 9)]})
        assert (answer.status_code, answer.json()["title"]) == (503, "Busy") and answer.headers["Retry-After"] == "60"
        repeat = desk.client.post(PATH, json={"openings": [opening(20)]})
        assert repeat.status_code == 202  # promised before
    kept = desk.api.intake.add_endings([new_ending(DOMAIN, Opening(**opening(99)), NOW, 300)], token)
    assert not isinstance(kept, Unpaid)


def test_an_ending_that_may_cost_more_takes_more_of_the_allowance(tmp_path: Path) -> None:
    with notary_api(tmp_path / "other", free_endings=13) as desk:
        send = [desk.client.post(PATH, json={"signed": [signed("RevokeAll", SUBJECT)]})]
        send.append(desk.client.post(PATH, json={"signed": [signed("Retire", STRANGER)]}))
        send.append(desk.client.post(PATH, json={"openings": [opening(1)]}))
        send.append(desk.client.post(PATH, json={"openings": [opening(2)]}))
        assert [one.status_code for one in send] == [202, 202, 202, 401]
