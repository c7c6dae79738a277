"""Shredding takes the capsules along: they hold the keys of bundles, sealed to brands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from registry.client.grant import grant
from registry.client.revoke import revoke
from registry.client.shredding import shred
from registry.core.evidence.file import Evidence
from registry.core.ipld.cid import cid_from_digest
from registry.core.scalars import unhex
from registry.vault.shred import selection_of
from tests.support.stage import EMAILS, PURCHASES, Stage

CONTINUING = [{"category": each, "members": ["name"], "continuing": True} for each in (PURCHASES, EMAILS)]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage.of(tmp_path)


def has_capsule(stage: Stage, evidence: Evidence) -> bool:
    message: Any = evidence.statement.message
    return stage.store.has(cid_from_digest(unhex(message.content)))


def granted(stage: Stage, *data: str) -> Evidence:
    return grant(stage.alice, stage.asked(CONTINUING), data=list(data), again=True).evidence


def test_everything_takes_every_capsule(stage: Stage) -> None:
    stage.bought("coat")
    one, two = granted(stage, PURCHASES), granted(stage, PURCHASES, EMAILS)
    assert has_capsule(stage, one) and has_capsule(stage, two)
    certificate = shred(stage.alice.vault, stage.alice.evidence, selection_of(["ALL"]))
    assert not has_capsule(stage, one) and not has_capsule(stage, two)
    assert certificate.is_complete


def test_a_capsule_stays_while_it_opens_a_bundle(stage: Stage) -> None:
    (coat, hat) = stage.bought("coat", "hat")
    live, ended = granted(stage, PURCHASES), granted(stage, PURCHASES)
    revoke(stage.alice, ended)
    shred(stage.alice.vault, stage.alice.evidence, selection_of([coat]))
    assert has_capsule(stage, live) and not has_capsule(stage, ended)
    assert [one.id for one in stage.alice.vault.select("")] == [hat]


def test_another_persons_capsule_is_left_alone(stage: Stage) -> None:
    stage.bought("coat")
    granted(stage, PURCHASES)
    bob = stage.person("bob")
    theirs = grant(bob, stage.asked(CONTINUING), data=[PURCHASES]).evidence
    stage.alice.evidence.keep(theirs)
    shred(stage.alice.vault, stage.alice.evidence, selection_of(["ALL"]))
    assert has_capsule(stage, theirs)
