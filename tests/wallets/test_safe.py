"""What the owners of a Safe sign: its own message over the statement, and nothing that was not a statement."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from registry.core.crypto.keccak import keccak256
from registry.core.crypto.signatures import recover_address
from registry.core.eip712 import domain_of
from registry.core.errors import InvalidInput, Rejected
from registry.core.scalars import checksum, unhex
from registry.core.statements.messages import Retire
from registry.core.statements.typed_data import digest, typed_data
from registry.wallets.base import Owner, Wallet, safe_digest, safe_message
from registry.wallets.contract import SafeWallet
from registry.wallets.keywallet import KeyWallet

REGISTRY = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
SAFE = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"
ADA, BOB, CYD = (KeyWallet(bytes([number]) * 32) for number in (0xA1, 0xB0, 0xC1))
DOMAIN = domain_of(31_337, REGISTRY)
STATEMENT = typed_data(DOMAIN, Retire(SAFE))
MESSAGE = safe_digest(31_337, SAFE, digest(DOMAIN, Retire(SAFE)))


@given(
    chain=st.integers(0, 2**53 - 1),
    safe=st.binary(min_size=20, max_size=20),
    signed=st.binary(min_size=32, max_size=32),
)
def test_the_digest_is_that_of_the_typed_data(chain: int, safe: bytes, signed: bytes) -> None:
    full = encode_typed_data(full_message=safe_message(chain, checksum(safe), signed))
    expected = keccak256(b"\x19" + full.version + full.header + full.body)
    assert safe_digest(chain, checksum(safe), signed) == expected


def test_signatures_are_in_the_order_of_the_owners_addresses() -> None:
    everybody = sorted((ADA, BOB, CYD), key=lambda owner: int(owner.address, 16))
    expected = b"".join(owner.sign_safe_message(STATEMENT, SAFE) for owner in everybody)
    for owners in ((ADA, BOB, CYD), (CYD, BOB, ADA), (BOB, ADA, CYD)):
        assert SafeWallet(SAFE, owners).sign_typed_data(STATEMENT) == expected
    signers = [recover_address(MESSAGE, expected[at : at + 65]) for at in (0, 65, 130)]
    assert signers == sorted(signers) == [unhex(owner.address) for owner in everybody]


def test_what_kinds_of_wallet_they_are() -> None:
    assert isinstance(ADA, Owner)
    safe = SafeWallet(SAFE, [ADA])
    assert isinstance(safe, Wallet) and not isinstance(safe, Owner) and safe.address == SAFE


@pytest.mark.parametrize("owners", [[], [ADA, BOB, ADA]])
def test_nobody_and_somebody_twice(owners: list[KeyWallet]) -> None:
    with pytest.raises(InvalidInput, match="different owners"):
        SafeWallet(SAFE, owners)


def test_a_key_signs_no_other_message_of_a_safe() -> None:
    """Not even one that it would sign itself: its words could not be shown."""
    transfer = {**safe_message(31_337, SAFE, bytes(32))}
    foreign = typed_data(domain_of(31_337, REGISTRY), Retire(SAFE))
    foreign["domain"]["name"] = "Bank"
    for document in (transfer, foreign, {}, {**STATEMENT, "primaryType": "SafeMessage"}):
        for sign in (
            ADA.sign_typed_data,
            lambda one: ADA.sign_safe_message(one, SAFE),
            SafeWallet(SAFE, [ADA]).sign_typed_data,
        ):
            with pytest.raises(InvalidInput, match="this wallet signs only"):
                sign(document)


def test_the_key_s_signature_is_eth_account_s() -> None:
    expected = Account.sign_typed_data(ADA._key, full_message=safe_message(31_337, SAFE, digest(DOMAIN, Retire(SAFE))))
    assert ADA.sign_safe_message(STATEMENT, SAFE) == bytes(expected.signature)


class Odd:
    """An owner whose signature is somebody else's, or who says no."""

    def __init__(self, answer: Any) -> None:
        self.address, self._answer = BOB.address, answer

    def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
        raise AssertionError("owners are asked for the Safe's message")

    def sign_safe_message(self, typed_data: dict[str, Any], safe: str) -> bytes:
        assert (typed_data, safe) == (STATEMENT, SAFE)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def test_an_owner_who_says_no() -> None:
    with pytest.raises(Rejected, match="not I"):
        SafeWallet(SAFE, [ADA, Odd(Rejected("not I"))]).sign_typed_data(STATEMENT)


@pytest.mark.parametrize("answer", [ADA.sign_safe_message(STATEMENT, SAFE), BOB.sign_typed_data(STATEMENT), bytes(65)])
def test_an_owner_s_signature_is_that_owner_s(answer: bytes) -> None:
    with pytest.raises(Rejected, match=f"is not that of {BOB.address}"):
        SafeWallet(SAFE, [Odd(answer)]).sign_typed_data(STATEMENT)
