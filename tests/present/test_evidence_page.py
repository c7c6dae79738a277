"""The evidence page: what it says, and that everything a brand wrote stays text."""

from __future__ import annotations

import base64
import json
import re
import unicodedata
from hashlib import sha256
from string import Template
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.crypto.revocation import handle_of, tag_of
from registry.core.errors import InvalidInput
from registry.core.evidence.file import quoted, write_evidence
from registry.core.notices.document import notice_digest
from registry.core.notices.plain_text import LABEL, TEXT
from registry.core.scalars import to_hex
from tests.support.builders import (
    DELEGATE,
    account,
    evidence_of,
    grant_message,
    mandate_message,
    mandate_of,
    notice_bytes,
    notice_document,
    under_mandate,
    word,
)
from tests.support.page_cases import ACCEPTANCE, CASES, GRANT, MARKUP, Seen, as_plain, branded, checks, page
from tests.support.paths import ROOT

WORDS = json.loads((ROOT / "registry" / "data" / "pages" / "evidence.json").read_bytes())
EVERY = [(name, language) for name in CASES for language in WORDS]
_TEXT = "br h1 h2 h3 p ul li dl dt dd div span bdi strong time code pre blockquote details summary"
ELEMENTS = {"html", "head", "meta", "title", "style", "body", "main", "header", "section", "aside"}
ELEMENTS |= set(_TEXT.split())
ATTRIBUTES = {"class", "lang", "dir", "aria-hidden"}
OF_META = {"charset", "http-equiv", "content", "name"}


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_every_kind_in_every_language(name: str, language: str) -> None:
    said, words = page(CASES[name], language), WORDS[language]
    text = Seen(said).text
    assert words["warning"] in text and words[f"summary.{CASES[name].kind}"] in text
    assert said.startswith(f'<!DOCTYPE html>\n<html lang="{language}">')
    assert to_hex(CASES[name].digest) in text and CASES[name].signature in text
    assert "0x" + sha256(write_evidence(CASES[name])).hexdigest() in text
    assert words["broken"] not in text and words["no"] not in said
    assert page(CASES[name], language) == said


