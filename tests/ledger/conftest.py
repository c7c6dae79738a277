"""Fixtures: a node with our contracts on it, the three kinds of ledger, nodes that misbehave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.ledger.base import Deployment
from registry.ledger.rpc import deploy
from registry.wallets.keywallet import KeyWallet

from .fake_node import FakeNode
from .levers import ANVIL_KEY, AnvilLevers, EmbeddedLevers, Levers, MemoryLevers, start_anvil


@pytest.fixture(scope="session")
def anvil() -> Iterator[tuple[str, Deployment]]:
    """A node with our contracts on it: its URL and where they are."""
    process, url = start_anvil()
    try:
        yield url, deploy(url, KeyWallet(ANVIL_KEY))
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(params=["memory", "embedded", "anvil"])
def levers(request: pytest.FixtureRequest, tmp_path: Path) -> Levers:
    kinds: dict[str, Callable[[], Levers]] = {
        "memory": MemoryLevers,
        "embedded": lambda: EmbeddedLevers(tmp_path / "network"),
        "anvil": lambda: AnvilLevers(*request.getfixturevalue("anvil")),
    }
    return kinds[request.param]()


@pytest.fixture
def serve() -> Iterator[Callable[..., FakeNode]]:
    nodes: list[FakeNode] = []

    def start(*args: Any, **options: Any) -> FakeNode:
        nodes.append(FakeNode(*args, **options))
        return nodes[-1]

    yield start
    for node in nodes:
        node.close()
