"""A notary as an operator runs it, on an anvil with a block every two seconds, with grants that wait for their end."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, NamedTuple

from registry.client.revoke import opening_of
from registry.core.evidence.file import Evidence
from registry.ledger.anvil import ETHER, Anvil
from registry.ledger.base import Deployment
from registry.notary.folder import FILE
from registry.notary.protocols import ChainBook
from registry.notary.sponsors import sponsor_key_hash
from registry.notary.stores import open_stores
from scripts.benchmarks.notary_load import BEARER
from tests.support.levers import asker, running_anvil
from tests.support.notary_runs import Notary, make_network, make_notary, until
from tests.support.on_anvil import RealStage
from tests.support.stage import Stage

BLOCK_SECONDS = 2
_NO_LIMIT = 10**9
SETTINGS: dict[str, Any] = {
    "batch_seconds": 2,
    "promise_seconds": 900,
    "relay_seconds": 300,
    "confirmations": 3,
    "free_commitments": _NO_LIMIT,
    "free_endings": _NO_LIMIT,
    "requests_per_second": 10**6,
}


class Granted:
    """A person's grants on the chain, each of which can be ended once."""

    def __init__(self, stage: Stage, evidence: Sequence[Evidence]) -> None:
        self._stage, self._left = stage, list(evidence)

    def take(self) -> tuple[dict[str, str], partial[str]]:
        """Return the opening that ends one of them, and a function that verifies it now."""
        evidence = self._left.pop()
        secret, tag = opening_of(self._stage.alice, evidence)
        return {"secret": secret, "tag": tag}, partial(Stage.holds, self._stage, evidence)


class Chain(NamedTuple):
    """An anvil with our contracts, and the grants on it."""

    node: tuple[str, Deployment]
    granted: Granted

    def wait_for_block(self) -> None:
        """Wait until the next block is there."""
        anvil = Anvil(self.node[0])
        before = anvil.tip().number
        while anvil.tip().number == before:
            time.sleep(0.01)


@contextmanager
def running_chain(folder: Path, grants: int) -> Iterator[Chain]:
    """Run an anvil on which these grants are anchored. Then it makes a block every two seconds."""
    with running_anvil("--hardfork", "prague") as node:
        stage = RealStage.on(folder, node)
        evidence = [stage.granted().evidence for _ in range(grants)]
        ask = asker(node[0])
        ask("evm_setAutomine", False)
        ask("evm_setIntervalMining", BLOCK_SECONDS)
        yield Chain(node, Granted(stage, evidence))


class Site(NamedTuple):
    """A notary that has a sponsor and money."""

    folder: Path
    network: Path

    @contextmanager
    def serve(self, *options: str) -> Iterator[Notary]:
        """Run ``consent notary serve`` until it is ready."""
        with Notary(self.folder, self.network, *options) as notary:
            until(notary.is_ready)
            yield notary


def make_site(folder: Path, chain: Chain, database: str) -> Site:
    """Make a notary below a new folder."""
    folder.mkdir()
    network, notary = make_network(folder / "network", chain.node), folder / "notary"
    Anvil(chain.node[0]).fund(make_notary(notary, **SETTINGS, database=database), 10 * ETHER)
    stores = open_stores(notary, FILE.read(notary))
    stores.intake.add_sponsor("bench", sponsor_key_hash(BEARER), 10**12, int(time.time()))
    return Site(notary, network)


def peaks(notary: Notary) -> dict[str, float]:
    """Return the peak memory of its processes in MB (10^6 bytes)."""
    ids = {"supervisor": notary.process.pid, "API": notary.part("api"), "worker": notary.part("worker")}
    return {name: _peak(id) for name, id in ids.items()}


def _peak(process: int) -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return 0.0 if found is None else int(found[1]) * 1_024 / 1e6


def words(count: int) -> list[bytes]:
    """Return new commitments."""
    drawn = os.urandom(32 * count)
    return [drawn[at : at + 32] for at in range(0, len(drawn), 32)]


def seconds_of_reading(folder: Path, items: Sequence[bytes], processes: int) -> float:
    """Return the seconds in which so many processes read the proofs of these commitments from the database."""
    context = get_context("spawn")
    ready = context.Barrier(processes)
    with ProcessPoolExecutor(processes, context, _open, (folder, ready)) as pool:
        list(pool.map(_read, [items[:100]] * processes))
        parts = [items[at : at + 500] for at in range(0, len(items), 500)]
        began = time.perf_counter()
        list(pool.map(_read, parts))
        return time.perf_counter() - began


_opened: list[ChainBook] = []


def _open(folder: Path, ready: Barrier) -> None:
    _opened.append(open_stores(folder, FILE.read(folder)).book)
    ready.wait()


def _read(items: Sequence[bytes]) -> None:
    for item in items:
        found = _opened[0].proof(item)
        if found is None:
            raise RuntimeError("a proof is missing")
