"""Fixtures of the notary's worker: an anvil whose chain tests may rewrite, and a notary on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.levers import AnvilLevers, running_anvil

if TYPE_CHECKING:
    from registry.ledger.base import Deployment
    from tests.support.notary_stage import NotaryStage

GWEI = 10**9


@pytest.fixture(scope="module")
def own_anvil() -> Iterator[tuple[str, Deployment]]:
    """An anvil whose chain these tests may rewrite."""
    with running_anvil() as node:
        yield node


@pytest.fixture
def patient_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round may take its time: a busy machine would cut it off where a test counts."""
    for name in ("_FREE_SECONDS", "_CATCH_UP_SECONDS", "_FINISH_SECONDS"):
        monkeypatch.setattr(f"registry.notary.leading.{name}", 20.0)


@pytest.fixture
def own_levers(own_anvil: tuple[str, Deployment], patient_rounds: None) -> AnvilLevers:
    return AnvilLevers(*own_anvil)


@pytest.fixture
def levers_by_hand(own_levers: AnvilLevers) -> Iterator[AnvilLevers]:
    """The same node, with blocks only when a test makes them."""
    own_levers._ask("evm_setAutomine", False)
    yield own_levers
    own_levers._ask("anvil_dropAllTransactions")
    own_levers._ask("evm_setAutomine", True)
    own_levers._ask("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
    own_levers.mine(1)


@pytest.fixture
def stage(own_levers: AnvilLevers, tmp_path: Path) -> NotaryStage:
    from tests.support.notary_stage import NotaryStage

    return NotaryStage.on(tmp_path, own_levers)
