"""Terms are found by what they are about, and an unknown term is answered with the terms that were meant."""

from __future__ import annotations

import pytest

from registry.core.errors import InvalidInput
from registry.present.vocabulary import KINDS, check_known, search_terms, vocabulary


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("photo", "pd:Picture"),
        ("photos", "pd:Picture"),
        ("a picture of me", "pd:Picture"),
        ("email", "pd:EmailAddress"),
        ("my email address", "pd:EmailAddress"),
        ("ads", "dpv:Advertising"),
        ("AI", "ai:ModelTraining"),
        ("phone", "pd:TelephoneNumber"),
        ("newsletter", "dpv:Marketing"),
        ("shopping", "pd:Purchase"),
        ("health", "pd:Health"),
        ("pd:Health", "pd:Health"),
        ("advertisng", "dpv:Advertising"),
    ],
)
def test_a_word_finds_its_term(words: str, first: str) -> None:
    """Only the spelling of a term was compared: "photo" found nothing (item 17)."""
    assert search_terms(words)[0] == first


def test_a_word_finds_all_that_it_may_mean() -> None:
    assert {"pd:PhysicalAddress", "pd:EmailAddress", "pd:IPAddress"} <= set(search_terms("address"))
    assert {"dpv:Erase", "dpv:Delete"} <= set(search_terms("delete"))
    assert search_terms("xyzzy") == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_search_keeps_to_a_kind(kind: str) -> None:
    terms = vocabulary()["terms"]
    assert {terms[term]["kind"] for term in search_terms("data", kind)} <= {kind}
    assert search_terms("", kind) == [term for term, entry in terms.items() if entry["kind"] == kind]


def test_no_words_list_everything() -> None:
    assert sorted(search_terms(" ")) == sorted(vocabulary()["terms"])


def test_every_term_finds_itself() -> None:
    assert [term for term in vocabulary()["terms"] if search_terms(term)[0] != term] == []


@pytest.mark.parametrize(
    ("term", "kind", "meant"),
    [
        ("photo", "data", "pd:Picture"),
        ("pd:Photo", "data", "pd:Picture"),
        ("dpv:Marketin", "purpose", "dpv:Marketing"),
        ("newsletter", "purpose", "dpv:DirectMarketing"),
        ("delete", "processing", "dpv:Erase"),
    ],
)
def test_an_unknown_term_is_answered_with_what_was_meant(term: str, kind: str, meant: str) -> None:
    """(item 17)"""
    with pytest.raises(InvalidInput, match="not a known") as caught:
        check_known([term], kind)
    assert meant in caught.value.advice


def test_a_term_of_another_kind_is_named_so() -> None:
    """(item 17)"""
    with pytest.raises(InvalidInput, match=r"pd:Purchase is not a known purpose of DPV 2\.3, but a kind of data"):
        check_known(["pd:Purchase"], "purpose")
