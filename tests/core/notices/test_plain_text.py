"""Plain text: what a notice's names, labels and texts may hold, and that each fault is named (item 1)."""

from __future__ import annotations

import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.errors import Malformed
from registry.core.notices import plain_text
from registry.core.notices.document import parse_notice
from registry.core.notices.plain_text import AND, LABEL, NAME, SENTENCE, TEXT, Kind, find_equal, find_fault, is_shown
from registry.core.notices.unicode import caseless
from registry.present.text import USUAL, visible
from registry.present.wording import notice_lines
from tests import test_demo_notice
from tests.support.builders import notice_bytes, notice_document

KINDS = {"label": LABEL, "and": AND, "sentence": SENTENCE, "text": TEXT}
NEVER = re.compile(r"(?!)")
kinds = st.sampled_from(list(KINDS.values()))
EVERY = range(sys.maxunicode + 1)
SALE, DATUM = "dpv:SellDataToThirdParties", "pd:Purchase"
# Invisible or blank: fillers, joiners, selectors, spaces, and what is no character.
UNSEEN = ["\u3164", "\u2060", "\u200b", "\u00ad", "\ufe0f", "\U000e0041", " ", "\u00a0", "\u2003", "\u2800", "\u0378"]


def by_the_rules(text: str, kind: Kind) -> str | None:
    """The fault that the tables find, without the pattern of usual texts."""
    return find_fault(text, kind._replace(usual=NEVER))


def notice_of_a_sale(sold: str) -> bytes:
    """A notice that asks to sell data, with this label for it."""
    scopes = [{"purposes": ["dpv:Marketing", SALE], "data": [DATUM], "processing": ["dpv:Use"]}]
    document = notice_document(scopes=scopes)
    for text in document["text"].values():
        text["labels"][SALE] = sold
    return notice_bytes(scopes=scopes, text=document["text"])


@pytest.mark.parametrize("sold", UNSEEN)
def test_a_purpose_cannot_vanish_from_the_sentence(sold: str) -> None:
    """(item 1) The person signed "for marketing and ", and `verify` said yes to the sale."""
    assert parse_notice(notice_of_a_sale("selling them"))
    with pytest.raises(Malformed, match=f"labels.{SALE}") as caught:
        parse_notice(notice_of_a_sale(sold))
    assert "docs/formats.md" in caught.value.advice


@pytest.mark.parametrize("name", ["Aurelle (aurelle.example), Bank", "“Bank”", "Aurelle\u2028Bank", "n" * 81, "Bank "])
def test_a_name_carries_no_second_one(name: str) -> None:
    """(item 1)"""
    controller = notice_document()["controller"] | {"name": name}
    with pytest.raises(Malformed, match=r"controller\.name"):
        parse_notice(notice_bytes(controller=controller))


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        ("", LABEL, "is empty"),
        ("y" * 81, NAME, "has 81 characters, and 80 are the most"),
        ("y" * 21, AND, "20 are the most"),
        ("y" * 501, SENTENCE, "500 are the most"),
        ("y" * 4_001, TEXT, "has 4,001 characters, and 4,000 are the most"),
        ("a\x07b", TEXT, "holds U+0007, which is a control character"),
        ("a\nb", SENTENCE, "holds U+000A, which is a control character"),
        ("a\u202eb", TEXT, "holds U+202E, which is a format character"),
        ("a\ue000b", TEXT, "for private use"),
        ("a\u0378b", TEXT, "holds U+0378, which is not a character of Unicode 17"),
        ("a\u2028b", TEXT, "a line separator"),
        ("a\u2029b", TEXT, "a paragraph separator"),
        ("a\u3164b", LABEL, "holds U+3164, which is invisible"),
        ("a\U000e0100b", TEXT, "holds U+E0100, which is invisible"),
        ("a\u3000b", LABEL, "holds U+3000, which is a space other than"),
        (" a", LABEL, "begins or ends with a space"),
        ("a\u202f", TEXT, "begins or ends with a space"),
        ("\n\n", TEXT, "begins or ends with a space"),
        ("a\u00a0 b", SENTENCE, "holds two spaces in a row"),
        ("a\u200db", LABEL, "holds U+200D where its script does not need it"),
        ("e\u0301", TEXT, "is not in Unicode NFC"),
        ("– & –", LABEL, "has no letter or digit"),
        ("–", AND, "has no letter or digit"),
        ("a, b", LABEL, "holds U+002C, and a bracket, quote or comma"),
        ("a（b", NAME, "holds U+FF08"),
        ("brands’", LABEL, "holds U+2019"),
    ],
)
def test_each_fault_is_named(text: str, kind: Kind, says: str) -> None:
    """(item 1)"""
    assert says in (find_fault(text, kind) or "")


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_usual_characters_keep_every_rule(kind: Kind) -> None:
    """The pattern of usual texts is only a faster way to the same answer, for every character."""
    for frame in ("{}", "a{}b", "1{}1", "a {} b", "a{}"):
        texts = (frame.format(chr(point)) for point in (EVERY if frame == "{}" else range(0x3000)))
        assert [text for text in texts if kind.usual.fullmatch(text) and by_the_rules(text, kind)] == []
    assert kind.usual.fullmatch("jusqu’au 1 mai")


