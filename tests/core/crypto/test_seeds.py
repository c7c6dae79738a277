"""Keys derived from one seed, which reveal nothing of each other."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.age.recipients import identity_from_seed, recipient_of
from registry.core.age.stream import open_bytes, seal_bytes
from registry.core.crypto.seeds import (
    account_number,
    fingerprint,
    homes_name,
    mailbox_identity,
    owner_identity,
    relationship_key,
    revocation_secret,
    search_key,
    shredded_mark,
    vault_key,
)
from registry.core.errors import InvalidInput, Malformed
from registry.core.scalars import to_hex, unhex
from tests.support.builders import CONTROLLER, SEED, SUBJECT, word

seeds = st.binary(min_size=32, max_size=32)


def derived(seed: bytes, info: bytes) -> bytes:
    """RFC 5869 without a salt, which means 32 zero bytes."""
    return hmac.digest(hmac.digest(bytes(32), seed, hashlib.sha256), info + b"\x01", hashlib.sha256)


@settings(max_examples=20)
@given(seeds)
def test_both_are_derived_as_fixed(seed: bytes) -> None:
    assert vault_key(seed).private_bytes_raw() == derived(seed, b"ConsentRegistry/1/vault")
    assert owner_identity(seed) == identity_from_seed(derived(seed, b"ConsentRegistry/1/owner"))


@settings(max_examples=20)
@given(seeds, st.sampled_from([20, 32]).flatmap(lambda n: st.binary(min_size=n, max_size=n)), st.integers(0, 2**32 - 1))
def test_an_accounts_number_is_derived_as_fixed(seed: bytes, name: bytes, generation: int) -> None:
    info = b"ConsentRegistry/1/account/" + name + generation.to_bytes(4, "big")
    bits = f"{int.from_bytes(derived(seed, info), 'big'):0256b}"
    assert account_number(seed, "0x" + name.hex(), generation) == int(bits[:31], 2)


@pytest.mark.parametrize(("name", "generation"), [("0x", 0), ("0x" + "11" * 24, 0), (word(0), -1), (word(0), 2**32)])
def test_there_is_no_such_account(name: str, generation: int) -> None:
    with pytest.raises(InvalidInput, match="no account"):
        account_number(SEED, name, generation)


@settings(max_examples=20)
@given(seeds, seeds)
def test_other_seeds_give_other_keys(one: bytes, other: bytes) -> None:
    assert (owner_identity(one) == owner_identity(other)) == (one == other)
    assert (vault_key(one).private_bytes_raw() == vault_key(other).private_bytes_raw()) == (one == other)


def test_the_owner_opens_what_is_sealed_to_them() -> None:
    identity = owner_identity(SEED)
    assert recipient_of(identity).startswith("age1pq1")
    assert open_bytes(seal_bytes(b"mine", [recipient_of(identity)]), [identity]) == b"mine"


def test_the_vault_key_signs() -> None:
    key = vault_key(SEED)
    key.public_key().verify(key.sign(b"text"), b"text")


@settings(max_examples=20)
@given(seeds)
def test_what_a_vault_needs_is_derived_as_fixed(seed: bytes) -> None:
    both = unhex(SUBJECT) + unhex(CONTROLLER)
    relationship = relationship_key(seed, SUBJECT, CONTROLLER).private_bytes_raw()
    assert relationship == derived(seed, b"ConsentRegistry/1/vault/" + both)
    assert mailbox_identity(seed, SUBJECT, CONTROLLER) == identity_from_seed(
        derived(seed, b"ConsentRegistry/1/mailbox/" + both)
    )
    assert search_key(seed) == derived(seed, b"ConsentRegistry/1/search")
    assert homes_name(seed) == derived(seed, b"ConsentRegistry/1/homes")[:16].hex()
    shredded = derived(seed, b"ConsentRegistry/1/shredded")
    assert shredded_mark(seed, bytes(16)) == hmac.digest(shredded, bytes(16), hashlib.sha256).hex()


@settings(max_examples=20)
@given(seeds, st.binary(min_size=20, max_size=20) | st.binary(min_size=32, max_size=32), st.integers(0, 2**32 - 1))
def test_numbers_of_accounts_are_derived_as_fixed(seed: bytes, scope: bytes, generation: int) -> None:
    bits = derived(seed, b"ConsentRegistry/1/account/" + scope + generation.to_bytes(4, "big"))
    number = account_number(seed, to_hex(scope), generation)
    assert number == int(f"{int.from_bytes(bits, 'big'):0256b}"[:31], 2)
    assert 0 <= number < 2**31


@pytest.mark.parametrize(
    ("name", "generation"), [("0x", 0), ("0x" + "00" * 21, 0), (CONTROLLER, -1), (CONTROLLER, 2**32)]
)
def test_what_has_no_account(name: str, generation: int) -> None:
    with pytest.raises(InvalidInput):
        account_number(SEED, name, generation)


def test_relationships_are_told_apart() -> None:
    keys = {
        relationship_key(SEED, *pair).private_bytes_raw() for pair in ((SUBJECT, CONTROLLER), (CONTROLLER, SUBJECT))
    }
    assert len(keys) == 2
    for subject, controller in ((SUBJECT.lower(), CONTROLLER), (SUBJECT, "0x")):
        with pytest.raises(Malformed):
            relationship_key(SEED, subject, controller)


def test_no_two_uses_share_a_key() -> None:
    secrets = {
        SEED,
        relationship_key(SEED, SUBJECT, CONTROLLER).private_bytes_raw(),
        search_key(SEED),
        vault_key(SEED).private_bytes_raw(),
        revocation_secret(SEED, word(0)),
        revocation_secret(SEED, word(1)),
    }
    assert len(secrets) == 6


def test_a_fingerprint_is_that_of_the_owners_recipient() -> None:
    digits = hashlib.sha256(recipient_of(owner_identity(SEED)).encode()).hexdigest()
    assert fingerprint(SEED).replace(" ", "") == digits[:20] and len(fingerprint(SEED).split(" ")) == 5
