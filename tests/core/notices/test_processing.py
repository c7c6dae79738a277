"""How data may be used, and whether that includes the training of AI models."""

from __future__ import annotations

import pytest

from registry.core.notices.document import Notice, parse_notice
from registry.core.notices.processing import TRAINING, allows_training, processing_of
from registry.present.vocabulary import vocabulary
from tests.support.builders import notice_bytes

PERSONAL, MARKETING = "dpv:Personalisation", "dpv:Marketing"
EMAIL, PURCHASE = "pd:EmailAddress", "pd:Purchase"


def notice(first: list[str], second: list[str]) -> Notice:
    """Personalisation with email and purchases, by the first operations; marketing with email, by the second."""
    scopes = [
        {"purposes": [PERSONAL], "data": [EMAIL, PURCHASE], "processing": first},
        {"purposes": [MARKETING], "data": [EMAIL], "processing": second},
    ]
    return parse_notice(notice_bytes(scopes=scopes))


@pytest.mark.parametrize(
    ("purposes", "data", "operations"),
    [
        ([PERSONAL], [EMAIL, PURCHASE], ("dpv:Collect", "dpv:Use")),
        ([MARKETING], [EMAIL], ("ai:ModelTraining", "dpv:Use")),
        ([MARKETING, PERSONAL], [EMAIL], ("ai:ModelTraining", "dpv:Collect", "dpv:Use")),
        ([PERSONAL], [PURCHASE], ("dpv:Collect", "dpv:Use")),
        # Marketing with purchases lies in no scope, so no operation is allowed for it.
        ([MARKETING], [PURCHASE], ()),
    ],
)
def test_operations_are_those_of_the_scopes_in_question(
    purposes: list[str], data: list[str], operations: tuple[str, ...]
) -> None:
    found = processing_of(notice(["dpv:Collect", "dpv:Use"], ["ai:ModelTraining", "dpv:Use"]), purposes, data)
    assert found == operations


@pytest.mark.parametrize("term", sorted(TRAINING))
def test_training_is_allowed_where_it_is_named(term: str) -> None:
    assert allows_training(["dpv:Use", term])


@pytest.mark.parametrize("term", ["dpv:Use", "dpv:Transform", "dpv:Analyse", "dpv:Profiling", "ai:ModelTrainings"])
def test_no_broader_or_other_operation_allows_training(term: str) -> None:
    assert not allows_training([term])
    assert not allows_training([])


def test_training_is_the_vocabularys_term_with_everything_below_it() -> None:
    terms, found = vocabulary()["terms"], {"ai:ModelTraining"}
    while new := {iri for iri, term in terms.items() if found & set(term["parents"])} - found:
        found |= new
    full = {iri.replace("ai:", vocabulary()["namespaces"]["ai"]) for iri in found}
    assert found | full == TRAINING
