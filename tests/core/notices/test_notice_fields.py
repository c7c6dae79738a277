"""What a notice asks of each kind of data: read strictly, and each fault is named with its place."""

from __future__ import annotations

from typing import Any

import pytest

from registry.core.errors import Malformed
from registry.core.notices.document import Notice, parse_notice
from registry.core.notices.fields import Fields, fields_of
from tests.support.builders import notice_bytes

PURCHASE = {"category": "pd:Purchase", "members": ["name", "price"]}


def notice(fields: Any) -> Notice:
    return parse_notice(notice_bytes(more={"fields": fields}))


def test_nothing_is_asked_where_nothing_is_said() -> None:
    assert fields_of(parse_notice(notice_bytes())) == fields_of(notice([])) == ()


def test_all_that_may_be_said() -> None:
    whole = PURCHASE | {"schema": "purchase/1", "days": 90, "continuing": True, "source": True, "tags": True}
    (found,) = fields_of(notice([whole]))
    assert found == Fields("pd:Purchase", ("name", "price"), "purchase/1", 90, True, True, True)
    assert fields_of(notice([PURCHASE])) == (Fields("pd:Purchase", ("name", "price")),)


def test_the_file_is_a_member_and_each_schema_may_have_its_own() -> None:
    file = {"category": "pd:Purchase", "members": ["$file"], "schema": "file/1"}
    assert len(fields_of(notice([PURCHASE, file]))) == 2


FAULTS: list[tuple[Any, str]] = [
    ({}, r"more\.fields is no list"),
    ([PURCHASE] * 65, r"more\.fields is no list of at most 64"),
    (["pd:Purchase"], r"more\.fields\[0\]: "),
    ([PURCHASE, {"category": "pd:Purchase"}], r"more\.fields\[1\]: .*members"),
    ([PURCHASE | {"members": []}], r"more\.fields\[0\]: "),
    ([PURCHASE | {"members": ["price", "name"]}], r"more\.fields\[0\]\.members must be sorted"),
    ([PURCHASE | {"members": ["name", "name"]}], r"more\.fields\[0\]\.members must be sorted"),
    ([PURCHASE | {"members": [""]}], r"more\.fields\[0\]: "),
    ([PURCHASE | {"members": ["x" * 201]}], r"more\.fields\[0\]: "),
    ([PURCHASE | {"members": [f"{n:03}" for n in range(257)]}], r"more\.fields\[0\]\.members has more than 256"),
    ([PURCHASE | {"members": ["$name"]}], r"more\.fields\[0\]\.members: '\$name' is no member"),
    ([PURCHASE | {"days": 0}], r"more\.fields\[0\]: "),
    ([PURCHASE | {"days": 36_501}], r"more\.fields\[0\]: "),
    ([PURCHASE | {"days": "90"}], r"more\.fields\[0\]: "),
    ([PURCHASE | {"continuing": 1}], r"more\.fields\[0\]: "),
    ([PURCHASE | {"schema": None}], r"more\.fields\[0\] has a member that is null"),
    ([PURCHASE | {"schema": "Purchase"}], r"more\.fields\[0\]: the schema is malformed"),
    ([PURCHASE | {"purpose": "x"}], r"more\.fields\[0\]: .*purpose"),
    ([PURCHASE | {"category": "purchase"}], r"more\.fields\[0\]: category"),
    ([PURCHASE | {"category": "pd:Age"}], r"more\.fields\[0\]\.category: pd:Age is no datum of the notice"),
    ([PURCHASE, PURCHASE], r"more\.fields\[1\] asks for pd:Purchase a second time"),
    (
        [PURCHASE | {"schema": "purchase/1"}] * 2,
        r"more\.fields\[1\] asks for pd:Purchase of purchase/1 a second time",
    ),
]


@pytest.mark.parametrize(("fields", "says"), FAULTS)
def test_a_fault_is_named_with_its_place(fields: Any, says: str) -> None:
    with pytest.raises(Malformed, match=says) as caught:
        fields_of(notice(fields))
    assert "docs/formats.md" in caught.value.advice
