"""Policies are stated in full, and empty never means "anything"."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from registry.core.errors import InvalidInput, Malformed, WrongController
from registry.core.verify.judge import judge
from registry.core.verify.policy import Policy
from tests.support.builders import (
    CHAIN_ID,
    CONTROLLER,
    DOMAIN,
    NOW,
    REGISTRY,
    World,
    evidence_of,
    grant_message,
    policy,
)


def test_the_controllers_must_be_stated() -> None:
    with pytest.raises(TypeError, match="controllers"):
        Policy(chain_id=CHAIN_ID, registry=REGISTRY)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Policy(CHAIN_ID, REGISTRY, None)  # type: ignore[misc]


def test_its_domain() -> None:
    assert policy().domain == DOMAIN


@pytest.mark.parametrize("empty", [frozenset(), set(), (), [], {}, ""])
@pytest.mark.parametrize("name", ["purposes", "data"])
def test_an_empty_question_is_refused(name: str, empty: Any) -> None:
    """An empty list once passed for "not asked", and the answer was yes; only an empty set was refused."""
    with pytest.raises(InvalidInput, match=f"{name} is (empty|one value)"):
        policy(**{name: empty})


def test_no_controllers_is_nobody() -> None:
    evidence = evidence_of(grant_message())
    with pytest.raises(WrongController):
        judge(evidence, World().facts(evidence), policy(controllers=frozenset()), NOW)


@pytest.mark.parametrize("name", ["confirmations", "max_backdate", "max_facts_age"])
def test_negative_bounds_are_refused(name: str) -> None:
    assert getattr(policy(**{name: 0}), name) == 0
    with pytest.raises(InvalidInput, match=name):
        policy(**{name: -1})


@pytest.mark.parametrize(
    "changes", [{"registry": REGISTRY.lower()}, {"controllers": frozenset({CONTROLLER, CONTROLLER.lower()})}]
)
def test_addresses_have_their_checksum(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed, match="EIP-55"):
        policy(**changes)


def test_it_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        policy().accepted = True  # type: ignore[misc]


@pytest.mark.parametrize("name", ["controllers", "purposes", "data"])
def test_what_was_asked_stays_asked(name: str) -> None:
    given = {CONTROLLER} if name == "controllers" else {"dpv:Personalisation"}
    asked: Any = {name: set(given)}
    made = policy(**asked)
    asked[name].clear()
    assert getattr(made, name) == given and hash(made) == hash(policy(**{name: frozenset(given)}))
    with pytest.raises(InvalidInput, match=f"{name} is one value"):
        policy(**{name: min(given)})
