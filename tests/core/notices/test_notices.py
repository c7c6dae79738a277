"""Notices: a written notice reads back unchanged, and a changed one is another notice or none."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core import codec
from registry.core.errors import Malformed
from registry.core.evidence.file import quoted
from registry.core.notices.document import (
    MAX_NOTICE,
    Notice,
    languages,
    notice_digest,
    parse_notice,
    read_notice,
    sentences,
    terms_of,
)
from tests.support import strategies
from tests.support.builders import grant_message, notice_bytes, notice_document

RAW = notice_bytes()
# Integers have 53 bits at most; a whole double may be larger, and RFC 8785 writes it without a point.
LARGEST = 2**53 - 1
_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-LARGEST, LARGEST)
    | st.floats(allow_nan=False, allow_infinity=False)
    | strategies.texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(strategies.texts, inner, max_size=3),
    max_leaves=8,
)
_tags = st.from_regex(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?", fullmatch=True)


@st.composite
def _texts(draw: st.DrawFn, terms: list[str]) -> dict[str, Any]:
    between = [draw(strategies.plain) for _ in range(8)]
    names = draw(st.permutations(["{controller}", "{data}", "{purposes}", "{expires}"]))
    text = {name: draw(strategies.plain) for name in ("retention", "recipients", "transfers", "rights")}
    return text | {
        "withdrawal": draw(strategies.plain),
        "trace": draw(strategies.plain),
        "and": draw(strategies.names),
        "labels": dict(zip(terms, draw(strategies.labels(len(terms))), strict=True)),
        # A space keeps a combining first letter from joining what stands before it.
        "Grant": "".join(f"{words} {name}" for words, name in zip(between, names, strict=False)),
        "Refusal": f"{{purposes}} {between[6]} {{controller}}",
    }


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Notices of every shape that the schema allows."""
    shapes = st.tuples(strategies.term_lists, strategies.term_lists, strategies.term_lists)
    scopes = draw(st.lists(shapes, min_size=1, max_size=3))
    terms = sorted({term for scope in scopes for part in scope[:2] for term in part})
    tags = draw(st.lists(_tags, min_size=1, max_size=2, unique=True))
    document = notice_document(
        scopes=[dict(zip(("purposes", "data", "processing"), map(list, scope), strict=True)) for scope in scopes],
        terms=draw(strategies.terms),
        maxDays=draw(st.integers(1, 3650)),
        more=draw(st.dictionaries(strategies.texts, _json, max_size=2)),
        text={tag: draw(_texts(terms)) for tag in tags},
    )
    return document | {
        "controller": document["controller"] | {"name": draw(strategies.names), "contact": draw(strategies.plain)}
    }


@settings(max_examples=60, deadline=None)
@given(documents())
def test_what_is_written_is_read(document: dict[str, Any]) -> None:
    raw = rfc8785.dumps(document)
    notice = parse_notice(raw)
    assert languages(notice) == sorted(document["text"])
    assert notice.terms == document["terms"]
    assert notice.max_days == document["maxDays"]
    assert notice.controller.name == document["controller"]["name"]
    assert [list(scope.data) for scope in notice.scopes] == [scope["data"] for scope in document["scopes"]]
    assert [list(scope.processing) for scope in notice.scopes] == [scope["processing"] for scope in document["scopes"]]
    assert terms_of(notice) == sorted({t for s in document["scopes"] for t in (*s["purposes"], *s["data"])})
    for tag, text in document["text"].items():
        assert sentences(notice.text[tag]) == {"Grant": text["Grant"], "Refusal": text["Refusal"]}
        assert notice.text[tag].labels == text["labels"]


@settings(max_examples=60, deadline=None)
@given(documents(), st.sampled_from([1, None, "\t"]))
def test_a_reformatted_notice_is_malformed(document: dict[str, Any], indent: Any) -> None:
    raw = json.dumps(document, indent=indent, ensure_ascii=False).encode()
    with pytest.raises(Malformed):
        parse_notice(raw)


def read(raw: bytes) -> Notice | None:
    """The notice, or None if it is malformed; any other error fails the test."""
    try:
        return parse_notice(raw)
    except Malformed as error:
        assert error.advice
        return None


@settings(max_examples=400)
@given(st.integers(0, len(RAW) - 1), st.sampled_from(["set", "insert", "delete"]), st.integers(0, 255))
def test_a_changed_byte_is_another_notice_or_none(place: int, how: str, byte: int) -> None:
    new = {"set": bytes([byte]), "insert": bytes([byte]) + RAW[place : place + 1], "delete": b""}[how]
    changed = RAW[:place] + new + RAW[place + 1 :]
    notice = read(changed)
    if changed != RAW:
        assert notice is None or notice != parse_notice(RAW)
        assert notice_digest(changed) != notice_digest(RAW)


def test_64_kib_and_no_more() -> None:
    room = MAX_NOTICE - len(notice_bytes(more={"x": ""}))
    assert parse_notice(notice_bytes(more={"x": "a" * room}))
    with pytest.raises(Malformed, match="65,536"):
        parse_notice(notice_bytes(more={"x": "a" * (room + 1)}))


def test_notices_do_not_change() -> None:
    notice = parse_notice(RAW)
    for part in (notice, notice.controller, notice.scopes[0], notice.text["en"]):
        with pytest.raises(AttributeError):
            setattr(part, part.__struct_fields__[0], "other")
    assert read(RAW[:-1]) is None


@pytest.mark.parametrize("length", [1, 2, 100, len(RAW) - 1])
def test_a_cut_notice_is_malformed(length: int) -> None:
    assert read(RAW[:length]) is None
    assert read(RAW[-length:]) is None


def test_a_cached_notice_is_found_only_by_its_own_digest() -> None:
    """Both files name the first notice, and one holds another. Each yields what it holds, in any order."""
    first, other = notice_bytes(), notice_bytes(maxDays=7)
    named = grant_message(first)
    for text in (first, other, first, other, first):
        notice, its_digest = read_notice(quoted(text), named.notice)
        assert (notice.max_days, its_digest) == (json.loads(text)["maxDays"], notice_digest(text))


def test_a_cached_notice_does_not_refer_to_its_file() -> None:
    file = bytearray(codec.encode(notice_bytes(maxDays=8).decode()))
    digest = notice_digest(notice_bytes(maxDays=8))
    found = read_notice(msgspec.Raw(memoryview(file)), digest)
    file[:] = b" " * len(file)
    assert read_notice(quoted(notice_bytes(maxDays=8)), digest) == found
