"""An anvil whose chain a module's tests may rewrite."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from registry.ledger.base import Deployment
from tests.support.levers import AnvilLevers, running_anvil

GWEI = 10**9


@pytest.fixture(scope="module")
def own() -> Iterator[tuple[str, Deployment]]:
    """An anvil whose chain these tests may rewrite."""
    with running_anvil() as node:
        yield node


@pytest.fixture
def by_hand(own: tuple[str, Deployment]) -> Iterator[AnvilLevers]:
    """The same node, with blocks only when a test makes them."""
    levers = AnvilLevers(*own)
    levers._ask("evm_setAutomine", False)
    yield levers
    levers._ask("anvil_dropAllTransactions")
    levers._ask("evm_setAutomine", True)
    levers._ask("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
    levers.mine(1)
