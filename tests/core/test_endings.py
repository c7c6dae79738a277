"""Endings as a relay gets them: strict bodies, handles as the contract makes them, digests as eth-account's."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from registry.client.relay import signed_ending
from registry.core import codec
from registry.core.crypto.keccak import keccak256
from registry.core.crypto.revocation import handle_for, lock_of, salt_hash, tag_of
from registry.core.eip712 import domain_of
from registry.core.endings import MAX_ENDINGS, Endings, Opening, ending_digest, parse_endings
from registry.core.errors import Malformed
from registry.core.scalars import MAX_SAFE_INTEGER, checksum, to_hex
from registry.core.statements.messages import Retire, Revoke, RevokeAll
from registry.core.statements.typed_data import digest, typed_data

DOMAIN = domain_of(31_337, checksum(bytes.fromhex("c0" * 20)))
SUBJECT = Account.from_key(b"\x11" * 32).address
SECRET, SALT = keccak256(b"secret"), to_hex(keccak256(b"salt"))
LOCK = lock_of(SECRET)
HANDLE = handle_for(SUBJECT, LOCK, SALT)
SIGNATURE = b"\x01" * 65
MESSAGES = [Revoke(SUBJECT, HANDLE), RevokeAll(SUBJECT, 1_790_000_000), Retire(SUBJECT)]


def ending_of(message: Any) -> Any:
    return signed_ending(message, SIGNATURE, (LOCK, salt_hash(SALT)) if isinstance(message, Revoke) else None)


def test_an_opening_names_the_handle_of_its_grant() -> None:
    assert Opening(to_hex(SECRET), tag_of(SUBJECT, SALT)).handle == HANDLE


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_the_digest_is_that_of_the_statement_and_of_another_implementation(message: Any) -> None:
    signable = encode_typed_data(full_message=typed_data(DOMAIN, message))
    another = keccak256(b"\x19" + signable.version + signable.header + signable.body)
    assert ending_digest(DOMAIN, ending_of(message)) == digest(DOMAIN, message) == another


@given(st.integers(0, MAX_SAFE_INTEGER), st.binary(min_size=20, max_size=20))
def test_every_revoke_all_has_the_digest_of_its_statement(until: int, subject: bytes) -> None:
    message = RevokeAll(checksum(subject), until)
    assert ending_digest(DOMAIN, ending_of(message)) == digest(DOMAIN, message)


def test_bodies_come_back() -> None:
    openings = Endings(openings=(Opening(to_hex(SECRET), tag_of(SUBJECT, SALT)),))
    assert parse_endings(codec.encode(openings)) == openings
    signed = Endings(signed=tuple(map(ending_of, MESSAGES)))
    raw = codec.encode(signed)
    assert parse_endings(raw) == signed
    first = json.loads(raw)["signed"][0]
    assert set(first) == {"primaryType", "message", "lock", "saltHash", "signature"}


OPENING = {"secret": to_hex(SECRET), "tag": SALT}
REVOKE = json.loads(codec.encode(ending_of(MESSAGES[0])))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"openings": []},
        {"openings": [OPENING], "signed": [REVOKE]},
        {"openings": [OPENING] * (MAX_ENDINGS + 1)},
        {"openings": [OPENING | {"more": 1}]},
        {"openings": [{"secret": "0x12", "tag": SALT}]},
        {"signed": [REVOKE | {"lock": SALT}]},
        {"signed": [REVOKE | {"saltHash": SALT}]},
        {"signed": [REVOKE | {"signature": "0xzz"}]},
        {"signed": [REVOKE | {"signature": "0x" + "00" * 8_193}]},
        {"signed": [REVOKE | {"primaryType": "Grant"}]},
        {"signed": [REVOKE | {"message": {"subject": SUBJECT.lower(), "handle": HANDLE}}]},
        {"signed": [{"primaryType": "Retire", "message": {"subject": "0x12"}, "signature": "0x00"}]},
    ],
    ids=lambda body: str(body)[:50],
)
def test_anything_else_is_malformed(body: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        parse_endings(json.dumps(body).encode())


def test_a_revoke_of_another_subject_does_not_make_the_handle() -> None:
    other = {"subject": checksum(b"\x02" * 20), "handle": HANDLE}
    with pytest.raises((Malformed, msgspec.ValidationError), match="do not make this handle"):
        parse_endings(json.dumps({"signed": [REVOKE | {"message": other}]}).encode())
