"""The schemas that ship with the package: strict in what they know, open to what exports have beside it."""

from __future__ import annotations

import json
import time
import timeit
from functools import cache
from hashlib import sha256
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.core.sealed.records import FileRef
from registry.present.vocabulary import check_known, vocabulary
from registry.vault.draft import Draft
from registry.vault.schemas.documents import check_document
from registry.vault.schemas.formats import OUR_FORMATS
from registry.vault.schemas.schemas import Schemas, builtin_names

schemas = Schemas()
PURCHASE = {
    "name": "Wool coat, size 40",
    "orderDate": "2026-01-31",
    "price": "129.50",
    "priceCurrency": "EUR",
    "seller": "Maison Aurelle",
    "orderNumber": "A-102993",
    "quantity": 1,
    "url": "https://aurelle.example/p/1",
    "category": "coats",
}
# One good body for each, and members that spoil it.
EXAMPLES: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "purchase/1": (
        PURCHASE,
        [
            {"price": 129.5},
            {"price": "1.234,56"},
            {"priceCurrency": "€"},
            {"seller": {"x": 1}},
            {"name": ""},
        ],
    ),
    "transaction/1": (
        {"amount": "-12.00", "currency": "EUR", "startTime": "2026-01-31", "recipient": {"name": "Bob", "iban": "DE1"}},
        [{"amount": "12,00"}, {"amount": None}, {"startTime": "31.01.2026"}, {"recipient": ["Bob"]}],
    ),
    "place-visited/1": (
        {"latitude": 48.85, "longitude": 2.35, "arrivalTime": "2026-01-31T10:00:00+01:00"},
        [{"latitude": 91}, {"longitude": "2.35"}, {"arrivalTime": "2026-01-31T10:00:00"}],
    ),
    "calendar-event/1": (
        {"name": "Dentist", "startDate": "2026-01-31", "rule": "FREQ=WEEKLY;COUNT=4", "attendee": ["Bob"]},
        [{"startDate": None}, {"endDate": "2026-02-30"}, {"attendee": [1]}],
    ),
    "health-measurement/1": (
        {"measuredProperty": "heart rate", "value": 62, "unitText": "1/min", "observationDate": "2026-01-31T10:00:00Z"},
        [{"value": None}, {"measuredProperty": 1}, {"observationDate": "now"}],
    ),
    "device-reading/1": (
        {
            "measuredProperty": "room temperature",
            "value": 20.5,
            "unitText": "°C",
            "observationDate": "2026-01-31T10:00:00Z",
        },
        [{"value": None}, {"measuredProperty": ""}],
    ),
    "contact/1": (
        {
            "name": "Bob",
            "email": ["bob@example.com", {"value": "b@example.com", "type": "work"}],
            "birthDate": "--02-29",
        },
        [{"email": [1]}, {"birthDate": "12.4.1985"}, {"birthDate": "1985-13"}],
    ),
    "message/1": (
        {"text": "hello", "sender": "Bob", "recipient": ["Alice"], "dateSent": "2026-01-31T10:00:00Z"},
        [{"text": 1}, {"dateSent": "2026-01-31T25:00:00Z"}],
    ),
    "preference/1": ({"name": "shoe size", "value": 42}, [{"name": 42}, {"value": None}]),
    "note/1": ({"text": "milk", "keywords": ["shopping"]}, [{"text": None}, {"keywords": [1]}]),
    "file/1": ({"name": "a.pdf", "dateCreated": "2026-01-31"}, [{"name": 1}, {"dateCreated": "2026"}]),
}


def draft(name: str, body: dict[str, Any], **more: Any) -> Draft:
    return Draft(schemas.get(name).category, name, body=body, **more)


def test_these_are_the_built_in_ones() -> None:
    assert builtin_names() == sorted(EXAMPLES) == schemas.names()


