"""Promises of notaries: digests as eth-account computes them, strict files, and every state by the chain's time."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from registry.core import codec
from registry.core.anchor import Anchor
from registry.core.crypto.keccak import keccak256
from registry.core.eip712 import DOMAIN_FIELDS, domain_of, domain_separator, fields_in, signing_hash
from registry.core.errors import BadSignature, InvalidInput, Malformed, NotIncluded
from registry.core.facts import AnchorFacts, Facts, HandleQuery
from registry.core.merkle import build_tree
from registry.core.promises import (
    MAX_ITEMS,
    PROMISE_TYPE,
    RELAY_PROMISE_TYPE,
    Promise,
    PromiseFile,
    RelayPromise,
    judge_promise,
    parse_promise_file,
    parse_signed_promise,
    promise_digest,
    promise_hash,
    promise_query,
    sign_statement,
    write_promise_file,
)
from registry.core.scalars import MAX_SAFE_INTEGER, ZERO_WORD, checksum, to_hex, unhex

REGISTRY = checksum(bytes.fromhex("c0" * 20))
DOMAIN = domain_of(31_337, REGISTRY)
KEY = b"\x11" * 32
NOTARY = Account.from_key(KEY).address
WORDS = [keccak256(bytes([n])) for n in range(5)]
ITEMS = tuple(map(to_hex, WORDS))
TREE = build_tree(WORDS)
ANCHOR = Anchor(to_hex(TREE.root), tuple(map(to_hex, TREE.proof(WORDS[0]))), ZERO_WORD, 7)
RECEIVED, DUE = 1_000, 1_900
words = st.binary(min_size=32, max_size=32)
times = st.integers(0, MAX_SAFE_INTEGER)


def typed_data(message: Promise | RelayPromise) -> dict[str, Any]:
    """The promise as any wallet's library takes it."""
    relay = isinstance(message, RelayPromise)
    fields = fields_in(RELAY_PROMISE_TYPE if relay else PROMISE_TYPE)
    name = type(message).__name__
    types = {name: [{"name": n, "type": kind} for n, kind in fields]}
    types["EIP712Domain"] = [{"name": n, "type": kind} for n, kind in DOMAIN_FIELDS]
    return {
        "types": types,
        "primaryType": name,
        "domain": msgspec.to_builtins(DOMAIN),
        "message": json.loads(codec.encode(message)),
    }


def digest_of_another(message: Promise | RelayPromise) -> bytes:
    """The digest as eth-account computes it."""
    signable = encode_typed_data(full_message=typed_data(message))
    return keccak256(b"\x19" + signable.version + signable.header + signable.body)


def signed(message: Promise | RelayPromise, key: bytes = KEY) -> Any:
    signature = Account.sign_typed_data(key, full_message=typed_data(message)).signature
    return sign_statement(DOMAIN, message, to_hex(bytes(signature)))


@given(st.lists(words, min_size=1, max_size=20, unique=True), times, times, st.booleans())
def test_the_digest_is_that_of_another_implementation(items: list[bytes], one: int, other: int, relay: bool) -> None:
    kind = RelayPromise if relay else Promise
    message = kind(tuple(map(to_hex, items)), min(one, other), max(one, other))
    assert promise_digest(DOMAIN, message) == digest_of_another(message)
    hashed = promise_hash(b"".join(items), message.received_at, message.due, relay=relay)
    assert signing_hash(DOMAIN, hashed) == promise_digest(DOMAIN, message)


def test_the_two_kinds_have_digests_of_their_own() -> None:
    promise, relay = Promise(ITEMS, RECEIVED, DUE), RelayPromise(ITEMS, RECEIVED, DUE)
    assert promise_digest(DOMAIN, promise) != promise_digest(DOMAIN, relay)
    assert PROMISE_TYPE == "Promise(bytes32[] commitments,uint64 receivedAt,uint64 anchorBy)"
    assert RELAY_PROMISE_TYPE == "RelayPromise(bytes32[] handles,uint64 receivedAt,uint64 relayBy)"
    assert promise_digest(domain_of(1, REGISTRY), promise) != promise_digest(DOMAIN, promise)
    assert len(domain_separator(DOMAIN)) == 32


@pytest.mark.parametrize("kind", [Promise, RelayPromise])
def test_a_signed_promise_names_its_notary(kind: Any) -> None:
    found = signed(kind(ITEMS, RECEIVED, DUE))
    assert found.notary == NOTARY and parse_signed_promise(codec.encode(found)) == found
    assert parse_signed_promise(json.dumps(json.loads(codec.encode(found)), indent=1).encode()) == found
    for bad in ("0x00", found.signature[:-2] + "ff", "0x" + "00" * 65):
        with pytest.raises(BadSignature):
            _ = msgspec.structs.replace(found, signature=bad).notary


