"""Profiles: one encoding, strict members, and what they confirm."""

from __future__ import annotations

import json
from typing import Any

import pytest

from registry.core import codec
from registry.core.age.recipients import generate_identity, recipient_of
from registry.core.errors import Malformed
from registry.core.evidence.file import Evidence, parse_evidence
from registry.core.profiles import MAX_PROFILE, Profile, parse_profile, why_unconfirmed, write_profile
from tests.support.builders import CONTROLLER, DOMAIN, NOW, evidence_of, grant_message, notice_document, request_message

RECIPIENT = notice_document()["controller"]["recipient"]
HOST = notice_document()["controller"]["domain"]
OTHER = "0x" + "11" * 20


def document(**changes: Any) -> dict[str, Any]:
    account = {
        "chainId": DOMAIN.chain_id,
        "registry": DOMAIN.verifying_contract,
        "account": CONTROLLER,
        "recipients": [RECIPIENT],
    }
    whole = {
        "type": "ConsentProfile",
        "version": 1,
        "domain": HOST,
        "name": "Maison Aurelle",
        "accounts": [account | changes.pop("account", {})],
        "inbox": f"https://consent.{HOST}",
        "notaries": [{"url": "https://notary.example", "account": OTHER}],
        "terms": ["ieee-7012:SD-BASE"],
        "contact": f"privacy@{HOST}",
        "issuedAt": NOW,
    }
    return whole | changes


def profile(**changes: Any) -> Profile:
    return parse_profile(codec.dump(document(**changes)))


def request() -> Evidence:
    return evidence_of(request_message())


def why(now: int = NOW, asked: Evidence | None = None, **changes: Any) -> str | None:
    return why_unconfirmed(profile(**changes), DOMAIN, asked or request(), now)


def test_what_is_written_is_what_was_read() -> None:
    raw = codec.dump(document())
    assert write_profile(parse_profile(raw)) == raw


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"type": "Profile"},
        {"more": 1},
        {"domain": "Aurelle.example"},
        {"domain": "localhost"},
        {"domain": "aurelle.example:8080"},
        {"name": "Maison\nAurelle"},
        {"name": ""},
        {"contact": "\u202e"},
        {"inbox": "ftp://aurelle.example"},
        {"inbox": "https://"},
        {"issuedAt": -1},
        {"terms": ["no term"]},
        {"terms": ["ieee-7012:SD-BASE"] * 2},
        {"account": {"account": CONTROLLER.lower()}},
        {"account": {"chainId": 0}},
        {"account": {"recipients": []}},
        {"account": {"recipients": ["AGE1x"]}},
        {"account": {"recipients": [RECIPIENT] * 2}},
        {"account": {"until": None}},
        {"account": {"secret": 1}},
        {"accounts": document()["accounts"] * 2},
        {"accounts": [{}]},
        {"notaries": [{"url": "https://notary.example", "account": "0x11"}]},
        {"notaries": document()["notaries"] * 2},
    ],
)
def test_anything_else_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        profile(**changes)


def test_one_encoding_and_one_size() -> None:
    with pytest.raises(Malformed, match="canonical"):
        parse_profile(json.dumps(document()).encode())
    with pytest.raises(Malformed, match="longer"):
        parse_profile(codec.dump(document()) + b" " * MAX_PROFILE)


def test_it_confirms_the_account_that_asks() -> None:
    assert why() is None
    assert why(account={"until": NOW}) is None
    assert why(account={"recipients": [recipient_of(generate_identity()), RECIPIENT]}) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"domain": "other.example"}, "is of other.example"),
        ({"accounts": []}, "does not name the account"),
        ({"account": {"account": OTHER}}, "does not name the account"),
        ({"account": {"chainId": DOMAIN.chain_id + 1}}, "does not name the account"),
        ({"account": {"registry": OTHER}}, "does not name the account"),
        ({"account": {"until": NOW - 1}}, "speaks for it no more"),
        ({"account": {"recipients": [recipient_of(generate_identity())]}}, "does not name the key"),
    ],
)
def test_it_does_not_confirm(changes: dict[str, Any], reason: str) -> None:
    assert reason in str(why(**changes))


def test_a_grant_is_no_request() -> None:
    grant = evidence_of(grant_message())
    assert grant.kind == "Grant"
    assert "no request" in str(why(asked=grant))


def test_a_request_that_was_read_from_a_file_is_confirmed() -> None:
    from registry.core.evidence.file import write_evidence

    assert why(asked=parse_evidence(write_evidence(request()))) is None
