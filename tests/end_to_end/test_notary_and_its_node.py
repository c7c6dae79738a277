"""A notary in processes whose node goes away, shows another chain, or takes blocks back, under load."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.ledger.anvil import ETHER, Anvil
from registry.ledger.base import Deployment
from tests.support.levers import AnvilLevers, start_anvil, stop
from tests.support.notary_load import Load, check_commitments, check_endings, free_port
from tests.support.notary_runs import Notary, make_network, make_notary, until
from tests.support.soak import SEED, SOAK
from tests.support.tcp_proxy import Proxy

pytestmark = pytest.mark.slow
FREE = {"free_commitments": 10**6, "free_endings": 10**6, "requests_per_second": 10**4}
# More blocks than a test takes back. anvil gives money outside of blocks, so it lies below these.
DEEP = 10
NO_ANSWER = 3
TROUBLES: list[str | int] = [*range(1, 6), "away", "other chain"] * 3 if SOAK else ["away", 1, "other chain", 5, 3]


@pytest.fixture
def other_chain() -> Iterator[int]:
    """The port of a node that has another chain."""
    process, url = start_anvil("--chain-id", "5")
    yield int(url.rpartition(":")[2])
    stop(process)


def point(proxy: Proxy, port: int) -> None:
    """Let the notary's node be what listens on this port, if anything does."""
    proxy.target = port
    proxy.drop()


@pytest.mark.timeout(1_800)
def test_a_node_that_fails_under_load(tmp_path: Path, own_anvil: tuple[str, Deployment], other_chain: int) -> None:
    """What got a 202 is anchored and ended in time, once, whatever the node did meanwhile."""
    url, deployment = own_anvil
    levers, chance, port = AnvilLevers(url, deployment), random.Random(SEED), int(url.rpartition(":")[2])
    with Proxy(port) as proxy:
        network, folder = make_network(tmp_path / "network", (proxy.url, deployment)), tmp_path / "notary"
        account = make_notary(folder, **FREE, confirmations=2, promise_seconds=300, relay_seconds=300)
        Anvil(url).fund(account, 100 * ETHER)
        levers.mine(DEEP)
        with Notary(folder, network) as notary:
            until(notary.is_ready)
            load = Load(notary)
            load.start()
            try:
                for trouble in TROUBLES:
                    time.sleep(chance.uniform(0.5, 2.0))
                    promised = len(load.promises)
                    if isinstance(trouble, int):
                        levers._ask("anvil_reorg", trouble, [])
                        levers.mine(1)
                        continue
                    point(proxy, other_chain if trouble == "other chain" else free_port())
                    time.sleep(chance.uniform(1.0, 3.0))
                    assert notary.run("status").returncode == NO_ANSWER
                    assert len(load.promises) > promised  # it can catch up, so it goes on to promise
                    point(proxy, port)
            finally:
                load.end()
            until(notary.is_ready)
            assert notary.run("flush", "--wait", "100").returncode == 0
            levers.mine(3)
            check_commitments(notary, load, own_anvil, network, account)
            check_endings(load, own_anvil, account)
        assert "Traceback" not in notary.errors.read_text()