@given(
    st.text(st.sampled_from("aÉ1'’ \u00a0\u202f-–,.(“{\nñ€\u0301"), max_size=8), st.sampled_from(list(KINDS.values()))
)
def test_usual_texts_keep_every_rule(text: str, kind: Kind) -> None:
    assert find_fault(text, kind) == by_the_rules(text, kind)


def test_our_notices_need_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """So `consent verify` reads none for the demo's notice, in English, French and German."""
    monkeypatch.setattr(plain_text, "unicode", None)
    assert parse_notice(test_demo_notice.TestDemoNotice().raw())


@pytest.mark.parametrize(
    "labels",
    [("address", "address"), ("Email", "email"), ("Straße", "STRASSE"), ("data", "ｄata"), ("my data", "my\u00a0data")],
)
def test_labels_that_read_the_same(labels: tuple[str, str]) -> None:
    """(item 1)"""
    assert find_equal(("first", *labels, "last")) == labels
    document = notice_document()
    document["text"]["en"]["labels"] |= dict(zip(("pd:EmailAddress", DATUM), labels, strict=True))
    with pytest.raises(Malformed, match=r"text\.en has labels that read the same"):
        parse_notice(notice_bytes(text=document["text"]))


def test_simple_letters_are_folded_as_the_tables_do() -> None:
    simple = [chr(point) for point in EVERY if plain_text.SIMPLE.fullmatch(chr(point))]
    assert len(simple) > 150 and [c for c in simple if c.lower() != caseless(c)] == []
    assert "".join(simple).lower() == caseless("".join(simple))


@pytest.mark.parametrize("text", ["می\u200cخواهم", "क्\u200dष", "购买", "قهوة", "a\u00a0b", "Fox 🦊", "x\ua7d2"])
def test_what_may_be_signed_is_shown_as_it_is(text: str) -> None:
    """(item 1) A terminal spelled out a Persian joiner, and letters that its Python does not know."""
    assert find_fault(text, LABEL) is None and visible(text) == text


@pytest.mark.parametrize("unseen", [*"\u3164\u2060\ufe0f\u034f\u200c\u200d\n\u0378\U000e0041"])
def test_what_is_not_seen_is_spelled_out(unseen: str) -> None:
    """(item 1) A filler is a letter, and Python calls it printable."""
    assert visible(f"a{unseen}b") == f"a{unseen.encode('unicode_escape').decode()}b"


def test_usual_characters_are_shown_by_the_tables_too() -> None:
    assert [point for point in EVERY if USUAL.fullmatch(chr(point)) and not is_shown(chr(point), 0)] == []


def test_a_text_is_shown_with_its_lines() -> None:
    """(item 1)"""
    texts = notice_document()["text"]
    texts["en"]["retention"] = "Two years.\n\nThen none."
    lines = [line.text.split() for line in notice_lines(parse_notice(notice_bytes(text=texts)), "en", "bafy")]
    begins = lines.index(["How", "long", "it", "is", "kept", "Two", "years."])
    assert lines[begins + 1 : begins + 3] == [[], ["Then", "none."]]
