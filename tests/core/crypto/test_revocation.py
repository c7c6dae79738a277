"""Locks against their definitions, written out with other libraries."""

from __future__ import annotations

import hashlib
import hmac

from eth_abi import encode as abi_encode
from eth_utils import keccak
from hypothesis import given
from hypothesis import strategies as st

from registry.core.crypto.revocation import handle_for, handle_of, lock_of, salt_hash, tag_of
from registry.core.crypto.seeds import revocation_secret
from registry.core.scalars import to_hex, unhex
from tests.support import strategies

seeds = st.binary(min_size=32, max_size=32)


def hkdf(seed: bytes, salt: bytes, info: bytes) -> bytes:
    """RFC 5869 for one block of SHA-256."""
    extracted = hmac.digest(salt, seed, hashlib.sha256)
    return hmac.digest(extracted, info + b"\x01", hashlib.sha256)


@given(seeds, strategies.words)
def test_the_secret_is_hkdf_of_seed_and_salt(seed: bytes, salt: str) -> None:
    assert revocation_secret(seed, salt) == hkdf(seed, unhex(salt), b"ConsentRegistry/1/revocation")


@given(seeds, seeds, strategies.words, strategies.words)
def test_each_seed_and_each_salt_has_its_own_lock(one: bytes, other: bytes, salt: str, other_salt: str) -> None:
    lock = lock_of(revocation_secret(one, salt))
    assert (lock == lock_of(revocation_secret(other, salt))) == (one == other)
    assert (lock == lock_of(revocation_secret(one, other_salt))) == (salt == other_salt)


@given(seeds, strategies.addresses, strategies.words)
def test_lock_tag_and_handle_are_those_of_the_contract(secret: bytes, subject: str, salt: str) -> None:
    lock = keccak(abi_encode(["bytes32"], [secret]))
    tag = keccak(abi_encode(["address", "bytes32"], [subject, keccak(abi_encode(["bytes32"], [unhex(salt)]))]))
    handle = keccak(abi_encode(["bytes32", "bytes32"], [lock, tag]))
    assert lock_of(secret) == to_hex(lock)
    assert salt_hash(salt) == to_hex(keccak(unhex(salt)))
    assert tag_of(subject, salt) == to_hex(tag)
    assert handle_of(to_hex(lock), to_hex(tag)) == handle_for(subject, to_hex(lock), salt) == to_hex(handle)
