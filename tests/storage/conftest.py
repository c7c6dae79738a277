"""Real IPFS nodes for the tests of this folder, and a proxy before one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from registry.storage import errors
from registry.storage.kubo import KuboBlocks
from tests.support.kubo_calls import FILE, ONE
from tests.support.kubo_node import Node, running
from tests.support.tcp_proxy import Proxy


@pytest.fixture(scope="session")
def kubo() -> Iterator[Node]:
    """A node that other tests have used: call ``empty`` if that matters, and leave it running."""
    with running() as node:
        yield node


@pytest.fixture
def proxy(kubo: Node) -> Iterator[Proxy]:
    """A proxy before the node, which holds ONE and FILE, and nothing that a collection would find."""
    with KuboBlocks(kubo.address) as store:
        store.put([ONE, *FILE])
        store.collect()
    with Proxy(kubo.api) as made:
        yield made


@pytest.fixture(scope="session")
def own() -> Iterator[Node]:
    """A node to stop and to kill; a test that kills it starts it again."""
    with running() as node:
        yield node


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come almost at once."""
    monkeypatch.setattr(errors, "PAUSES", (0.01, 0.02))
