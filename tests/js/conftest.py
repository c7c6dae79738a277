"""What the tests of the person's app share: a devnet with all services, and browsers at its app."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.app_stage import App
from tests.support.devnet_runs import ANY_PORTS, Run
from tests.support.tools import tool


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A devnet with a notary, a brand that asks, and the app: one for each module, as it takes seconds to start."""
    tool("anvil")
    tool("kubo")
    with Run(tmp_path_factory.mktemp("app") / "devnet", *ANY_PORTS) as made:
        yield made


@pytest.fixture
def start(run: Run, chromium: Any) -> Iterator[Callable[..., App]]:
    """Open the app in a new browser; no page of it may fail."""
    apps: list[App] = []

    def opened(**options: Any) -> App:
        apps.append(App(chromium, f"{run.ready['app']}/", **options))
        return apps[-1]

    yield opened
    for each in apps:
        each.close()
        assert each.troubles == []
