"""What pays: tokens that cannot be told apart, sponsors within budgets, and the allowance of a network prefix."""

from __future__ import annotations

import logging
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from registry.core.crypto.privacy_pass import (
    CHALLENGE,
    REQUEST_TYPE,
    RESPONSE_TYPE,
    authorization_of,
    draw_token,
    finish_token,
    read_token_key,
)
from registry.core.scalars import to_hex
from registry.http.bodies import read_body
from registry.http.limits import DAY
from registry.notary.routes import commitments, revocations
from registry.notary.sponsors import new_sponsor_key, sponsor_key_hash
from registry.notary.token_keys import IssuingKey
from tests.support.notary_api import NOW, Desk, notary_api

BINARY = {"Content-Type": REQUEST_TYPE}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A notary that gives nothing away but tokens."""
    with notary_api(tmp_path / "notary", free_commitments=0, free_endings=0) as made:
        yield made


def word(number: int) -> str:
    return to_hex(sha256(number.to_bytes(4, "big")).digest())


def anchor(desk: Desk, *numbers: int, pay: str = "", address: str = "203.0.113.7") -> Any:
    headers = {"Authorization": pay} if pay else {}
    body = {"commitments": [word(number) for number in numbers]}
    return desk.from_address(address).post("/v1/commitments", json=body, headers=headers)


def end(desk: Desk, *numbers: int, pay: str = "", address: str = "203.0.113.7") -> Any:
    headers = {"Authorization": pay} if pay else {}
    body = {"openings": [{"secret": word(number), "tag": word(0)} for number in numbers]}
    return desk.from_address(address).post("/v1/revocations", json=body, headers=headers)


def a_token(desk: Desk, **headers: str) -> str:
    """Draw a token as a client does, from what ``/v1/info`` tells."""
    told = desk.client.get("/v1/info").json()
    draw = draw_token(read_token_key(urlsafe_b64decode(told["tokenKeys"][0]["key"])))
    answer = desk.client.post("/v1/tokens", content=draw.request, headers={**BINARY, **headers})
    assert (answer.status_code, answer.headers["content-type"]) == (200, RESPONSE_TYPE)
    return authorization_of(finish_token(draw, answer.content))


def name(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["title"]


def sponsor(desk: Desk, budget: int, called: str = "aurelle") -> str:
    key, key_hash = new_sponsor_key()
    desk.api.intake.add_sponsor(called, key_hash, budget, NOW)
    return f"Bearer {key}"


def test_a_token_pays_for_one_item_and_a_repeat_spends_nothing(desk: Desk) -> None:
    token = a_token(desk)
    first = anchor(desk, 1, pay=token)
    assert first.status_code == 202
    assert anchor(desk, 1, pay=token).content == first.content
    assert name(anchor(desk, 2, pay=token)) == (401, "TokenSpent")
    assert name(end(desk, 3, pay=token)) == (401, "TokenSpent")
    assert desk.api.intake.waiting().commitments == 1 and desk.api.intake.waiting_endings(9) == []
    assert end(desk, 3, pay=a_token(desk)).status_code == 202


def test_a_token_for_several_items_is_refused_and_not_spent(desk: Desk) -> None:
    token = a_token(desk)
    assert name(anchor(desk, 1, 2, pay=token)) == (400, "OneItemAToken")
    assert name(end(desk, 1, 2, pay=token)) == (400, "OneItemAToken")
    assert anchor(desk, 1, pay=token).status_code == 202


def test_a_token_is_not_spent_by_a_malformed_request(desk: Desk) -> None:
    token = a_token(desk)
    headers = {"Authorization": token}
    assert desk.client.post("/v1/commitments", json={"commitments": ["0x"]}, headers=headers).status_code == 422
    assert anchor(desk, 1, pay=token).status_code == 202


def test_answers_that_ask_for_payment_hold_the_challenge_of_the_rfc(desk: Desk) -> None:
    for pay in ("", "PrivateToken token=AAAA", "Bearer nobody", "Basic eDp5"):
        answer = anchor(desk, 1, pay=pay)
        assert answer.status_code == 401
        challenge, key = answer.headers["www-authenticate"].split('"')[1::2]
        assert urlsafe_b64decode(challenge) == CHALLENGE
        assert read_token_key(urlsafe_b64decode(key)).id == desk.api.keys.issuing().key.id


def test_tokens_of_another_notary_are_refused(desk: Desk, tmp_path: Path) -> None:
    token = a_token(desk)
    raw = bytearray(urlsafe_b64decode(token.split('"')[1]))
    raw[-1] ^= 1
    assert name(anchor(desk, 1, pay=authorization_of(bytes(raw)))) == (401, "BadToken")
    raw[70] ^= 1  # the id of another key
    assert name(anchor(desk, 1, pay=authorization_of(bytes(raw)))) == (401, "BadToken")


def test_tokens_are_accepted_until_ten_years_after_the_year_of_their_key(desk: Desk) -> None:
    early, late = a_token(desk), a_token(desk)
    ends = desk.api.keys.issuing().ends
    desk.clock.now = ends - 1
    desk.say("ok")
    assert anchor(desk, 1, pay=early).status_code == 202
    desk.clock.now = ends
    desk.say("ok")
    assert name(anchor(desk, 2, pay=late)) == (401, "BadToken")


def test_a_sponsor_pays_from_its_budget(desk: Desk) -> None:
    key = sponsor(desk, 5)
    assert anchor(desk, 1, 2, 3, pay=key).status_code == 202
    assert anchor(desk, 1, 2, 3, pay=key).status_code == 202  # a repeat
    assert name(anchor(desk, 4, 5, 6, pay=key)) == (402, "BudgetSpent")
    assert end(desk, 7, pay=key).status_code == 202
    token = a_token(desk, Authorization=key)
    assert desk.api.intake.sponsors()[0].used == 5
    draw = draw_token(desk.api.keys.issuing().key)
    refused = desk.client.post("/v1/tokens", content=draw.request, headers={**BINARY, "Authorization": key})
    assert name(refused) == (402, "BudgetSpent")
    assert anchor(desk, 8, pay=token).status_code == 202


def test_a_removed_sponsor_pays_for_nothing_any_more(desk: Desk) -> None:
    key = sponsor(desk, 5)
    assert anchor(desk, 1, pay=key).status_code == 202
    desk.api.intake.remove_sponsor("aurelle")
    assert name(anchor(desk, 2, pay=key)) == (401, "NoSponsor")
    sponsor(desk, 5, "another")
    assert name(anchor(desk, 3, pay=key)) == (401, "NoSponsor")


def test_a_sponsors_key_is_kept_as_a_hash_alone(desk: Desk) -> None:
    key = sponsor(desk, 5).removeprefix("Bearer ")
    assert len(urlsafe_b64decode(key + "=")) == 32 and len(sponsor_key_hash(key)) == 32
    anchor(desk, 1, pay=f"Bearer {key}")
    for file in desk.folder.iterdir():
        assert file.is_dir() or key.encode() not in file.read_bytes()


def test_an_allowance_is_that_of_a_network_prefix_for_a_day(tmp_path: Path) -> None:
    with notary_api(tmp_path / "notary", free_commitments=3, free_endings=2, free_tokens=1) as desk:
        first = anchor(desk, 1, 2)
        assert first.status_code == 202
        spent = anchor(desk, 3, 4, address="203.0.113.250")
        assert name(spent) == (401, "AllowanceSpent") and int(spent.headers["retry-after"]) == DAY - NOW % DAY
        assert anchor(desk, 3).status_code == 202
        assert anchor(desk, 1, 2).content == first.content  # a repeat costs nothing
        assert anchor(desk, 5, address="198.51.100.1").status_code == 202
        assert [end(desk, number).status_code for number in (1, 2, 3, 1)] == [202, 202, 401, 202]
        a_token(desk)
        draw = draw_token(desk.api.keys.issuing().key)
        assert name(desk.client.post("/v1/tokens", content=draw.request, headers=BINARY)) == (401, "AllowanceSpent")
        desk.clock.now += DAY
        desk.say("ok")
        assert anchor(desk, 6, 7, 8).status_code == 202


def many(desk: Desk, pay: str = "", items: int = 10_000) -> Any:
    """A bulk request, by a client that tells how long its body is."""
    headers = {"Authorization": pay} if pay else {}
    body = {"commitments": [word(number) for number in range(1_000, 1_000 + items)]}
    return desk.client.post("/v1/commitments", json=body, headers=headers)


def test_what_pays_for_nothing_is_refused_before_its_body_is_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with notary_api(tmp_path / "notary", free_commitments=2) as desk:
        known, poor = sponsor(desk, 10**6), sponsor(desk, 10**6, "gone")
        assert anchor(desk, 1).status_code == 202
        desk.api.intake.remove_sponsor("gone")
        with monkeypatch.context() as patch:
            patch.setattr(commitments, "read_commitments", lambda _: pytest.fail("10,000 are parsed for nothing"))
            assert name(many(desk, poor)) == name(many(desk, "Bearer nobody's")) == (401, "NoSponsor")
            assert name(many(desk, "PrivateToken token=x")) == (401, "BadToken")
            assert name(many(desk, "Basic x")) == (401, "UnknownScheme")
            assert name(many(desk)) == name(many(desk, items=3)) == (401, "AllowanceSpent")  # more than a day's
        assert anchor(desk, 2).status_code == 202
        with monkeypatch.context() as patch:
            patch.setattr(commitments, "read_body", _only_short)
            assert name(many(desk)) == (401, "AllowanceSpent")  # nothing is left: so it is not even read
        assert many(desk, known).status_code == 202
        assert [anchor(desk, number).status_code for number in (1, 2, 3)] == [202, 202, 401]


async def _only_short(request: Any, limit: int, **more: Any) -> bytes:
    assert limit < 2_000, "a long body is read for nothing"
    return await read_body(request, limit, **more)


def test_an_unknown_key_is_refused_before_endings_are_parsed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revocations, "_read", lambda *_: pytest.fail("signatures are checked for nothing"))
    assert name(end(desk, *range(100), pay="Bearer nobody's")) == (401, "NoSponsor")


def test_a_repeat_gives_the_allowance_back(tmp_path: Path) -> None:
    with notary_api(tmp_path / "notary", free_commitments=2) as desk:
        anchor(desk, 1)
        desk.clock.now += 1
        for _ in range(3):
            assert anchor(desk, 1).status_code == 202
        assert anchor(desk, 2).status_code == 202
        assert anchor(desk, 3).status_code == 401


@pytest.mark.parametrize("body", [b"", b"x" * 259, b"\x00\x02\x00" + b"\xff" * 256])
def test_what_is_no_request_for_a_token_costs_nothing(tmp_path: Path, body: bytes) -> None:
    with notary_api(tmp_path / "notary", free_tokens=1) as desk:
        last = desk.api.keys.issuing().key.id[-1:]
        sent = body[:2] + last + body[3:] if len(body) == 259 else body
        assert desk.client.post("/v1/tokens", content=sent, headers=BINARY).status_code in (400, 422)
        a_token(desk)


def test_nothing_is_signed_for_those_whose_allowance_is_spent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with notary_api(tmp_path / "notary", free_tokens=1) as desk:
        a_token(desk)
        draw = draw_token(desk.api.keys.issuing().key)
        monkeypatch.setattr(IssuingKey, "issue", lambda *_: pytest.fail("signing takes a millisecond of a core"))
        assert name(desk.client.post("/v1/tokens", content=draw.request, headers=BINARY)) == (401, "AllowanceSpent")


def test_a_token_pays_for_no_token(desk: Desk) -> None:
    token, draw = a_token(desk), draw_token(desk.api.keys.issuing().key)
    answer = desk.client.post("/v1/tokens", content=draw.request, headers={**BINARY, "Authorization": token})
    assert answer.status_code == 401
    assert anchor(desk, 1, pay=token).status_code == 202


def test_a_flood_of_endings_without_tokens_never_delays_one_with(tmp_path: Path) -> None:
    """At the API their allowance and rate are their own, and in the intake their place is behind."""
    with notary_api(tmp_path / "notary", free_endings=150, requests_per_second=1) as desk:
        token = a_token(desk)
        for network in range(4):
            address = f"198.51.{network}.1"
            assert end(desk, *range(1_000 * network, 1_000 * network + 75), address=address).status_code == 202
            assert end(desk, *range(1_000 * network + 100, 1_000 * network + 175), address=address).status_code == 202
            assert end(desk, 1_000 * network + 300, address=address).status_code == 401
        assert 429 in [end(desk, number, address="198.51.0.1").status_code for number in range(5_000, 5_030)]
        forged = authorization_of(bytes(2) + urlsafe_b64decode(token.split('"')[1])[2:])
        assert 429 in [end(desk, 1, pay=forged, address="198.51.0.1").status_code for _ in range(30)]
        # From the very network that floods.
        assert end(desk, 9_999, pay=token, address="198.51.0.9").status_code == 202
        waiting = desk.api.intake.waiting_endings(100)
        assert len(waiting) == 100 and waiting[0].has_token and not waiting[1].has_token


def test_no_log_line_holds_what_paid_or_who_called(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        key, token = sponsor(desk, 5), a_token(desk)
        for pay in (key, token, "Bearer wr0ng", ""):
            anchor(desk, 1, 2, pay=pay, address="198.51.100.77")
            end(desk, 1, pay=pay, address="2001:db8::77")
    ours = [one for one in caplog.records if not one.name.startswith(("httpx", "httpcore"))]
    text = "\n".join(one.getMessage() for one in ours)
    assert "POST /v1/commitments 202" in text and "POST /v1/revocations 401" in text
    secrets = (key[7:], token[21:80], "wr0ng", "198.51.100", "2001:db8", word(1)[2:], word(2)[2:])
    assert not [secret for secret in secrets if secret in text]