@pytest.mark.parametrize("name", builtin_names())
class TestEach:
    def test_it_keeps_the_rules_for_peoples_own(self, name: str) -> None:
        check_document(schemas.get(name).document)
        assert schemas.get(name).name == name and schemas.get(name).title != name

    def test_its_category_is_a_known_kind_of_data(self, name: str) -> None:
        check_known([schemas.get(name).category], "data")
        assert schemas.get(name).category in vocabulary()["terms"]

    def test_its_example_fits(self, name: str) -> None:
        assert schemas.faults(draft(name, EXAMPLES[name][0])) == []

    def test_what_is_spoilt_is_told_with_its_member(self, name: str) -> None:
        body, spoilt = EXAMPLES[name]
        for change in spoilt:
            faults = schemas.faults(draft(name, {**body, **change}, time="2026-01-31"))
            assert [fault.member.startswith(f"body.{next(iter(change))}") for fault in faults] == [True], change

    def test_a_body_without_anything_it_knows_is_refused(self, name: str) -> None:
        # The columns of a file were given to the wrong schema. A file's own name and hash stand beside the body.
        assert bool(schemas.faults(draft(name, {"colour": "red"}, time="2026-01-31"))) == (name != "file/1")

    def test_members_that_it_does_not_know_are_kept_and_searched(self, name: str) -> None:
        body = {**EXAMPLES[name][0], "Gift wrap": {"paper": "with zebras"}}
        assert schemas.faults(draft(name, body)) == []

    def test_every_member_has_a_kind_for_tables(self, name: str) -> None:
        schema = schemas.get(name)
        assert list(schema.members) == list(schema.document["properties"])
        assert {schema.members[member] for member in schema.profile.time} <= {"when"}


member_values = st.none() | st.booleans() | st.integers(-5, 200) | st.floats(-1e6, 1e6) | st.sampled_from(
    ["", "x", "12.50", "-0.5", "1,5", "EUR", "eur", "2026-01-31", "2026-02-30", "2026-01-31T10:00:00Z", "--02-29"]
) | st.sampled_from([[], ["a"], [1], {}, {"name": "x"}, {"name": 1}, [{"value": "x"}]])  # fmt: skip


@cache
def oracle(name: str) -> jsonschema.Draft202012Validator:
    """The schema in another implementation, in pure Python."""
    checker = jsonschema.FormatChecker(formats=())
    for word, check in OUR_FORMATS.items():
        checker.checks(word)(lambda value, check=check: type(value) is not str or check(value))
    return jsonschema.Draft202012Validator(schemas.get(name).document, format_checker=checker)


@given(st.data(), st.sampled_from(builtin_names()))
def test_another_implementation_judges_the_same(data: st.DataObject, name: str) -> None:
    members = st.sampled_from(list(schemas.get(name).members))
    body = {**EXAMPLES[name][0], **data.draw(st.dictionaries(members, member_values, max_size=4))}
    for gone in data.draw(st.lists(st.sampled_from(list(body)), max_size=2)):
        body.pop(gone, None)
    faults = schemas.faults(draft(name, body, time="2026-01-31")) if body else ["empty"]
    assert (faults == []) == (bool(body) and oracle(name).is_valid(body))


