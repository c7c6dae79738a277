"""One real IPFS node for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.storage.kubo_node import Node, running


@pytest.fixture(scope="session")
def kubo() -> Iterator[Node]:
    """A node that other tests have used: call ``empty`` where that matters, and leave it running."""
    with running() as node:
        yield node
