"""js/core builds and signs transactions as eth-account does, and calls the contract as the package does."""

from __future__ import annotations

from typing import Any

from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.client.relay import call_of, signed_ending
from registry.core.crypto.revocation import handle_for, lock_of, salt_hash
from registry.core.endings import Opening
from registry.core.scalars import to_hex
from registry.core.statements.messages import Retire, Revoke, RevokeAll
from registry.ledger.abi import encode as encode_call
from tests.support.builders import SUBJECT
from tests.support.nodejs import js_uses
from tests.support.soak import examples

words = st.binary(min_size=32, max_size=32)
keys = words.filter(lambda key: 0 < int.from_bytes(key, "big") < 2**255)
amounts = st.integers(0, 2**20) | st.integers(0, 2**128)
plain = st.fixed_dictionaries(
    {
        "chainId": st.integers(1, 2**20) | st.sampled_from([1, 137, 31337, 2**40]),
        "nonce": st.integers(0, 300) | st.integers(0, 2**53 - 1),
        "gas": st.integers(0, 2**20) | st.integers(0, 2**60),
        "to": st.binary(min_size=20, max_size=20).map(to_hex),
        # Both sides of each border of RLP.
        "data": st.sampled_from([0, 1, 2, 55, 56, 255, 256, 300]).flatmap(
            lambda size: st.binary(min_size=size, max_size=size).map(to_hex)
        ),
    }
)


def signed(key: bytes, transaction: dict[str, Any]) -> dict[str, str]:
    """What eth-account makes of it."""
    done = Account.from_key(key).sign_transaction(
        {**transaction, "to": bytes.fromhex(transaction["to"][2:]), "value": 0}
    )
    return {"raw": to_hex(bytes(done.raw_transaction)), "hash": to_hex(bytes(done.hash))}


@settings(max_examples=examples(120, 10_000), deadline=None)
@given(keys, plain, amounts, amounts)
def test_a_transaction_of_eip_1559(key: bytes, transaction: dict[str, Any], fee: int, tip: int) -> None:
    wanted = signed(key, {**transaction, "type": 2, "maxFeePerGas": max(fee, tip), "maxPriorityFeePerGas": tip})
    asked = {**transaction, "gas": str(transaction["gas"]), "maxFeePerGas": str(max(fee, tip))}
    assert js_uses().ask("transaction", to_hex(key), {**asked, "maxPriorityFeePerGas": str(tip)}) == wanted


@settings(max_examples=examples(80, 10_000), deadline=None)
@given(keys, plain, amounts)
def test_a_transaction_with_a_gas_price(key: bytes, transaction: dict[str, Any], price: int) -> None:
    wanted = signed(key, {**transaction, "gasPrice": price})
    asked = {**transaction, "gas": str(transaction["gas"]), "gasPrice": str(price)}
    assert js_uses().ask("transaction", to_hex(key), asked) == wanted


def test_a_number_that_no_transaction_holds_is_refused() -> None:
    asked = {"chainId": 1, "nonce": 0, "to": "0x" + "11" * 20, "data": "0x", "gas": "1"}
    for price in (str(2**256), "-1"):
        assert js_uses().ask("transaction", "0x" + "11" * 32, {**asked, "gasPrice": price}) == "InvalidInput"
    assert "raw" in js_uses().ask("transaction", "0x" + "11" * 32, {**asked, "gasPrice": str(2**256 - 1)})


@settings(max_examples=examples(60, 5_000), deadline=None)
@given(words, words, words, st.binary(min_size=1, max_size=130), st.integers(0, 2**53 - 1))
def test_the_calls_that_end_consent(secret: bytes, tag: bytes, salt: bytes, signature: bytes, until: int) -> None:
    lock, hashed = lock_of(secret), salt_hash(to_hex(salt))
    opening = Opening(to_hex(secret), to_hex(tag))
    wanted = [encode_call(*call_of(opening)), encode_call("revokeOpenly", (lock, hashed))]
    wanted += [encode_call("revokeAll", ()), encode_call("retire", ())]
    told = js_uses().ask("calls", {"secret": opening.secret, "tag": opening.tag}, lock, hashed)
    assert told == [to_hex(each) for each in wanted]
    revoke = Revoke(SUBJECT, handle_for(SUBJECT, lock, to_hex(salt)))
    endings: list[tuple[Any, dict[str, Any]]] = [
        (
            signed_ending(revoke, signature, (lock, hashed)),
            {"message": {"subject": SUBJECT, "handle": revoke.handle}, "lock": lock, "saltHash": hashed},
        ),
        (
            signed_ending(RevokeAll(SUBJECT, until), signature),
            {"message": {"subject": SUBJECT, "issuedUntil": until}},
        ),
        (signed_ending(Retire(SUBJECT), signature), {"message": {"subject": SUBJECT}}),
    ]
    for kind, (ending, document) in zip(("Revoke", "RevokeAll", "Retire"), endings, strict=True):
        asked = {"primaryType": kind, "signature": to_hex(signature), **document}
        assert js_uses().ask("signedCall", asked) == to_hex(encode_call(*call_of(ending)))