class TestWords:
    def test_all_faults_are_told_in_plain_words(self) -> None:
        spoilt = {
            **PURCHASE, "name": None, "orderDate": "2026-02-30", "price": "1.234,56", "seller": {}, "quantity": "few",
        }  # fmt: skip
        with pytest.raises(InvalidInput) as told:
            schemas.check(Draft("pd:Purchas", "purchase/1", None, "", ("x" * 65,), spoilt, at="line 12"))
        assert told.value.details == (
            "line 12: category: pd:Purchas is not a known kind of data of DPV 2.3. Did you mean pd:Purchase, "
            "pd:PurchasesAndSpendingHabit? Search with `consent vocabulary WORD`.",
            "line 12: source: must be text of 1 to 200 characters",
            "line 12: tags[0]: must be text of 1 to 64 characters",
            "line 12: body.name: null must be text",
            "line 12: body.orderDate: '2026-02-30' is no time: the calendar has no such day",
            'line 12: body.price: "1.234,56" must be an amount: digits, and a point before decimals, such as "1234.56"',
            "line 12: body.seller.name: is missing",
            'line 12: body.quantity: "few" must be an amount: digits, and a point before decimals, such as "1234.56"',
        )
        assert str(told.value) == f"{told.value.details[0]} (and 7 more)"

    @pytest.mark.parametrize(
        ("name", "body", "words"),
        [
            ("purchase/1", {"name": "x"}, "time: is missing: nothing says when it happened (a member orderDate would)"),
            ("purchase/1", {}, "body: holds nothing, and there is no file"),
            ("purchases/1", {"name": "x"}, "schema: there is no schema 'purchases/1'"),
            ("message/1", {"sender": "Bob"}, "body: needs text, or headline, or messageAttachment"),
            ("contact/1", {"name": "B", "birthDate": "May"}, "body.birthDate: \"May\" must be a day such as 1985-04-12"
             ", or what is known of it: 1985, 1985-04 or --04-12"),
            ("place-visited/1", {"latitude": 91, "longitude": 2}, "body.latitude: 91 must be at most 90"),
            ("place-visited/1", {"name": "x", "latitude": 9}, "body.longitude: is missing"),
        ],
    )  # fmt: skip
    def test_each_fault_has_its_words(self, name: str, body: dict[str, Any], words: str) -> None:
        time = None if "nothing says when" in words else "2026-01-31"
        assert [str(fault) for fault in schemas.faults(Draft("pd:Purchase", name, time, body=body))] == [words]

    def test_a_wrong_time_of_the_draft_is_told(self) -> None:
        [fault] = schemas.faults(Draft("pd:Purchase", "purchase/1", "2026-01-31 10:00", body=PURCHASE))
        assert fault.member == "time" and "capital T" in fault.why

    def test_at_most_twenty_faults_are_told(self) -> None:
        body = {"name": "x", "email": [1] * 1000}
        assert len(schemas.faults(draft("contact/1", body))) == 20

    def test_an_unknown_schema_is_answered_with_the_one_that_was_meant(self) -> None:
        with pytest.raises(InvalidInput, match="no schema 'purchases/1'") as told:
            schemas.get("purchases/1")
        assert "purchase/1" in told.value.advice


class TestLabels:
    @pytest.mark.parametrize(
        ("change", "member"),
        [
            ({"source": "x" * 201}, "source"),
            ({"source": "\ud800"}, "source"),
            ({"tags": tuple(map(str, range(33)))}, "tags"),
            ({"tags": ("",)}, "tags[0]"),
            ({"tags": ("a", "\udfff")}, "tags[1]"),
            ({"tags": ("a", 1)}, "tags[1]"),
            ({"category": "dpv:Personalisation"}, "category"),
            ({"category": "https://example.com/data"}, "category"),
            ({"category": "pd:"}, "category"),
        ],
    )
    def test_bad_ones_are_told(self, change: dict[str, Any], member: str) -> None:
        good = {"category": "pd:Purchase", "schema": "purchase/1", "body": PURCHASE}
        assert [fault.member for fault in schemas.faults(Draft(**{**good, **change}))] == [member]

    def test_the_largest_are_taken(self) -> None:
        tags = (*(f"{place:064}" for place in range(32)), "0".zfill(64))
        assert schemas.faults(draft("purchase/1", PURCHASE, tags=tags, source="x" * 200)) == []


def test_a_file_needs_no_body() -> None:
    file = FileRef("a.pdf", "application/pdf", 1, sha256(b"\0").hexdigest(), data="AA==")
    assert schemas.faults(Draft("pd:PersonalDocuments", "file/1", file=file)) == []
    # A receipt alone does not say what was bought.
    assert [fault.member for fault in schemas.faults(Draft("pd:Purchase", "purchase/1", "2026-01-31", file=file))] == [
        "body.name"
    ]


def test_checking_costs_little_more_than_the_schema_itself() -> None:
    # A record takes less than 3 microseconds, five times what its schema alone takes.
    given_draft, is_valid = (
        draft("purchase/1", PURCHASE, source="export", tags=("a",)),
        schemas.get("purchase/1").validator.is_valid,
    )

    def best(call: Any, *arguments: Any) -> float:
        return min(timeit.repeat(lambda: call(*arguments), number=2_000, repeat=15, timer=time.process_time))

    assert best(schemas.check, given_draft) < 10 * best(is_valid, PURCHASE)


def test_the_documents_are_one_text_each(tmp_path: Any) -> None:
    for name in builtin_names():
        document = schemas.get(name).document
        assert Schemas().get(name).document == document
        assert json.loads(json.dumps(document)) == document
