"""``vocabulary`` lists and finds terms, without a home or a network."""

from __future__ import annotations

from registry.present.vocabulary import vocabulary
from tests.support.consent_world import Consent, no_of


def test_a_word_lists_terms_with_their_meaning(asked: Consent) -> None:
    """(item 17)"""
    said = asked("vocabulary", "photo")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("pd:Picture  Picture (data): Information about visual representation")
    (term,) = asked.json("vocabulary", "photo")["terms"]
    assert term == {"iri": "pd:Picture", "special": False} | vocabulary()["terms"]["pd:Picture"]


def test_the_whole_vocabulary_can_be_listed(asked: Consent) -> None:
    """(item 17)"""
    every = asked("vocabulary").out.splitlines()
    purposes = asked("vocabulary", "--kind", "purpose").out.splitlines()
    assert len(every) == len(vocabulary()["terms"]) and set(purposes) < set(every)
    assert "special category" in asked("vocabulary", "health", "--kind", "data").out


def test_a_word_that_finds_nothing_is_told(asked: Consent) -> None:
    assert no_of(asked("vocabulary", "xyzzy")) == (2, "InvalidInput")


def test_a_record_of_an_unknown_kind_is_answered_with_what_was_meant(asked: Consent) -> None:
    """(item 17)"""
    said = asked("vault", "add", asked.folder / "notice.json", "--category", "photo")
    assert said.code == 2 and "Did you mean pd:Picture?" in said.err
