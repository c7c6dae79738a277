"""EIP-712: the digests of an independent library, and typed data in both directions."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from eth_account.messages import encode_typed_data
from eth_utils import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.eip712 import Domain, domain_separator
from registry.core.errors import Malformed
from registry.core.scalars import check_terms
from registry.core.statements.messages import Message, Request, kind_of
from registry.core.statements.typed_data import digest, parse_typed_data, struct_hash, typed_data
from tests.support import strategies
from tests.support.builders import CONTROLLER, DOMAIN, grant_message, word
from tests.support.memory import memory_stays_below


@settings(max_examples=150)
@given(strategies.domains, strategies.messages)
def test_digests_are_those_of_eth_account(domain: Domain, message: Message) -> None:
    signable = encode_typed_data(full_message=typed_data(domain, message))
    assert domain_separator(domain) == signable.header
    assert struct_hash(message) == signable.body
    assert digest(domain, message) == keccak(b"\x19" + signable.version + signable.header + signable.body)


@given(strategies.domains, strategies.messages)
def test_typed_data_there_and_back(domain: Domain, message: Message) -> None:
    document = typed_data(domain, message)
    assert parse_typed_data(document) == (domain, message)
    assert parse_typed_data(json.loads(json.dumps(document))) == (domain, message)
    assert typed_data(*parse_typed_data(document)) == document


@given(strategies.messages, strategies.messages)
def test_other_messages_have_other_digests(one: Message, other: Message) -> None:
    assert (digest(DOMAIN, one) == digest(DOMAIN, other)) == (kind_of(one) == kind_of(other) and one == other)


@given(strategies.domains, strategies.domains, strategies.messages)
def test_other_domains_have_other_digests(one: Domain, other: Domain, message: Message) -> None:
    assert (digest(one, message) == digest(other, message)) == (one == other)


def grant_document() -> dict[str, Any]:
    return typed_data(DOMAIN, grant_message())


@given(st.data())
def test_a_changed_type_definition_is_malformed(data: st.DataObject) -> None:
    document = copy.deepcopy(grant_document())
    fields = document["types"][data.draw(st.sampled_from(["Grant", "EIP712Domain"]))]
    place = data.draw(st.integers(0, len(fields) - 1))
    match data.draw(st.sampled_from(["drop", "double", "rename", "retype", "swap", "extend"])):
        case "drop":
            del fields[place]
        case "double":
            fields.insert(place, fields[place])
        case "rename":
            fields[place]["name"] += "_"
        case "retype":
            fields[place]["type"] = "bytes"
        case "swap":
            fields[place], fields[place - 1] = fields[place - 1], fields[place]
        case "extend":
            fields[place]["more"] = "x"
    with pytest.raises(Malformed):
        parse_typed_data(document)


@pytest.mark.parametrize("value", [1.0, True, "1790000000", "0x6ab13b80", -1, 2**53, None, [1]])
def test_a_second_spelling_of_a_time_is_malformed(value: Any) -> None:
    document = grant_document()
    document["message"]["issuedAt"] = value
    with pytest.raises(Malformed):
        parse_typed_data(document)


@pytest.mark.parametrize("document", [None, [], "{}", {}, 1, {"types": {}, "primaryType": "Grant", "domain": {}}])
def test_what_is_no_typed_data(document: Any) -> None:
    with pytest.raises(Malformed, match="exactly types"):
        parse_typed_data(document)


@pytest.mark.parametrize("kind", ["Permit", "grant", "", None, 5, ["Grant"], "x" * 100_000])
def test_other_primary_types(kind: Any) -> None:
    with pytest.raises(Malformed, match="not a statement type") as caught:
        parse_typed_data(grant_document() | {"primaryType": kind})
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("member", ["statement", "subject", "purposes", "terms", "salt"])
def test_a_lone_surrogate_is_no_text(member: str) -> None:
    document = grant_document()
    document["message"][member] = ["\ud800"] if member == "purposes" else "\ud800"
    with pytest.raises(Malformed):
        parse_typed_data(document)


def test_members_missing_unknown_or_of_another_type() -> None:
    for change in ({"salt": None}, {"more": 1}, {"purposes": "dpv:Marketing"}, {"data": [1]}, {"salt": "0x00"}):
        document = grant_document()
        document["message"] |= change
        with pytest.raises(Malformed):
            parse_typed_data(document)
    document = grant_document()
    del document["message"]["salt"]
    with pytest.raises(Malformed):
        parse_typed_data(document)


def test_large_lists_of_terms_are_not_cached() -> None:
    """Every list of terms once stayed in a cache, whatever its size: a hostile file could hold 4 MiB of memory."""
    check_terms(("a:0",), "purposes")
    with memory_stays_below(4 * 1024 * 1024):
        for number in range(8):
            terms = tuple(f"a:{number}-{i:05}" for i in range(20_000))
            struct_hash(Request(CONTROLLER, word(1), terms, terms, "a:" + "x" * 500_000, 1, 2, word(2)))
        del terms
