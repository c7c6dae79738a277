"""A brand's service as its operator runs it, with many stored consents, on an anvil with a block every two seconds."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import httpx

from registry.brand.records import Asked
from registry.brand.settings import FILE
from registry.brand.store import open_store
from registry.client.home import Home
from registry.config.network_file import write_settings
from registry.core.eip712 import Domain, domain_of
from registry.core.scalars import to_hex, unhex
from registry.ledger.base import Deployment, write_deployment
from scripts.benchmarks.brand_files import a_notice, grants, in_one_batch
from scripts.benchmarks.brand_rows import an_opening, fill
from tests.support.levers import asker, running_anvil
from tests.support.on_anvil import RealStage
from tests.support.real_network import start

T = TypeVar("T")
BLOCK_SECONDS, _SECONDS, _LOOK_SECONDS = 2, 120.0, 0.005
_KEY = b"brand".rjust(32, b"\x01")  # of the stage's brand


class Chain(NamedTuple):
    """An anvil, the brand on it, and files of as many people, all anchored."""

    node: tuple[str, Deployment]
    account: str
    recipient: str
    files: list[bytes]

    @property
    def domain(self) -> Domain:
        """The EIP-712 domain of its registry."""
        return domain_of(self.node[1].chain_id, self.node[1].registry)


@contextmanager
def running_chain(folder: Path, files: int) -> Iterator[Chain]:
    """Run an anvil on which so many grants are anchored in one batch. Then it makes a block every two seconds."""
    with running_anvil("--hardfork", "prague") as node:
        stage = RealStage.on(folder, node)
        account, recipient = stage.brand.address, stage.brand.recipient
        made = grants(stage.network.domain, account, a_notice(account, recipient), files, int(time.time()))
        root, manifest, raws = in_one_batch(made)
        stage.ledger.transact("anchor", to_hex(root), to_hex(manifest), sender=stage.levers.wallet())
        ask = asker(node[0])
        ask("anvil_setBalance", account, hex(10**20))
        ask("evm_setAutomine", False)
        ask("evm_setIntervalMining", BLOCK_SECONDS)
        yield Chain(node, account, recipient, raws)


class Running:
    """The running service. ``public`` and ``internal`` are the URLs of its listeners, where these parts run."""

    def __init__(self, process: subprocess.Popen[str], listeners: int) -> None:
        assert process.stdout is not None
        lines = [json.loads(process.stdout.readline()) for _ in range(listeners)]
        found = {line["part"]: line["url"] for line in lines}
        self._process = process
        self.public, self.internal = found.get("public", ""), found.get("internal", "")

    def wait_until_ready(self) -> None:
        """Wait until the internal listener answers questions."""
        ends = time.monotonic() + _SECONDS
        while httpx.get(f"{self.internal}/readyz").status_code != 200:
            if time.monotonic() > ends:
                raise RuntimeError("the service is not ready")
            time.sleep(_LOOK_SECONDS)

    def peak(self) -> float:
        """Return the peak memory of all its processes together, in MB (10^6 bytes); shared pages count for each."""
        return sum(map(_peak, [self._process.pid, *_children(self._process.pid)]))


class Site(NamedTuple):
    """A brand's folder, network and home. ``database`` is a URL, or empty for SQLite."""

    folder: Path
    network: Path
    home: Path
    database: str

    @contextmanager
    def serve(self, *options: str) -> Iterator[Running]:
        """Run ``consent brand serve``; with ``--only``, one part of it."""
        process = start(self.network, self.home, "brand", "serve", "--dir", self.folder, *options)
        try:
            yield Running(process, 1 if options else 2)
        finally:
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=_SECONDS)
        if process.returncode:
            raise RuntimeError(errors)


def make_site(folder: Path, chain: Chain, database: str, consents: int, ours: int) -> Site:
    """Make a brand with so many stored consents; `an_opening` ends the first ``ours`` of them."""
    folder.mkdir()
    site = Site(folder / "brand", folder / "network", folder / "home", database)
    site.network.mkdir()
    write_deployment(site.network / "deployment.json", chain.node[1])
    write_settings(site.network, rpc_url=chain.node[0])
    home = Home(site.home)
    home.recover(RealStage.seed("brand"), "")
    home.add_key("main", _KEY, "")
    FILE.make(site.folder, **_settings(chain), database=database)
    notice = sha256(a_notice(chain.account, chain.recipient)).digest()
    open_store(site.folder, database).publish(Asked(bytes(32), b"", False, 0, 0, notice=notice))
    openings = [an_opening(number, "own") for number in range(ours)]
    fill(site.folder, database, unhex(chain.account), int(time.time()), consents, openings)
    return site


def _settings(chain: Chain) -> dict[str, Any]:
    named = {"account": chain.account, "recipients": [chain.recipient], "domain": "aurelle.example"}
    named |= {"name": "Maison Aurelle", "contact": "privacy@aurelle.example", "url": "https://aurelle.example"}
    return named | {"port": 0, "internal_port": 0, "requests_per_second": 10**6, "connections": 1_000}


def elsewhere(work: Callable[..., T], *arguments: Any) -> T:
    """Do this work in a process of its own, which shares no memory and no interpreter with anything measured."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


@contextmanager
def running_plain(folder: Path, database: str) -> Iterator[str]:
    """Run a service that looks the same rows up and knows nothing of proofs; yield its URL."""
    line = [sys.executable, "-m", "scripts.benchmarks.brand_plain", str(folder), database]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def _children(process: int) -> Sequence[int]:
    return [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def _peak(process: int) -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return 0.0 if found is None else int(found[1]) * 1_024 / 1e6
