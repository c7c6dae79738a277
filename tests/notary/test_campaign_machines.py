"""Two APIs and two workers on one PostgreSQL under load; each of them and the database are killed in turn."""

from __future__ import annotations

import random
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from registry.ledger.anvil import ETHER, Anvil
from registry.ledger.base import Deployment
from tests.support.devnet_runs import PATIENCE
from tests.support.notary_load import Load, check_commitments, check_endings, free_port
from tests.support.notary_runs import Notary, make_network, make_notary, until
from tests.support.postgres import PostgresServer
from tests.support.soak import SEED, examples

pytestmark = pytest.mark.slow
FREE = {"free_commitments": 10**6, "free_endings": 10**6, "requests_per_second": 10**4}


def kill(machine: Notary | PostgresServer) -> None:
    """Kill it as a power cut does, and start it again as systemd does."""
    if isinstance(machine, PostgresServer):
        machine.kill()
        machine.start()
        return
    machine.process.kill()
    machine.process.wait(PATIENCE)
    machine.close()
    machine.__enter__()


@pytest.mark.timeout(1_800)
def test_machines_and_the_database_are_killed_in_turn(
    tmp_path: Path, anvil: tuple[str, Deployment], postgres: PostgresServer, postgres_url: str
) -> None:
    network, folder = make_network(tmp_path / "network", anvil), tmp_path / "notary"
    account = make_notary(folder, **FREE, database=postgres_url, promise_seconds=300, relay_seconds=300)
    Anvil(anvil[0]).fund(account, 100 * ETHER)
    chance = random.Random(SEED)
    with ExitStack() as stack:
        ports = [free_port(), free_port()]
        apis = [Notary(folder, network, "--only", "api", "--port", str(port)) for port in ports]
        workers = [Notary(folder, network, "--only", "worker") for _ in range(2)]
        for each in (*apis, *workers):
            stack.enter_context(each)
        until(lambda: all(api.is_ready() for api in apis))
        load = Load(*apis)
        load.start()
        try:
            for number in range(examples(5, 60)):
                time.sleep(chance.uniform(0.2, 1.5))
                kill((apis[0], workers[0], postgres, apis[1], workers[1])[number % 5])
        finally:
            load.end()
        until(lambda: all(api.is_ready() for api in apis))
        flushed = apis[0].run("flush", "--wait", "100")
        assert flushed.returncode == 0, flushed
        check_commitments(apis[1], load, anvil, network, account)
        check_endings(load, anvil, account)
    assert "Traceback" not in folder.with_name("notary.errors").read_text()