@pytest.mark.parametrize(
    "wrong",
    [
        {"commitments": []},
        {"commitments": [ITEMS[0], ITEMS[0]]},
        {"commitments": ["0x12"]},
        {"commitments": [ITEMS[0].upper()]},
        {"receivedAt": DUE + 1},
        {"receivedAt": -1},
        {"anchorBy": 2**53},
        {"more": 1},
        {"commitments": [to_hex(n.to_bytes(32, "big")) for n in range(MAX_ITEMS + 1)]},
    ],
    ids=lambda wrong: str(wrong)[:40],
)
def test_a_malformed_promise_is_refused(wrong: dict[str, Any]) -> None:
    document = json.loads(codec.encode(signed(Promise(ITEMS, RECEIVED, DUE))))
    document["statement"]["message"] |= wrong
    with pytest.raises(Malformed):
        parse_signed_promise(json.dumps(document).encode())


def test_a_promise_file_comes_back_and_has_one_encoding() -> None:
    for anchor in (ANCHOR, msgspec.UNSET):
        file = PromiseFile(signed(Promise(ITEMS, RECEIVED, DUE)), ITEMS[0], NOTARY, anchor)
        raw = write_promise_file(file)
        assert parse_promise_file(raw) == file and json.loads(raw)["type"] == "ConsentPromise"
        with pytest.raises(Malformed):
            parse_promise_file(raw + b"\n")


def test_a_promise_file_is_about_its_own_item_and_notary() -> None:
    promise = signed(Promise(ITEMS, RECEIVED, DUE))
    with pytest.raises(Malformed, match="does not name this item"):
        PromiseFile(promise, ZERO_WORD, NOTARY)
    with pytest.raises(BadSignature, match="not signed by the named notary"):
        PromiseFile(promise, ITEMS[0], REGISTRY)
    another = signed(Promise(ITEMS, RECEIVED, DUE), b"\x12" * 32)
    raw = write_promise_file(PromiseFile(promise, ITEMS[0], NOTARY))
    forged = raw.replace(promise.signature.encode(), another.signature.encode())
    with pytest.raises((BadSignature, Malformed)):
        parse_promise_file(forged)


def facts_of(query: HandleQuery, *, done: int = 0, head: int = DUE, relay: bool = False) -> Facts:
    answer = AnchorFacts(0, done, 0) if relay else AnchorFacts(done, 0, 0)
    return Facts(31_337, 9, ZERO_WORD, head, 0, 0, None, {query: answer}, {})


@given(st.integers(1, 4_000), st.integers(0, 4_000), st.booleans(), st.booleans())
def test_every_state_follows_from_the_chains_time_alone(done: int, head: int, is_done: bool, relay: bool) -> None:
    message = (RelayPromise if relay else Promise)(ITEMS, RECEIVED, DUE)
    anchor = ANCHOR if is_done and not relay else None
    query = promise_query(message, ITEMS[0], anchor)
    facts = facts_of(query, done=done if is_done else 0, head=head, relay=relay)
    state = judge_promise(message, ITEMS[0], facts, anchor)
    if is_done:
        assert state == ("Kept" if done <= DUE else "Late")
    elif head <= DUE:
        assert state == "Open"
    else:
        assert state == ("Late" if relay else "Unshown")
    assert judge_promise(message, ITEMS[0], facts._replace(clock=10**9), anchor) == state


@pytest.mark.parametrize(("done", "head", "state"), [(DUE, DUE + 1, "Kept"), (DUE + 1, DUE + 1, "Late")])
def test_the_last_second_counts(done: int, head: int, state: str) -> None:
    for message in (Promise(ITEMS, RECEIVED, DUE), RelayPromise(ITEMS, RECEIVED, DUE)):
        relay = isinstance(message, RelayPromise)
        anchor = None if relay else ANCHOR
        query = promise_query(message, ITEMS[0], anchor)
        assert judge_promise(message, ITEMS[0], facts_of(query, done=done, head=head, relay=relay), anchor) == state
        unknown = promise_query(message, ITEMS[0])
        assert judge_promise(message, ITEMS[0], facts_of(unknown, head=DUE)) == "Open"


def test_a_proof_that_a_root_exists_without_the_commitment_counts_for_nothing() -> None:
    message = Promise(ITEMS, RECEIVED, DUE)
    query = promise_query(message, ITEMS[1], ANCHOR)
    with pytest.raises(NotIncluded):
        judge_promise(message, ITEMS[1], facts_of(query, done=DUE), ANCHOR)
    with pytest.raises(InvalidInput, match="does not name this item"):
        judge_promise(message, ZERO_WORD, facts_of(query, done=DUE), ANCHOR)


def test_what_is_asked_of_the_chain() -> None:
    promise, relay = Promise(ITEMS, RECEIVED, DUE), RelayPromise(ITEMS, RECEIVED, DUE)
    assert promise_query(promise, ITEMS[0], ANCHOR) == HandleQuery(ANCHOR.root, ZERO_WORD)
    assert promise_query(promise, ITEMS[0]) == HandleQuery(ZERO_WORD, ZERO_WORD)
    assert promise_query(relay, ITEMS[0]) == HandleQuery(ZERO_WORD, ITEMS[0])
    assert unhex(ITEMS[0]) == WORDS[0]
