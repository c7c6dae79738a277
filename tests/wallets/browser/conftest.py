"""Wallets in the browser, and a real node whose keys the page's wallets use."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.ledger.base import Deployment
from registry.ledger.deploy import deploy
from registry.net.json_rpc import Node
from registry.wallets.keywallet import KeyWallet
from tests.support.browser_commands import World
from tests.support.browser_stage import BOB, Browser, Stub
from tests.support.levers import ANVIL_KEY, start_anvil

OWN = re.compile(r"http://(127(\.\d+){3}|[0-9a-f]{32}\.localhost):\d+/|data:|blob:")


@pytest.fixture(scope="session")
def anvil() -> Iterator[tuple[str, Deployment]]:
    """A node with our contracts on it: its URL and where they are."""
    process, url = start_anvil()
    try:
        yield url, deploy(url, KeyWallet(ANVIL_KEY))
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def asked_world(anvil: tuple[str, Deployment], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return World.made(tmp_path_factory.mktemp("world"), *anvil).folder


@pytest.fixture
def world(asked_world: Path, tmp_path: Path) -> World:
    """A copy of the network on which the shop has asked, to do with as a test likes."""
    return World(shutil.copytree(asked_world, tmp_path / "world"))


@pytest.fixture
def alice(browse: Callable[..., Browser], stub: Stub) -> Browser:
    """Alice's browser."""
    return browse(stub)


@pytest.fixture
def shop(browse: Callable[..., Browser], stub: Stub) -> Browser:
    """Her brand's browser."""
    return browse(Stub(stub.node, accounts=[BOB]))


@pytest.fixture
def stub(anvil: tuple[str, Deployment]) -> Stub:
    """A wallet that does what it should, until a test says otherwise."""
    return Stub(Node(anvil[0], 10.0))


@pytest.fixture
def browse(chromium: Any) -> Iterator[Callable[..., Browser]]:
    """A browser with these wallets; no page of it may fail or ask anybody but our own server."""
    browsers: list[Browser] = []

    def start(*stubs: Stub, **options: Any) -> Browser:
        browsers.append(Browser(chromium, *stubs, **options))
        return browsers[-1]

    yield start
    for browser in browsers:
        browser.close()
        assert browser.troubles == []
        foreign = [url for url in browser.requests if not OWN.match(url)]
        assert foreign == []
