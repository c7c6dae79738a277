"""A person's own schemas: what is taken, and everything that is refused, with its reason."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.vault.draft import Draft
from registry.vault.schemas.documents import DIALECT, MAX_DOCUMENT, MAX_REFERENCES, MAX_SUBSCHEMAS, read_document
from registry.vault.schemas.formats import OUR_FORMATS
from registry.vault.schemas.schemas import MAX_OWN, Schemas

RUN: dict[str, Any] = {
    "$schema": DIALECT,
    "$id": "https://example.com/running",
    "title": "Run",
    "x-vault": {"name": "running/1", "category": "pd:PhysicalHealth", "time": ["start"], "text": ["place"]},
    "type": "object",
    "required": ["start", "metres"],
    "additionalProperties": False,
    "properties": {
        "start": {"$ref": "#/$defs/a%20time"},
        "metres": {"type": "integer", "minimum": 1},
        "place": {"type": "string", "maxLength": 20},
        "shoes": {"enum": ["old", "new"]},
        "legs": {"type": "array", "items": {"type": "number"}, "maxItems": 3},
        "code": {"type": "string", "pattern": "^[a-z]{2}$"},
        "page": {"type": "string", "format": "uri"},
    },
    "$defs": {"a time": {"type": "string", "format": "when"}},
}


def raw(document: Any) -> bytes:
    return json.dumps(document).encode()


def changed(**members: Any) -> bytes:
    return raw({**RUN, **members})


def with_member(schema: Any) -> bytes:
    return changed(properties={**RUN["properties"], "extra": schema})


def draft(body: dict[str, Any], name: str = "running/1") -> Draft:
    return Draft("pd:PhysicalHealth", name, body=body)


@pytest.fixture
def schemas() -> Schemas:
    return Schemas()


class TestAdding:
    def test_it_checks_drafts_from_then_on(self, schemas: Schemas) -> None:
        added = schemas.add(raw(RUN))
        assert (added.name, added.title, added.category) == ("running/1", "Run", "pd:PhysicalHealth")
        assert schemas.names()[-1] == "running/1"
        assert schemas.faults(draft({"start": "2026-01-31", "metres": 5000})) == []

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"metres": 0}, "body.metres: 0 must be at least 1"),
            ({"metres": 1.5}, "body.metres: 1.5 must be a whole number"),
            ({"shoes": "blue"}, 'body.shoes: "blue" must be one of "old", "new"'),
            ({"place": "x" * 21}, 'body.place: "xxxxxxxxxxxxxxxxxxxxx" must have at most 20 characters'),
            ({"legs": [1, "2", 3]}, 'body.legs[1]: "2" must be a number'),
            ({"legs": [1, 2, 3, 4]}, "body.legs: [1, 2, 3, 4] must have at most 3 items"),
            ({"code": "abc"}, 'body.code: "abc" must be text that fits the pattern ^[a-z]{2}$'),
            ({"code": "ab\n"}, 'body.code: "ab\\n" must be text that fits the pattern ^[a-z]{2}$'),
            ({"page": "example"}, 'body.page: "example" must be a URL with its scheme (https://..)'),
            ({"rain": 1}, "body.rain: is no member of this schema"),
            ({"rain": 1, "snow": 2, "ice": 3}, "body.ice: is no member of this schema (nor are 2 others)"),
        ],
    )
    def test_its_faults_have_words(self, schemas: Schemas, change: dict[str, Any], words: str) -> None:
        schemas.add(raw(RUN))
        body = {"start": "2026-01-31", "metres": 5000, **change}
        [fault] = schemas.faults(draft(body))
        if "others" in words:  # which of them is named first does not matter
            assert str(fault).split("(")[1] == words.split("(")[1]
        else:
            assert str(fault) == words

    def test_a_vault_that_is_opened_again_has_them(self, schemas: Schemas) -> None:
        schemas.add(raw(RUN))
        again = Schemas(schema.document for schema in schemas.own())
        assert again.names() == schemas.names() and again.get("running/1").document == schemas.get("running/1").document

    def test_the_name_may_be_given_beside_it(self, schemas: Schemas) -> None:
        document = changed(**{"x-vault": {"category": "pd:PhysicalHealth", "undated": True}})
        assert schemas.add(document, "jogging/1").document["x-vault"]["name"] == "jogging/1"

    def test_without_a_list_all_text_is_searched(self, schemas: Schemas) -> None:
        profile = {"name": "running/1", "category": "pd:PhysicalHealth", "time": ["start"]}
        assert schemas.add(changed(**{"x-vault": profile})).profile.text is None


class TestVersions:
    def test_one_is_never_replaced_but_followed(self, schemas: Schemas) -> None:
        schemas.add(raw(RUN))
        with pytest.raises(InvalidInput, match="there is a schema running/1 already") as told:
            schemas.add(changed(title="Another"))
        assert "running/2" in told.value.advice
        schemas.add(raw(RUN), "running/2")
        assert schemas.names()[-2:] == ["running/1", "running/2"]
        with pytest.raises(InvalidInput, match="not the next version"):
            schemas.add(raw(RUN), "running/4")

    def test_the_first_is_1(self, schemas: Schemas) -> None:
        with pytest.raises(InvalidInput, match="not the next version"):
            schemas.add(raw(RUN), "running/2")

    def test_versions_are_ordered_as_numbers(self, schemas: Schemas) -> None:
        for version in range(1, 12):
            schemas.add(raw(RUN), f"running/{version}")
        assert [schema.name for schema in schemas.own()][-2:] == ["running/10", "running/11"]

    @pytest.mark.parametrize("name", ["purchase/1", "purchase/2"])
    def test_the_built_in_ones_are_not_followed(self, schemas: Schemas, name: str) -> None:
        with pytest.raises(InvalidInput, match="purchase is a built-in schema"):
            schemas.add(raw(RUN), name)

    def test_a_name_that_a_later_package_ships_stays_the_persons(self) -> None:
        own = {**RUN, "x-vault": {**RUN["x-vault"], "name": "note/1"}}
        schemas = Schemas([own])
        assert schemas.get("note/1").title == "Run" and schemas.names().count("note/1") == 1
        assert schemas.add(raw(RUN), "note/2").name == "note/2"

    def test_their_number_is_bounded(self, schemas: Schemas) -> None:
        for version in range(1, MAX_OWN + 1):
            schemas.add(raw(RUN), f"running/{version}")
        with pytest.raises(InvalidInput, match="256 schemas"):
            schemas.add(raw(RUN), f"running/{MAX_OWN + 1}")


class TestRefusals:
    @pytest.mark.parametrize(
        "name", ["", "x", "x/0", "x/01", "x/10000", "X/1", "x y/1", "x/1\n", "x" * 41 + "/1", "x/1/1"]
    )
    def test_names(self, schemas: Schemas, name: str) -> None:
        with pytest.raises(InvalidInput, match="x-vault is malformed"):
            schemas.add(raw(RUN), name)

    @pytest.mark.parametrize(
        ("profile", "words"),
        [
            (None, "malformed"),
            ({"name": "running/1"}, "category"),
            ({"name": "running/1", "category": "pd:Running"}, "not a known kind of data"),
            ({"name": "running/1", "category": "dpv:Personalisation"}, "but a purpose"),
            ({"name": "running/1", "category": "pd:Health", "colour": "red"}, "unknown field"),
            ({"name": "running/1", "category": "pd:Health", "time": ["begin"]}, "'begin', which is not among"),
            ({"name": "running/1", "category": "pd:Health", "time": ["place"]}, "'place', which needs"),
            ({"name": "running/1", "category": "pd:Health", "amount": "metres"}, "'metres', which needs"),
            ({"name": "running/1", "category": "pd:Health", "currency": "code"}, "'code', which needs"),
            ({"name": "running/1", "category": "pd:Health", "text": ["where"]}, "'where', which is not among"),
        ],
    )
    def test_what_x_vault_must_say(self, schemas: Schemas, profile: Any, words: str) -> None:
        with pytest.raises(InvalidInput, match=words):
            schemas.add(changed(**{"x-vault": profile}))

    @pytest.mark.parametrize(
        ("member", "words"),
        [
            ({"maxLenght": 3}, "did you mean maxLength"),
            ({"type": "text"}, "not JSON Schema 2020-12: /properties/extra/type"),
            ({"minimum": "3"}, "not JSON Schema 2020-12: /properties/extra/minimum"),
            ({"$ref": "https://example.com/other"}, "is no subschema of this document"),
            ({"$ref": "file:///etc/passwd"}, "is no subschema of this document"),
            ({"$ref": "other.json#/a"}, "is no subschema of this document"),
            ({"$ref": "https://example.com/running#/$defs/a%20time"}, "is no subschema of this document"),
            ({"$ref": "#/$defs/nowhere"}, "is no subschema of this document"),
            ({"$ref": "#/title"}, "is no subschema of this document"),
            ({"$ref": "#"}, "refers to itself"),
            ({"items": {"$ref": "#/properties/extra"}}, "refers to itself"),
            ({"$dynamicRef": "#a"}, "is not supported"),
            ({"$anchor": "a"}, "is not supported"),
            ({"$id": "https://example.com/inner"}, "at the top only"),
            ({"x-vault": {}}, "at the top only"),
            ({"unevaluatedProperties": False}, "use additionalProperties"),
            ({"definitions": {}}, "called \\$defs"),
            ({"format": "credit-card"}, "nothing checks the format 'credit-card'; known are when"),
            ({"format": "datetime"}, "did you mean date-time"),
            ({"pattern": "(a+)\\1"}, "bounded time"),
            ({"pattern": "(?=a)"}, "bounded time"),
            ({"pattern": "(a{1000}){1000}"}, "bounded time"),
            ({"pattern": "("}, "not JSON Schema 2020-12|bounded time"),
            ({"pattern": "a" * 501}, "more than 500 characters"),
            ({"patternProperties": {"(?<!a)b": True}}, "bounded time"),
        ],
    )
    def test_members(self, schemas: Schemas, member: Any, words: str) -> None:
        with pytest.raises(InvalidInput, match=words):
            schemas.add(with_member(member))
        assert schemas.own() == ()

    @pytest.mark.parametrize(
        ("document", "words"),
        [
            (b"", "no JSON"),
            (b"{", "no JSON"),
            (b"[]", "is an object"),
            (b"true", "is an object"),
            (b'{"type":"object","type":"object"}', "member name appears twice"),
            (b'{"type":"object","minimum":NaN}', "NaN is not JSON"),
            (b'{"type":"object","title":"\\ud800"}', "no JSON"),
            (b"\xff\xfe{}", "no JSON"),
            (b'{"type":"object","not":' * 200 + b"{}" + b"}" * 200, "nested"),
            (b'{"type":"object"}' + b" " * MAX_DOCUMENT, "longer than"),
            (changed(type="array"), "is an object"),
            (changed(type=["object", "null"]), "is an object"),
            (changed(**{"$schema": "http://json-schema.org/draft-07/schema#"}), "schema is not https://json-schema"),
            (changed(**{"$schema": 7}), "schema is not https://json-schema"),
        ],
    )
    def test_documents(self, document: bytes, words: str) -> None:
        with pytest.raises(InvalidInput, match=words):
            read_document(document)

    def test_every_fault_is_told(self) -> None:
        with pytest.raises(InvalidInput, match="and 2 more") as told:
            read_document(with_member({"maxLenght": 1, "format": "x", "pattern": "(?=a)"}))
        assert [detail.split(":")[0] for detail in told.value.details] == [
            "/properties/extra/maxLenght", "/properties/extra/format", "/properties/extra"
        ]  # fmt: skip


@pytest.mark.parametrize(
    "member",
    [
        {"$ref": "https://example.com/other"},
        {"$ref": "file:///etc/passwd"},
        {"type": "string", "format": "colour"},
        {"pattern": "(?=a)"},
    ],
)
def test_a_book_cannot_bring_what_adding_refuses(member: dict[str, Any]) -> None:
    # A book is not read as strictly as a file. What its schemas compile to asks nobody, and checks what it says.
    schemas = Schemas([json.loads(with_member(member))])
    with pytest.raises(InvalidInput, match="cannot check by the schema running/1"):
        schemas.check(draft({"start": "2026-01-31", "metres": 1}))


def test_no_file_is_read_for_a_reference(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("{}")
    schemas = Schemas([json.loads(with_member({"$ref": (tmp_path / "other.json").as_uri()}))])
    with pytest.raises(InvalidInput, match="cannot check by the schema running/1"):
        schemas.check(draft({"start": "2026-01-31", "metres": 1}))


class TestTime:
    """A schema of a stranger's cannot take the person's time."""

    def test_references_that_double_are_counted(self) -> None:
        doubled = {f"n{i}": {"allOf": [{"$ref": f"#/$defs/n{i + 1}"}] * 2} for i in range(20)}
        with pytest.raises(InvalidInput, match=f"more than {MAX_SUBSCHEMAS} subschemas"):
            read_document(
                raw({"type": "object", "$ref": "#/$defs/n0", "$defs": {**doubled, "n20": {"type": "object"}}})
            )

    def test_a_chain_of_references_is_bounded(self) -> None:
        chain = {f"n{i}": {"$ref": f"#/$defs/n{i + 1}"} for i in range(1_000)}
        with pytest.raises(InvalidInput, match=f"more than {MAX_REFERENCES} deep"):
            read_document(raw({"type": "object", "$defs": {**chain, "n1000": {}}}))

    def test_a_reference_used_twice_is_no_circle(self) -> None:
        read_document(with_member({"allOf": [{"$ref": "#/$defs/a%20time"}, {"$ref": "#/properties/place"}]}))

    def test_patterns_run_in_linear_time(self, schemas: Schemas) -> None:
        schemas.add(with_member({"type": "string", "pattern": "^(a+)+$"}))
        started = time.process_time()
        assert schemas.faults(draft({"start": "2026-01-31", "metres": 1, "extra": "a" * 1_000_000 + "!"}))
        assert time.process_time() - started < 2

    def test_the_largest_schema_meets_the_largest_body(self, schemas: Schemas) -> None:
        many = {"items": {"allOf": [{"maximum": 10 + i} for i in range(MAX_SUBSCHEMAS - 20)]}}
        schemas.add(with_member(many))
        started = time.process_time()
        assert schemas.faults(draft({"start": "2026-01-31", "metres": 1, "extra": [1] * 500_000})) == []
        assert time.process_time() - started < 20


leaves = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["object", "string", "integer", "array", ["string", "null"], "text"]),
        "minimum": st.integers(-1, 3),
        "maxLength": st.integers(0, 2),
        "enum": st.just([1, "x", {}]),
        "const": st.sampled_from(["x", None]),
        "pattern": st.sampled_from(["^x", "(x+)+$", "(?=x)"]),
        "format": st.sampled_from(["when", "amount", "colour"]),
        "required": st.lists(st.sampled_from("ab"), max_size=2, unique=True),
        "uniqueItems": st.booleans(),
        "$ref": st.sampled_from(["#/$defs/a", "#/$defs/b", "#", "#/properties/a"]),
    },
)


def applied(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    members = st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    some = st.lists(inner, min_size=1, max_size=2)
    keywords = {"properties": members, "dependentSchemas": members, "$defs": members, "allOf": some, "anyOf": some}
    one = dict.fromkeys(["items", "not", "if", "then", "additionalProperties", "propertyNames", "contains"], inner)
    return st.fixed_dictionaries({}, optional={**keywords, "oneOf": some, "prefixItems": some, **one})


some_schemas = st.recursive(st.booleans() | leaves, applied, max_leaves=6)
some_values = st.recursive(
    st.sampled_from([None, True, 0, 2, 1.5, "x", "xx", "", "2026-01-31", "1.50"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from("ab"), some_schemas, max_size=2),
    st.fixed_dictionaries({"a": some_schemas, "b": some_schemas}),
    st.dictionaries(st.sampled_from("ab"), some_values, min_size=1),
)
def test_whatever_is_taken_judges_as_another_implementation_does(
    members: Any, named: Any, body: dict[str, Any]
) -> None:
    profile = {"name": "some/1", "category": "pd:Purchase", "undated": True}
    document = {"type": "object", "x-vault": profile, "properties": members, "$defs": named}
    schemas = Schemas()
    try:
        schemas.add(raw(document))
    except InvalidInput:
        event("refused")
        return
    checker = jsonschema.FormatChecker(formats=())
    for word, check in OUR_FORMATS.items():
        checker.checks(word)(lambda value, check=check: type(value) is not str or check(value))
    is_valid = jsonschema.Draft202012Validator(document, format_checker=checker).is_valid(body)
    event(f"valid: {is_valid}")
    faults = schemas.faults(draft(body, "some/1"))
    assert (faults == []) == is_valid
    assert all(fault.member.startswith("body") and fault.why for fault in faults)
    assert schemas.get("some/1").members.keys() == members.keys()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["type", "properties", "$ref", "x-vault", "allOf"]) | st.text(), inner)
        ),
    )
)
def test_whatever_stands_in_a_file_is_taken_or_refused(value: Any) -> None:
    for document in (value, {"type": "object", "x-vault": value, "properties": value}):
        with suppress(InvalidInput):
            Schemas().add(raw(document))
