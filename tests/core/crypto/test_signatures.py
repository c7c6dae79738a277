"""Recovery: both backends answer like coincurve's public interface, and each signature has one accepted spelling."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from coincurve import PublicKey
from eth_account import Account
from eth_keys.datatypes import PrivateKey
from hypothesis import example, given, settings
from hypothesis import strategies as st

from registry.core.crypto import signatures
from registry.core.crypto.signatures import HALF_ORDER, recover_address
from registry.core.scalars import unhex
from tests.support.builders import account

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
DIGEST = bytes(range(32))
ALICE = account("alice")
GOOD = bytes(Account.unsafe_sign_hash(DIGEST, ALICE.key).signature)

digests = st.binary(min_size=32, max_size=32)
edges = st.sampled_from([0, 1, HALF_ORDER, HALF_ORDER + 1, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1])
scalars = edges | st.integers(0, 2**256 - 1)
versions = st.sampled_from([0, 1, 2, 26, 27, 28, 29, 30, 37, 38, 255]) | st.integers(0, 255)


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def in_the_simple_way() -> signatures._PublicKey:
    """The oracle: coincurve's documented interface."""

    def public_key(digest: bytes, signature: bytes, recovery_id: int) -> bytes | None:
        try:
            key = PublicKey.from_signature_and_message(signature[:64] + bytes([recovery_id]), digest, hasher=None)
        except ValueError:
            return None
        return key.format(compressed=False)[1:]

    return public_key


def by_all(digest: bytes, signature: bytes) -> bytes | None:
    """The address that both backends and the oracle agree on."""
    answers = []
    for backend in (signatures._with_coincurve, signatures._with_eth_keys, in_the_simple_way):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(signatures, "_public_key", backend())
            answers.append(recover_address(digest, signature))
    assert answers[0] == answers[1] == answers[2]
    return answers[0]


@settings(max_examples=60)
@given(digests, scalars, scalars, versions)
@example(DIGEST, 0, 0, 27)
@example(DIGEST, 1, 0, 27)
@example(DIGEST, 0, 1, 28)
@example(DIGEST, ORDER, 1, 27)
@example(DIGEST, ORDER - 1, 1, 27)
@example(DIGEST, 5, 1, 27)
@example(DIGEST, 1, HALF_ORDER, 27)
@example(DIGEST, 1, HALF_ORDER + 1, 27)
@example(bytes(32), 1, 1, 27)
@example(b"\xff" * 32, 1, 1, 28)
@example(word(ORDER), 1, 1, 28)
def test_the_backends_agree_on_every_number(digest: bytes, r: int, s: int, v: int) -> None:
    answer = by_all(digest, word(r) + word(s) + bytes([v]))
    if v not in (27, 28) or not 0 < s <= HALF_ORDER or not 0 < r < ORDER:
        assert answer is None


@settings(max_examples=25)
@given(digests, st.integers(1, ORDER - 1))
def test_what_a_key_signed_is_that_keys(digest: bytes, number: int) -> None:
    key = PrivateKey(word(number))
    made = key.sign_msg_hash(digest).to_bytes()
    signature = made[:64] + bytes([made[64] + 27])
    assert by_all(digest, signature) == key.public_key.to_canonical_address()
    for v in (0, 1, 29, 30, 27 + 8, 37, 255):
        assert by_all(digest, signature[:64] + bytes([v])) is None


@settings(max_examples=15)
@given(digests)
def test_the_other_half_of_a_signature_is_none(digest: bytes) -> None:
    signature = bytes(Account.unsafe_sign_hash(digest, ALICE.key).signature)
    high = ORDER - int.from_bytes(signature[32:64], "big")
    assert by_all(digest, signature) == unhex(ALICE.address)
    # The same key by the curve, and a second signature of the same text if it counted.
    assert by_all(digest, signature[:32] + word(high) + bytes([55 - signature[64]])) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda s: b"",
        lambda s: s[:1],
        lambda s: s[:64],
        lambda s: s + b"\0",
        lambda s: s + s,
        lambda s: bytes(65),
        lambda s: bytes(64) + b"\x1b",
        lambda s: bytes(8192),
        # EIP-2098: parity in the top bit of s
        lambda s: s[:32] + word(int.from_bytes(s[32:64], "big") | (s[64] - 27) << 255),
        lambda s: s[64:] + s[:64],
    ],
    ids=["0", "1", "64", "66", "130", "zero", "zero with v", "8192", "compact", "v first"],
)
def test_other_forms_are_none(change: Callable[[bytes], bytes]) -> None:
    assert by_all(DIGEST, change(GOOD)) is None


@settings(max_examples=25)
@given(st.integers(0, 31), st.integers(1, 255))
def test_another_digest_is_not_that_keys(place: int, flip: int) -> None:
    other = bytearray(DIGEST)
    other[place] ^= flip
    assert by_all(bytes(other), GOOD) != unhex(ALICE.address)


@settings(max_examples=40)
@given(st.integers(0, 64), st.integers(1, 255))
def test_a_changed_signature_is_not_that_keys(place: int, flip: int) -> None:
    other = bytearray(GOOD)
    other[place] ^= flip
    assert by_all(DIGEST, bytes(other)) != unhex(ALICE.address)


@pytest.mark.parametrize("length", [0, 1, 31, 33, 64])
def test_a_digest_of_another_length_is_nobodys(length: int) -> None:
    assert by_all(bytes(range(length)), GOOD) is None


def test_threads_do_not_read_each_others_keys() -> None:
    signed = [(word(n), bytes(Account.unsafe_sign_hash(word(n), account(str(n)).key).signature)) for n in range(1, 9)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda one: recover_address(*one), signed * 200))
    assert found == [unhex(account(str(n)).address) for n in range(1, 9)] * 200


def test_the_portable_backend_serves_where_coincurve_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> signatures._PublicKey:
        raise ImportError("coincurve")

    monkeypatch.setattr(signatures, "_with_coincurve", missing)
    monkeypatch.setattr(signatures, "_public_key", signatures._fastest())
    assert recover_address(DIGEST, GOOD) == unhex(ALICE.address)
