"""The configured age of facts and depth of anchors bind every use case, not only `verify` (item 8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from registry.client.accept import accept, open_data
from registry.client.grant import grant
from registry.client.network import Network
from registry.client.verify import verify, verify_many
from registry.core.errors import LedgerUnavailable, NotAnchored
from registry.core.evidence.file import Evidence
from tests.support.stage import Stage

AGE, DEPTH = 60, 2


def accepting(stage: Stage, network: Network, done: Evidence, _: Path) -> Any:
    return accept(replace(stage.brand, network=network), done)


def opening(stage: Stage, network: Network, done: Evidence, folder: Path) -> Any:
    return open_data(replace(stage.brand, network=network), done, folder / "out")


def verifying(_: Stage, network: Network, done: Evidence, __: Path) -> Any:
    return verify(network, done, network.policy(controllers=None))


def listing(_: Stage, network: Network, done: Evidence, __: Path) -> Any:
    (answer,) = verify_many(network, [done])
    if isinstance(answer, Exception):
        raise answer
    return answer


Use = Callable[[Stage, Network, Evidence, Path], Any]
USES = [accepting, opening, verifying, listing]


@pytest.mark.parametrize("use", USES)
def test_facts_that_are_too_old(stage: Stage, tmp_path: Path, use: Use) -> None:
    stage.keep(b"bought")
    done = stage.granted().evidence
    stage.clock.now = stage.ledger.head().time + AGE
    bound = replace(stage.network, max_facts_age=AGE)
    assert verifying(stage, bound, done, tmp_path)
    stage.clock.now += 1
    with pytest.raises(LedgerUnavailable, match="seconds old"):
        use(stage, bound, done, tmp_path)


@pytest.mark.parametrize("use", USES)
def test_an_anchor_that_is_not_deep_enough(stage: Stage, tmp_path: Path, use: Use) -> None:
    stage.keep(b"bought")
    done = stage.granted().evidence
    bound = replace(stage.network, confirmations=DEPTH)
    with pytest.raises(NotAnchored, match=f"under {DEPTH} confirmations"):
        use(stage, bound, done, tmp_path)
    for _ in range(DEPTH):
        stage.ledger.mine()
    assert use(stage, bound, done, tmp_path)


def test_a_request_is_read_by_the_bounds_too(stage: Stage) -> None:
    asked = stage.request()
    stage.clock.now = stage.ledger.head().time + AGE + 1
    with pytest.raises(LedgerUnavailable, match="seconds old"):
        grant(replace(stage.alice, network=replace(stage.network, max_facts_age=AGE)), asked)
