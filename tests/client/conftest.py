"""One stage for each test of the use cases, and notaries that serve it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from registry.client.grant import grant
from tests.support.http_answers import answering
from tests.support.sending import Opened, Respond, Sending
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


@pytest.fixture
def sending(stage: Stage) -> Iterator[Opened]:
    """Alice's grant, on its way to a server that answers as a test says."""
    evidence = grant(stage.alice, stage.request()).evidence

    @contextmanager
    def opened(respond: Respond) -> Iterator[Sending]:
        with answering(respond) as served:
            yield Sending(stage, evidence, served.url)

    yield opened
