"""A notary whose processes are killed at random moments under load: nothing that got a 202 is lost or done twice."""

from __future__ import annotations

import os
import random
import re
import signal
import sys
import time
from pathlib import Path

import pytest

from registry.ledger.anvil import ETHER, Anvil
from registry.ledger.base import Deployment
from tests.support.devnet_runs import PATIENCE
from tests.support.notary_load import Load, check_commitments, check_endings, free_port
from tests.support.notary_runs import Notary, make_network, make_notary, until
from tests.support.soak import SEED, examples

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the parts of a notary are looked up in /proc"),
]
# Python prints and drops an interruption that comes while it cleans up behind an import. The supervisor then ends
# that part by force.
DROPPED = re.compile(r"Exception ignored in: [^\n]*\nTraceback .*?\nKeyboardInterrupt: *\n", re.DOTALL)


def kill(notary: Notary, victim: str) -> None:
    """Kill a part, or the supervisor, whose parts then end; an operator's systemd starts that one again."""
    parts = [notary._part(name) for name in ("api", "worker")]
    if victim != "supervisor":
        if pid := notary._part(victim):
            os.kill(pid, signal.SIGKILL)
        return
    notary.process.kill()
    notary.process.wait(PATIENCE)
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in parts if pid))
    notary.close()
    notary.__enter__()


@pytest.mark.timeout(1_800)
def test_killed_at_random_moments_under_load(tmp_path: Path, anvil: tuple[str, Deployment]) -> None:
    network, folder = make_network(tmp_path / "network", anvil), tmp_path / "notary"
    free = {"free_commitments": 10**6, "free_endings": 10**6, "requests_per_second": 10**4}
    account = make_notary(folder, **free, port=free_port(), promise_seconds=300, relay_seconds=300)
    Anvil(anvil[0]).fund(account, 100 * ETHER)
    chance = random.Random(SEED)
    with Notary(folder, network) as notary:
        until(notary.is_ready)
        load = Load(notary)
        load.start()
        try:
            for number in range(examples(5, 100)):
                time.sleep(chance.uniform(0.2, 2.0))
                kill(notary, ("api", "worker", "supervisor")[number % 3])
        finally:
            load.end()
        until(notary.is_ready)
        assert notary.run("flush", "--wait", "100").returncode == 0
        check_commitments(notary, load, anvil, network, account)
        check_endings(load, anvil, account)
    assert "Traceback" not in DROPPED.sub("", notary.errors.read_text())
