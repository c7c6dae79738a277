"""Statements check their rules when they are made."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given

from registry.core.crypto.keccak import keccak256
from registry.core.eip712 import DOMAIN_FIELDS, Domain, domain_of
from registry.core.errors import Malformed
from registry.core.scalars import MAX_DURATION, unhex
from registry.core.statements.base import check_window
from registry.core.statements.messages import (
    MESSAGES,
    TYPES,
    Message,
    Refusal,
    Retire,
    Revoke,
    RevokeAll,
    fields_of,
    kind_of,
    members,
)
from tests.support import strategies
from tests.support.builders import NOW, REGISTRY, SUBJECT, grant_message, request_message, word


def test_the_types_and_the_structures_have_the_same_members() -> None:
    assert MESSAGES.keys() == TYPES.keys()
    for name, kind in MESSAGES.items():
        assert [field.encode_name for field in msgspec.structs.fields(kind)] == [n for n, _ in fields_of(name)]
        assert kind.__name__ == name
    assert tuple(f.encode_name for f in msgspec.structs.fields(Domain)) == tuple(n for n, _ in DOMAIN_FIELDS)


def test_the_fields_of_a_type() -> None:
    assert fields_of("Acceptance") == (
        ("grant", "bytes32"),
        ("controller", "address"),
        ("issuedAt", "uint64"),
        ("salt", "bytes32"),
    )


@given(strategies.messages)
def test_members_have_the_order_of_the_type_and_say_the_same(message: Message) -> None:
    plain = members(message)
    assert list(plain) == [name for name, _ in fields_of(kind_of(message))]
    assert msgspec.convert(plain, type(message)) == message


@given(strategies.messages)
def test_what_was_read_of_a_message_is_what_its_members_say(message: Message) -> None:
    kinds, plain = dict(fields_of(kind_of(message))), members(message)
    words, accounts, scope = message.read
    assert words == tuple(unhex(plain[name]) for name, kind in kinds.items() if kind == "bytes32")
    assert accounts == tuple(unhex(plain[name]) for name, kind in kinds.items() if kind == "address")
    lists = [list(map(keccak256, map(str.encode, plain[name]))) for name in ("purposes", "data") if name in kinds]
    assert scope[: len(lists)] == tuple(keccak256(b"".join(hashes)) for hashes in lists)
    if "commitments" in kinds:
        lists.append([unhex(one) for one in plain["commitments"]])
        assert scope[0] == keccak256(b"".join(lists[0]))
    single = [keccak256(plain[name].encode()) for name in ("category", "terms") if name in kinds]
    assert scope[len(lists) :] == tuple(single)


@given(strategies.messages)
def test_statements_do_not_change(message: Message) -> None:
    with pytest.raises(AttributeError):
        setattr(message, msgspec.structs.fields(message)[0].name, "other")
    assert hash(message) == hash(msgspec.structs.replace(message))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"subject": SUBJECT.lower()}, "EIP-55"),
        ({"controller": SUBJECT.lower()}, "EIP-55"),
        ({"purposes": ()}, "purposes is empty"),
        ({"data": ()}, "data is empty"),
        ({"purposes": ("dpv:Personalisation", "dpv:Marketing")}, "sorted"),
        ({"data": ("pd:Purchase", "pd:Purchase")}, "repeats"),
        ({"data": ("Purchase",)}, "compact IRI"),
        ({"terms": "SD-BASE"}, "terms"),
        ({"expires_at": 0}, "every consent ends"),
        ({"expires_at": NOW - 1000}, "before the beginning"),
        ({"not_before": NOW + 30 * 86_400}, "before the beginning"),
        ({"expires_at": NOW - 1000 + MAX_DURATION + 1}, "ten years"),
    ],
)
def test_a_grant_that_breaks_a_rule_cannot_be_made(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(Malformed, match=says):
        grant_message(statement="", **changes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"controller": SUBJECT.upper()}, "EIP-55"),
        ({"purposes": ()}, "empty"),
        ({"data": ("pd:Purchase", "pd:EmailAddress")}, "sorted"),
        ({"terms": ""}, "terms"),
        ({"expires_at": NOW - 2000}, "before the beginning"),
        ({"expires_at": NOW - 2000 + MAX_DURATION + 1}, "ten years"),
    ],
)
def test_a_request_that_breaks_a_rule_cannot_be_made(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(Malformed, match=says):
        request_message(**changes)


@pytest.mark.parametrize("kind", [Revoke, RevokeAll, Retire])
def test_addresses_in_endings_are_checked(kind: Any) -> None:
    rest = {Revoke: (word(1),), RevokeAll: (1,), Retire: ()}[kind]
    assert kind(SUBJECT, *rest).subject == SUBJECT
    with pytest.raises(Malformed, match="EIP-55"):
        kind(SUBJECT.lower(), *rest)


def test_a_refusal_names_what_it_refuses() -> None:
    with pytest.raises(Malformed, match="purposes is empty"):
        Refusal("", SUBJECT, SUBJECT, word(1), (), word(2), 1, word(3))


@pytest.mark.parametrize(
    ("issued", "begins", "ends", "good"),
    [
        (0, 0, 1, True),
        (0, 0, MAX_DURATION, True),
        (0, 0, MAX_DURATION + 1, False),
        (5, 0, 5, False),
        (5, 0, 6, True),
        (5, 9, 9, False),
        (5, 9, 10, True),
        (0, 0, 0, False),
    ],
)
def test_windows(issued: int, begins: int, ends: int, good: bool) -> None:
    if good:
        check_window(issued, begins, ends)
    else:
        with pytest.raises(Malformed):
            check_window(issued, begins, ends)


def test_the_domain_of_a_registry() -> None:
    assert domain_of(5, REGISTRY) == Domain("ConsentRegistry", "1", 5, REGISTRY)
    with pytest.raises(Malformed, match="EIP-55"):
        domain_of(5, REGISTRY.lower())


@pytest.mark.parametrize("name", ["purposes", "data", "terms"])
def test_a_list_is_no_term_and_a_term_is_no_list(name: str) -> None:
    """Nothing else checks types of a statement built in code, and another type of value would change its digest."""
    value: Any = ("ieee-7012:SD-BASE",) if name == "terms" else "dpv:Personalisation"
    with pytest.raises((Malformed, TypeError)):
        grant_message(**{name: value})
    with pytest.raises((Malformed, TypeError)):
        msgspec.structs.replace(grant_message(), **{name: value})
