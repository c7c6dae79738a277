"""One stage for each test of the use cases, and notaries that serve it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.served_stage import ServedStage
from tests.support.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage.of(tmp_path / "parties")


@pytest.fixture
def served(stage: Stage) -> Iterator[ServedStage]:
    """The stage with two notaries, which Alice and the brand ask in turn."""
    with ExitStack() as stack:
        yield ServedStage.of(stage, stack)
