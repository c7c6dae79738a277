"""A record has the members that docs/formats.md names, in their one form, and a line holds nothing else."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import json
import random
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from rich.pretty import pretty_repr

from registry.core.errors import Malformed
from registry.core.scalars import MAX_SAFE_INTEGER
from registry.core.sealed.records import (
    MAX_BODY,
    MAX_INLINE_FILE,
    MAX_LINE,
    FileRef,
    Record,
    check_time,
    file_data,
    id_in_bundle,
    parse_record,
    write_record,
)
from tests.support.sealed_builders import HOME, file_ref, identity, record, records, sealed_file_ref, times, uuid7

GOOD = write_record(record())
PLAIN: dict[str, Any] = json.loads(GOOD)


def line(**changes: Any) -> bytes:
    """The good line with members replaced; ``...`` leaves one out."""
    members = {name: value for name, value in (PLAIN | changes).items() if value is not ...}
    return json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )


@given(records)
def test_there_and_back(made: Record) -> None:
    written = write_record(made)
    assert parse_record(written) == made
    assert b"\n" not in written
    assert list(json.loads(written)) == sorted(json.loads(written))


def test_the_line_of_a_purchase() -> None:
    assert GOOD.decode() == (
        '{"body":{"name":"basket 1: mushrooms, grapes","orderDate":"2026-01-31","orderNumber":"A-0000001",'
        '"price":"1.01","priceCurrency":"EUR","quantity":2,"seller":"Maison Aurelle"},"category":"pd:Purchase",'
        '"counter":1,"home":"00112233aabbccdd","id":"01900000-0001-7001-8000-0009e3779b1f","schema":"purchase/1",'
        '"source":"aurelle.example export","time":"2026-01-31"}'
    ).replace("01900000-0001-7001-8000-0009e3779b1f", uuid7(1))


def test_a_tombstone_has_id_counter_and_home() -> None:
    stone = Record(id=uuid7(1), counter=2, home=HOME, deleted=True)
    assert json.loads(write_record(stone)) == {"counter": 2, "deleted": True, "home": HOME, "id": uuid7(1)}
    assert stone.version > record().version


def test_a_key_is_of_own_records_alone() -> None:
    key = "0123456789abcdef" * 2
    assert parse_record(write_record(record(key=key))).key == key
    stone = Record(id=uuid7(1), counter=2, home=HOME, key=key, deleted=True)
    assert parse_record(write_record(stone)) == stone
    with pytest.raises(Malformed, match="the key is malformed"):
        record(key=key[1:])
    with pytest.raises(Malformed, match="has no key"):
        Record(id="0" * 32, counter=3, key=key, deleted=True)


def test_the_newer_of_two_versions() -> None:
    def of(counter: int, home: str) -> tuple[int, str]:
        return record(counter=counter, home=home).version

    assert of(1, "f" * 16) < of(2, "0" * 16) < of(2, "00000000000000a0") < of(10, "0" * 16)
    assert Record(id="0" * 32, counter=3, deleted=True).version == (3, "")


@pytest.mark.parametrize(
    "spelling",
    [
        json.dumps(PLAIN).encode(),
        json.dumps(dict(reversed(PLAIN.items()))).encode(),
        GOOD.replace(b"basket", b"b\\u0061sket"),
        GOOD.replace(b'"quantity":2', b'"quantity":2.0'),
        GOOD.replace(b'"quantity":2', b'"quantity":2e0'),
        b" " + GOOD + b" ",
    ],
)
def test_lines_of_other_software_may_be_spelled_otherwise(spelling: bytes) -> None:
    assert spelling != GOOD
    assert parse_record(spelling) == record()


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"null",
        b"[]",
        b"\xff",
        b"\xef\xbb\xbf" + GOOD,
        GOOD + GOOD,
        GOOD[:-1],
        GOOD.replace(b'"price":', b'"name":"x","price":'),
        GOOD.replace(b'"counter":1', b'"counter":1,"counter":1'),
        GOOD.replace(b'"counter":1', b'"counter":1,"counter":2'),
        GOOD.replace(b'"quantity":2', b'"more":{"a":[{"b":1,"b":1}]}'),
        GOOD.replace(b'"quantity":2', b'"quantity":NaN'),
        GOOD.replace(b'"quantity":2', b'"quantity":1e999'),
        GOOD.replace(b'"quantity":2', b'"quantity":-Infinity'),
        GOOD.replace(b'"quantity":2', b'"quantity":02'),
        GOOD.replace(b"basket", b"\\ud800"),
        GOOD.replace(b"basket", b"\xed\xa0\x80"),
        GOOD.replace(b"basket", b"\n"),
        line(body=[]),
        line(body=...),
        line(body=None),
        line(body=None, file=None),
        line(more=1),
        line(tags=[]),
        line(tags=None),
        line(file=None),
        line(source=None),
        line(deleted=False),
        line(deleted=True),
        line(deleted=None),
        line(id=uuid7(1).upper()),
        line(id=uuid7(1).replace("-", "")),
        line(id="0190-" + uuid7(1)),
        line(id=uuid7(1) + "\n"),
        line(id="01900000-0001-4001-8000-000000000000"),
        line(id="01900000-0001-7001-c000-000000000000"),
        line(home=...),
        line(home=None),
        line(home=HOME.upper()),
        line(home=HOME + "\n"),
        line(home="00"),
        line(id="0" * 32),
        line(id="0" * 31, home=...),
        line(id="A" * 32, home=...),
        line(counter=0),
        line(counter=-1),
        line(counter=1.5),
        line(counter="1"),
        line(counter=MAX_SAFE_INTEGER + 1),
        line(category=...),
        line(category="Purchase"),
        line(category=""),
        line(category="pd:Purchase "),
        line(schema=...),
        line(schema="purchase"),
        line(schema="purchase/0"),
        line(schema="purchase/01"),
        line(schema="purchase/10000"),
        line(schema="Purchase/1"),
        line(schema="/1"),
        line(schema="p" * 41 + "/1"),
        line(schema="purchase/1\n"),
        line(time=...),
        line(time="2026-02-29"),
        line(source=""),
        line(source="s" * 201),
        line(tags=["b", "a"]),
        line(tags=["a", "a"]),
        line(tags=[""]),
        line(tags=["t" * 65]),
        line(tags=[f"{n:02}" for n in range(33)]),
        line(tags="gift"),
        line(body={"n": MAX_SAFE_INTEGER + 1}),
        line(body={"n": [{"m": -MAX_SAFE_INTEGER - 1}]}),
        line(body={"n": 10**400}),
        line(body={"n": 10**4000}),
    ],
)
def test_what_is_no_record(bad: bytes) -> None:
    with pytest.raises(Malformed):
        parse_record(bad)


def test_the_advice_is_about_records() -> None:
    for wrong in (line(time="2026-02-29"), line(body=...), line(body={"n": 2**53})):
        with pytest.raises(Malformed) as caught:
            parse_record(wrong)
        assert "the record" in caught.value.advice
        assert "9007199254740992" not in str(caught.value)


@pytest.mark.parametrize(
    "good",
    [
        line(source="s" * 200),
        line(source="\u20ac" * 200),
        line(tags=[f"{n:02}" + "t" * 62 for n in range(32)]),
        line(tags=["Z", "a", "é", "中", "\U0001f98a"]),
        line(counter=MAX_SAFE_INTEGER),
        line(schema="a" * 40 + "/9999"),
        line(category="https://vocabulary.example/Walk"),
        line(id="0" * 32, home=...),
        line(body={}),
        line(body={"": {}, "n": [MAX_SAFE_INTEGER, -MAX_SAFE_INTEGER, 0.1, -1.5e300, 5e-324, True, None]}),
        line(body={"\u0000\u001f\u007f\u2028": "\u0000\u001f\u007f\u2028\U0001f98a"}),
    ],
)
def test_what_is_one(good: bytes) -> None:
    made = parse_record(good)
    assert parse_record(write_record(made)) == made


def test_300_altered_lines_are_refused_or_mean_what_they_say() -> None:
    chance, read = random.Random(13), 0
    for _ in range(300):
        altered = bytearray(GOOD)
        altered[chance.randrange(len(altered))] = chance.choice(b'"{}[],:0189aZ\\ \n\x00\xff')
        try:
            made = parse_record(bytes(altered))
        except Malformed:
            continue
        assert json.loads(write_record(made)) == json.loads(bytes(altered))
        read += 1
    assert read > 50


def nested(depth: int, opening: str = '{"a":', closing: str = "}") -> bytes:
    body = opening * (depth - 1) + '{"a":1}' + closing * (depth - 1)
    return GOOD.replace(json.dumps(PLAIN["body"], separators=(",", ":")).encode(), b'{"n":' + body.encode() + b"}")


@pytest.mark.parametrize("brackets", [('{"a":', "}"), ("[", "]")])
def test_bodies_nest_32_deep(brackets: tuple[str, str]) -> None:
    assert parse_record(nested(31, *brackets)).body
    with pytest.raises(Malformed, match="more than 32 deep"):
        parse_record(nested(32, *brackets))
    for depth in (100, 127, 128, 10_000, 200_000):
        with pytest.raises(Malformed, match="nested more than"):
            parse_record(nested(depth, *brackets))


def test_a_body_may_hold_a_mebibyte() -> None:
    fits = {"text": "é" * ((MAX_BODY - len('{"text":""}')) // 2)}
    made = parse_record(line(body=fits))
    assert write_record(made) == line(body=fits)
    assert MAX_BODY - 1 <= len(json.dumps(fits, ensure_ascii=False, separators=(",", ":")).encode()) <= MAX_BODY
    over = line(body={"text": fits["text"] + "é"})
    with pytest.raises(Malformed, match="longer than 1,048,576"):
        parse_record(over)
    with pytest.raises(Malformed, match="longer than 1,048,576"):
        write_record(record(body={"text": fits["text"] + "é"}))


def test_the_longest_line() -> None:
    largest = record(
        source="\u0001" * 200,
        tags=tuple("\u0001" * 62 + f"{n:02}" for n in range(32)),
        body={"text": "x" * (MAX_BODY - 11)},
        file=file_ref(bytes(MAX_INLINE_FILE), name="\u20ac" * 255),
    )
    written = write_record(largest)
    assert MAX_LINE // 2 < len(written) < MAX_LINE
    assert parse_record(written) == largest
    with pytest.raises(Malformed, match="longer than"):
        parse_record(written + b" " * MAX_LINE)


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        Decimal("12.50"),
        datetime.date(2026, 1, 31),
        b"bytes",
        (1, 2),
        {1: 2},
        {1, 2},
        "\ud800",
        {"\udfff": 1},
        object(),
        2**53,
        -(2**70),
    ],
)
def test_bodies_that_json_cannot_hold_are_not_written(value: Any) -> None:
    with pytest.raises(Malformed):
        write_record(record(body={"value": [{"deep": value}]}))


@given(times)
def test_times(time: str) -> None:
    assert check_time(time) == time


@pytest.mark.parametrize("good", ["0001-01-01", "9999-12-31", "2024-02-29", "2026-01-31T23:59:59.999999-23:59"])
def test_the_edges_of_time(good: str) -> None:
    assert check_time(good) == good


@pytest.mark.parametrize(
    "bad",
    [
        "0000-01-01",
        "10000-01-01",
        "2026-02-29",
        "1900-02-29",
        "2026-13-01",
        "2026-00-01",
        "2026-01-00",
        "2026-04-31",
        "26-01-01",
        "2026-1-1",
        "20260131",
        "2026-W05-6",
        "2026-031",
        "2026-01-31 10:00:00Z",
        "2026-01-31T10:00:00",
        "2026-01-31T10:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T23:60:00Z",
        "2016-12-31T23:59:60Z",
        "2026-01-31T10:00:00.Z",
        "2026-01-31T10:00:00.1234567Z",
        "2026-01-31T10:00:00,5Z",
        "2026-01-31t10:00:00Z",
        "2026-01-31T10:00:00z",
        "2026-01-31T10:00:00+24:00",
        "2026-01-31T10:00:00+01:60",
        "2026-01-31T10:00:00+0100",
        "2026-01-31T10:00:00+01",
        "2026-01-31\n",
        " 2026-01-31",
        "２０２６-01-31",
        "",
    ],
)
def test_what_is_no_time(bad: str) -> None:
    with pytest.raises(Malformed, match="neither a date nor a time"):
        check_time(bad)
    with pytest.raises(Malformed):
        parse_record(line(time=bad))


class TestFiles:
    def test_beside_a_body_or_alone(self) -> None:
        for made in (record(file=file_ref()), record(file=file_ref(), body=None), record(file=sealed_file_ref())):
            assert parse_record(write_record(made)) == made

    def test_their_data(self) -> None:
        assert file_data(file_ref(b"\0\xff" * 100)) == b"\0\xff" * 100
        assert file_data(file_ref(b"")) == b""

    def test_the_largest_that_lies_in_its_record(self) -> None:
        assert file_ref(bytes(MAX_INLINE_FILE))
        with pytest.raises(Malformed, match="not what its size"):
            file_ref(bytes(MAX_INLINE_FILE + 1))
        assert sealed_file_ref(bytes=MAX_SAFE_INTEGER)

    @pytest.mark.parametrize(
        "changes",
        [
            {"data": "YSByZWNlaXB0\n"},
            {"data": "YSByZWNlaXB"},
            {"data": "YSByZWNlaXB0===="},
            {"data": "YSByZWNlaXB1"},
            {"data": "€"},
            {"bytes": 8},
            {"sha256": "0" * 64},
            {"sha256": hashlib.sha256(b"a receipt").hexdigest().upper()},
            {"sha256": ""},
            {"data": None},
            {"cid": sealed_file_ref().cid},
            {"identity": identity("file")},
            {"name": ""},
            {"name": "."},
            {"name": ".."},
            {"name": "../x"},
            {"name": "a\\b"},
            {"name": "a\0"},
            {"name": "x\n"},
            {"name": "n" * 256},
            {"media_type": "text"},
            {"media_type": "Text/plain"},
            {"media_type": "text/plain; charset=utf-8"},
            {"media_type": "text/" + "x" * 128},
        ],
    )
    def test_what_is_none(self, changes: dict[str, Any]) -> None:
        with pytest.raises(Malformed):
            file_ref(**changes)

    def test_base64_in_a_second_spelling(self) -> None:
        assert file_ref(b"ab").data == "YWI="
        with pytest.raises(Malformed, match="one spelling"):
            file_ref(b"ab", data="YWJ=")

    @pytest.mark.parametrize(
        "changes",
        [
            {"cid": None},
            {"identity": None},
            {"cid": "bafkrei"},
            {"identity": "AGE-SECRET-KEY-1"},
            {"identity": identity("file") + "\n"},
            {"identity": identity("file").lower()},
        ],
    )
    def test_what_is_sealed_nowhere(self, changes: dict[str, Any]) -> None:
        with pytest.raises(Malformed) as caught:
            msgspec.structs.replace(sealed_file_ref(), **changes)
            FileRef(**{name: getattr(sealed_file_ref(), name) for name in FileRef.__struct_fields__} | changes)
        assert identity("file")[20:40] not in str(caught.value).upper()

    def test_identities_are_in_no_repr(self) -> None:
        for shown in (repr(record(file=sealed_file_ref())), pretty_repr(record(file=sealed_file_ref()))):
            assert "AGE-SECRET-KEY" not in shown
            assert "receipt.txt" in shown


def test_ids_in_bundles_are_those_of_the_design() -> None:
    secret, own = b"\x07" * 32, uuid7(1)
    made = id_in_bundle(secret, own)
    assert made == hmac.new(secret, bytes.fromhex(own.replace("-", "")), "sha256").hexdigest()[:32]
    assert len({made, id_in_bundle(b"\x08" * 32, own), id_in_bundle(secret, uuid7(2))}) == 3
    assert parse_record(write_record(record(id=made, home=None))).id == made
