"""Call data against eth-abi and the compiled contract's own ABI."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import pytest
from eth_abi import encode as abi_encode
from eth_utils.abi import abi_to_signature
from hypothesis import given
from hypothesis import strategies as st

from registry.core.crypto.keccak import keccak256
from registry.core.errors import InvalidInput, LedgerUnavailable
from registry.core.facts import AnchorFacts, FactQuery, SignatureQuery
from registry.core.scalars import checksum, to_hex
from registry.ledger import abi

pytestmark = pytest.mark.slow

ABI = json.loads(resources.files("registry.artifacts").joinpath("ConsentRegistry.json").read_text())["abi"]
WRITING = {e["name"]: e for e in ABI if e["type"] == "function" and e["stateMutability"] == "nonpayable"}

words = st.binary(min_size=32, max_size=32)
addresses = st.binary(min_size=20, max_size=20)
signatures = st.binary(min_size=1, max_size=200)
pairs = st.tuples(words, words)
times = st.integers(0, 2**64 - 1)


def _oracle(signature: str, values: tuple[Any, ...]) -> bytes:
    kinds = signature[signature.index("(") + 1 : -1]
    types = [kinds] if kinds.startswith("(") else kinds.split(",") if kinds else []
    return abi.selector(signature) + abi_encode(types, values)


def test_every_writing_function_of_the_contract_can_be_called() -> None:
    assert set(abi._FUNCTIONS) == set(WRITING)
    for name, entry in WRITING.items():
        assert abi_to_signature(entry) == f"{name}({','.join(abi._FUNCTIONS[name])})"


@given(words, words, addresses, signatures, times, st.lists(pairs, min_size=1, max_size=5))
def test_call_data_is_what_eth_abi_makes(
    a: bytes, b: bytes, who: bytes, signed: bytes, until: int, openings: list[tuple[bytes, bytes]]
) -> None:
    cases = {
        "anchor": (a, b),
        "revoke": (a, b),
        "revokeBatch": (openings,),
        "revokeOpenly": (a, b),
        "revokeOpenlyFor": (who, a, b, signed),
        "revokeAll": (),
        "revokeAllFor": (who, until, signed),
        "retire": (),
        "retireFor": (who, signed),
    }
    for name, values in cases.items():
        assert abi.encode(name, values) == _oracle(abi_to_signature(WRITING[name]), values)


@given(words, signatures)
def test_signature_checks_are_what_eth_abi_makes(digest: bytes, signed: bytes) -> None:
    question = SignatureQuery("0x" + "11" * 20, digest, signed)
    assert abi.signature_probe(question)[0x5A:] == _oracle("isValidSignature(bytes32,bytes)", (digest, signed))


@given(words, addresses, words, words)
def test_questions_are_what_eth_abi_makes(root: bytes, subject: bytes, lock: bytes, salt: bytes) -> None:
    question = FactQuery(to_hex(root), checksum(subject), to_hex(lock), to_hex(salt))
    tag = keccak256(abi_encode(["address", "bytes32"], (subject, keccak256(salt))))
    handle = keccak256(lock + tag)
    assert abi.encode_facts(question) == _oracle("facts(bytes32,bytes32,address)", (root, handle, subject))
    unrevocable = FactQuery(to_hex(root), checksum(subject))
    assert abi.encode_facts(unrevocable) == _oracle("facts(bytes32,bytes32,address)", (root, bytes(32), subject))


@given(times, times, times)
def test_facts_are_read_back(anchored: int, revoked: int, cutoff: int) -> None:
    answer = abi_encode(["uint64", "uint64", "uint64"], (anchored, revoked, cutoff))
    assert abi.decode_facts(answer) == AnchorFacts(anchored, revoked, cutoff)


@pytest.mark.parametrize("answer", [b"", bytes(95), bytes(97), b"\xff" * 96, (2**64).to_bytes(32, "big") + bytes(64)])
def test_an_answer_that_is_no_facts_was_not_checked(answer: bytes) -> None:
    with pytest.raises(LedgerUnavailable, match="not a ConsentRegistry"):
        abi.decode_facts(answer)


def test_every_custom_error_of_the_contract_has_its_own_words() -> None:
    errors = {abi_to_signature(e): [i["type"] for i in e["inputs"]] for e in ABI if e["type"] == "error"}
    assert set(errors) == {"InvalidSignature(address)", "InTheFuture(uint64)", "ZeroRoot()"}
    for signature, kinds in errors.items():
        values = {"address": "0x" + "11" * 20, "uint64": 5}
        refused = abi.refusal(abi.selector(signature) + abi_encode(kinds, [values[kind] for kind in kinds]))
        assert isinstance(refused, InvalidInput) and refused.advice
        assert "the contract refused the call" not in str(refused)


@pytest.mark.parametrize(
    ("data", "words_"),
    [
        (b"", "it gave no reason"),
        (b"\x01\x02\x03\x04", "0x01020304"),
        (abi.selector("Error(string)") + abi_encode(["string"], ["out of\n\x1b[31mluck"]), "out of??[31mluck"),
        (abi.selector("Error(string)") + b"\xff" * 64, ""),
    ],
)
def test_other_reverts_are_named_without_their_control_characters(data: bytes, words_: str) -> None:
    assert words_ in str(abi.refusal(data))


def test_a_secret_given_wrongly_stays_out_of_the_message() -> None:
    secret = "12" * 32
    with pytest.raises(InvalidInput) as caught:
        abi.encode("revoke", (secret, secret))
    assert secret not in str(caught.value)