def test_both_languages_have_the_same_words() -> None:
    first, *others = ({k: sorted(Template(v).get_identifiers()) for k, v in words.items()} for words in WORDS.values())
    assert others == [first]


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_nothing_is_asked_of_anybody(name: str, language: str) -> None:
    """No element loads, runs, sends or links anything; the page's policy allows only its own style."""
    said = page(CASES[name], language)
    for element, attributes in Seen(said).elements:
        assert element in ELEMENTS and {key for key, _ in attributes} <= (OF_META if element == "meta" else ATTRIBUTES)
    (style,) = re.findall("<style>(.*)</style>", said, re.DOTALL)
    assert "url(" not in style and "@import" not in style
    allowed = base64.b64encode(sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in said


def test_what_is_proved_is_told_from_what_is_not() -> None:
    computed, chain = "computed from the file", "ask the chain"
    common = [("Who signed", computed), ("What was shown", computed), ("The way to the chain", computed)]
    common += [("That it existed, and since when", chain), ("That it has not been ended", chain)]
    both = "Both sides hold the same text"
    assert checks(page(CASES["accepted"])) == [*common, (both, computed)]
    assert checks(page(CASES["grant"])) == [*common, (both, "not in this file")]
    assert checks(page(CASES["refusal"])) == common[:4]
    assert checks(page(CASES["request"])) == [*common[:2], common[4]]
    assert checks(page(CASES["acceptance"])) == [common[0], common[2], common[3], ("Which permission", chain)]


def test_a_forged_signature_is_not_called_good() -> None:
    said = page(evidence_of(grant_message(), signer=account("mallory")))
    assert checks(said)[0] == ("Who signed", "ask the chain")


def test_a_delegate_is_named_with_its_mandate() -> None:
    said = page(under_mandate())
    assert checks(said)[:2] == [("Who signed", "computed from the file"), ("The mandate", "ask the chain")]
    assert DELEGATE in said and "in the name of" in said
    refusing = mandate_of(mandate_message(powers=("Refusal",)))
    assert checks(page(under_mandate(mandate=refusing)))[1] == ("The mandate", "does not fit")


@pytest.mark.parametrize(
    ("evidence", "heading"),
    [
        (msgspec.structs.replace(GRANT, quoted_notice=quoted(notice_bytes(maxDays=364))), "What was shown"),
        (evidence_of(grant_message(statement="I allow everything.")), "What was shown"),
        (msgspec.structs.replace(GRANT, signature="0x" + "11" * 65), "The way to the chain"),
        (
            msgspec.structs.replace(CASES["accepted"], statement=evidence_of(grant_message()).statement),
            "Both sides hold the same text",
        ),
    ],
    ids=["another-notice", "another-sentence", "another-signature", "another-grant"],
)
def test_a_file_that_contradicts_itself_says_so_at_the_top(evidence: msgspec.Struct, heading: str) -> None:
    said = page(evidence)  # type: ignore[arg-type]
    assert (heading, "does not fit") in checks(said)
    assert said.index(WORDS["en"]["broken"]) < said.index("<section>")


def test_how_to_end_it_without_this_software() -> None:
    said = Seen(page(GRANT)).text
    message = GRANT.statement.message
    (found,) = re.findall(r"lock(0x[0-9a-f]{64})saltHash(0x[0-9a-f]{64})", said)
    assert found[0] == message.revocation
    assert handle_of(found[0], tag_of(message.subject, message.salt)) == GRANT.handle and GRANT.handle in said
    assert f"consent revoke {to_hex(GRANT.digest)[:14]}" in said


def test_the_hints_are_claims() -> None:
    said = page(GRANT)
    assert said.index("Only claimed") < said.index(GRANT.anchor.transaction)
    assert "aurelle.example" in said[said.index("Only claimed") : said.index("Times")]


def test_the_sentence_is_in_the_language_it_was_signed_in() -> None:
    french = page(evidence_of(grant_message(language="fr")))
    assert re.search(r'<blockquote lang="fr"><p dir="auto">J&#39;autorise ', french)
    assert "The same in “en”" in french
    assert '<blockquote lang="en">' in page(GRANT, "fr")
    unknown = page(evidence_of(grant_message(statement="I allow everything.")))
    assert "I allow everything." in unknown


@pytest.mark.parametrize("language", WORDS)
def test_markup_of_a_brand_is_text(language: str) -> None:
    seen, plain = Seen(page(branded(MARKUP), language)), Seen(page(branded("words"), language))
    assert seen.elements == plain.elements
    assert seen.text.count(as_plain(MARKUP, TEXT)) >= 8 and seen.text.count(as_plain(MARKUP, LABEL)) >= 8


PIECES = ["<b ", "</p>", "<!--", "<", ">", "&", "&lt;", '"', "'", " onclick=", "=", " "]


def texts(**but: Any) -> st.SearchStrategy[str]:
    """Any text, with many pieces of markup in it."""
    pieces = st.sampled_from(PIECES) | st.characters(exclude_categories=["Cs"], **but)
    return st.lists(pieces, max_size=30).map("".join)


@given(texts(exclude_characters="{}"))
def test_no_text_of_a_brand_changes_the_page(said: str) -> None:
    assert Seen(page(branded(said))).elements == Seen(page(branded("words"))).elements


@given(texts())
def test_no_sentence_changes_the_page(said: str) -> None:
    """Unlike a notice's words, a message's sentence may hold anything."""
    shown = page(evidence_of(grant_message(statement=said)))
    assert Seen(shown).elements == Seen(page(evidence_of(grant_message(statement="words")))).elements
    body = shown[shown.index("<main>") :].replace("\n", "")
    assert not [c for c in body if unicodedata.category(c) in ("Cc", "Cf") and c not in "\u200c\u200d"]


def test_control_and_bidirectional_characters_are_spelled_out() -> None:
    shown = page(evidence_of(grant_message(statement="a\u202eb\x1b[2J\nc\u200bd")))
    assert r"a\u202eb\x1b[2J\nc\u200bd" in shown


def test_a_language_that_it_is_not_written_in() -> None:
    with pytest.raises(InvalidInput, match="not written in 'de'"):
        page(GRANT, "de")


def test_the_notices_fingerprint_and_address_are_there() -> None:
    said = page(GRANT)
    assert notice_digest(notice_bytes()) in said and "bafkrei" in said
    assert "Notice, CID" not in page(ACCEPTANCE)
    assert "Replaces" in said and "Replaces" not in page(evidence_of(grant_message(supersedes=word(0))))


def test_a_text_keeps_its_lines() -> None:
    """(item 1)"""
    texts = notice_document()["text"]
    texts["en"]["retention"] = "Two years.\n\nThen <none>."
    said = page(evidence_of(grant_message(notice_bytes(text=texts)), notice=notice_bytes(text=texts)))
    assert "Two years.<br><br>Then &lt;none&gt;." in said
