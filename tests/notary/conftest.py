"""Fixtures of the notary's worker: an anvil whose chain tests may rewrite, and a notary on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.ledger.base import Deployment
from tests.support.levers import AnvilLevers, running_anvil
from tests.support.notary_stage import NotaryStage

GWEI = 10**9


@pytest.fixture(scope="module")
def own_anvil() -> Iterator[tuple[str, Deployment]]:
    """An anvil whose chain these tests may rewrite."""
    with running_anvil() as node:
        yield node


@pytest.fixture
def levers(own_anvil: tuple[str, Deployment]) -> AnvilLevers:
    return AnvilLevers(*own_anvil)


@pytest.fixture
def by_hand(levers: AnvilLevers) -> Iterator[AnvilLevers]:
    """The same node, with blocks only when a test makes them."""
    levers._ask("evm_setAutomine", False)
    yield levers
    levers._ask("anvil_dropAllTransactions")
    levers._ask("evm_setAutomine", True)
    levers._ask("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
    levers.mine(1)


@pytest.fixture
def stage(levers: AnvilLevers, tmp_path: Path) -> NotaryStage:
    return NotaryStage.on(tmp_path, levers)
