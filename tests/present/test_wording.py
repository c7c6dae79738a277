"""Our own words: the vocabulary's first, then the brand's; one source for the terminal and both pages."""

from __future__ import annotations

import json
import re
from string import Template
from typing import Any

import pytest

from registry.core.notices.document import parse_notice
from registry.present.summary import summary_of_answer, training_of
from registry.present.text import DATE
from registry.present.vocabulary import described, vocabulary
from registry.present.wording import answer_lines, evidence_rows, in_our_words, notice_lines, open_lines
from registry.present.words import words_of
from tests.support.builders import evidence_of, grant_message, notice_bytes, notice_document, request_message
from tests.support.page_cases import CASES, page
from tests.support.paths import ROOT

FOREIGN = "https://words.example/ShoeSize"


def lines_of(notice: bytes, **chosen: Any) -> list[str]:
    message = grant_message(notice, **chosen)
    summary = summary_of_answer(message, parse_notice(notice), "en", None)
    return [line if isinstance(line, str) else line.text for line in answer_lines(summary)]


def test_the_vocabularys_words_come_first() -> None:
    """(item 2) A label of the brand's own took the place of what the term means."""
    (term,) = described(["pd:Purchase"], {"pd:Purchase": "the weather"})
    assert in_our_words(term) == "Purchase [pd:Purchase] (the brand says “the weather”)"


def test_special_categories_and_terms_without_a_definition_are_marked() -> None:
    """(item 2) Nobody read ``special`` in the vocabulary."""
    special, foreign, plain = described(["pd:BloodType", FOREIGN, "pd:Purchase"])
    assert "special category of data" in in_our_words(special)
    assert in_our_words(foreign) == f"{FOREIGN} (we have no definition of this)"
    assert in_our_words(plain) == "Purchase [pd:Purchase]"
    marked = {term.term for term in described(vocabulary()["terms"]) if term.special}
    assert len(marked) > 20 and "dpv:SpecialCategoryPersonalData" in marked


@pytest.mark.parametrize(
    ("processing", "said"),
    [
        (["dpv:Use"], "no"),
        (["ai:ModelTraining", "dpv:Use"], "yes"),
        (["https://w3id.org/dpv/ai#ModelFineTuning"], "yes"),
        (["dpv:Use", FOREIGN], "unknown"),
    ],
)
def test_training_is_no_unless_it_is_named(processing: list[str], said: str) -> None:
    """(item 3) An operation that nobody here can define is neither yes nor no."""
    assert training_of(described(processing)) == said


def test_a_person_reads_who_asks_first_and_how_it_is_used() -> None:
    """(items 3 and 4) Who asked stood there as a fact; how, and how to stop, were missing."""
    lines = lines_of(notice_bytes())
    assert re.fullmatch(r"Account 0x\w{40} calls itself “Maison .*\. Nobody has confirmed it\.", lines[0])
    said = "\n".join(lines)
    assert re.search(r"How +\w+ \[dpv:\w+\]", said) and re.search(r"AI training +no", said)
    assert re.search(r"How to stop +At any time, without a reason: `consent revoke`", said)


def test_what_others_show_of_a_notice_is_marked_too() -> None:
    notice = notice_bytes()
    said = "\n".join(line.text for line in notice_lines(parse_notice(notice), "en", "bafy"))
    assert "Nobody has confirmed it" in said and re.search(r"AI training +no", said) and "the brand says" in said
    for evidence in (evidence_of(grant_message()), evidence_of(request_message())):
        rows = dict(evidence_rows(evidence))
        assert "Nobody has confirmed it" in rows["Who asks"] and rows["AI training"] == "no"


def test_a_forged_file_is_said_first() -> None:
    """(item 4) In text, ``evidence show`` said nothing of it, and the page did."""
    assert list(open_lines(CASES["accepted"])) == []
    forged = evidence_of(grant_message(statement="I allow everything."))
    lines = [line.text for line in open_lines(forged)]
    assert lines[0] == "The file contradicts itself. Do not rely on it." and "not the notice's sentence" in lines[1]


@pytest.mark.parametrize("name", ["words", "evidence", "export", "request", "gone"])
def test_all_words_are_in_all_languages(name: str) -> None:
    first, *others = (
        {key: sorted(Template(text).get_identifiers()) for key, text in words.items()}
        for words in words_of(name).values()
    )
    assert others == [first] * len(others)


def test_no_page_has_its_own_copy_of_a_shared_word() -> None:
    assert wallet_words("en") and not wallet_words("en").keys() & words_of()["en"].keys()
    for name in ("evidence", "export", "request", "gone"):
        page = json.loads((ROOT / f"registry/data/pages/{name}.json").read_bytes())
        assert not page["en"].keys() & words_of()["en"].keys()


def wallet_words(language: str) -> dict[str, str]:
    """The wallet page's own words."""
    words: dict[str, str] = json.loads((ROOT / f"js/wallet/words/{language}.json").read_bytes())
    return words


def french() -> list[str]:
    """Every French text of ours, with the demo's notice."""
    notice = json.loads((ROOT / "registry/data/demo_notice.json").read_bytes())["text"]["fr"]
    return [
        *wallet_words("fr").values(),
        *words_of("evidence")["fr"].values(),
        *words_of("export")["fr"].values(),
        *words_of("gone")["fr"].values(),
        *map(str, notice.values()),
    ]


def test_french_signs_have_their_narrow_spaces() -> None:
    """(item E) A plain space lets a line begin with a colon."""
    assert len(french()) > 150
    for text in french():
        assert not re.search(r"[ \u00a0][;:!?»]|«[^\u202f]|[\w)][;!?»]|\w: ", text), text


def test_dates_stay_on_one_line() -> None:
    """(item E) In the sentence, in the brand's texts and in our own words."""
    assert DATE.split("until 2027-02-27. At 2027-02-27 03:19:00 UTC, 12-2027-02-270")[1::2] == [
        "2027-02-27",
        "2027-02-27 03:19:00 UTC",
    ]
    said = page(CASES["grant"])
    bare = re.sub(r"<time>[^<]+</time>|<style>.*?</style>|<pre>.*?</pre>", "", said, flags=re.DOTALL)
    assert "<time>" in said and not DATE.search(bare)
    document = notice_document()
    document["text"]["en"]["retention"] = "Until 2031-01-01, at most."
    notice = notice_bytes(text=document["text"])
    assert "Until <time>2031-01-01</time>, at most." in page(evidence_of(grant_message(notice), notice=notice))
