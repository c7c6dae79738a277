"""Fixtures: nodes with our contracts, every kind of ledger, and nodes that misbehave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.ledger.base import Deployment
from tests.support.fake_node import FakeNode
from tests.support.levers import (
    AnvilLevers,
    EmbeddedLevers,
    GethLevers,
    Levers,
    MemoryLevers,
    running_anvil,
    running_geth,
)


@pytest.fixture(scope="session")
def sockets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the session's nodes and their sockets, ``anvil.ipc`` and ``geth.ipc``."""
    return tmp_path_factory.mktemp("n")


@pytest.fixture(scope="session")
def anvil(sockets: Path) -> Iterator[tuple[str, Deployment]]:
    """Run an anvil with our contracts for the session; yield its URL and their deployment."""
    with running_anvil("--ipc", str(sockets / "anvil.ipc")) as node:
        yield node


@pytest.fixture(scope="session")
def geth(sockets: Path) -> Iterator[tuple[str, Deployment]]:
    """Run a geth with our contracts for the session; it keeps its old states."""
    with running_geth(sockets, "--gcmode", "archive") as node:
        yield node


@pytest.fixture(params=["memory", "embedded", "anvil", "anvil-ipc", "geth"])
def levers(request: pytest.FixtureRequest, tmp_path: Path, sockets: Path) -> Levers:
    kinds: dict[str, Callable[[], Levers]] = {
        "memory": MemoryLevers,
        "embedded": lambda: EmbeddedLevers(tmp_path / "network"),
        "anvil": lambda: AnvilLevers(*request.getfixturevalue("anvil")),
        "anvil-ipc": lambda: AnvilLevers(f"ipc:{sockets / 'anvil.ipc'}", request.getfixturevalue("anvil")[1]),
        "geth": lambda: GethLevers(*request.getfixturevalue("geth")),
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
