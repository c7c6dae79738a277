"""A notary whose processes are killed at random moments under load: nothing that got a 202 is lost or done twice."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from registry.core.anchor import Anchor
from registry.core.crypto.keccak import keccak256
from registry.core.promises import PromiseState, RelayPromise, judge_promise, parse_signed_promise, promise_query
from registry.core.scalars import to_hex, unhex
from registry.ledger.anvil import ETHER, Anvil
from registry.ledger.base import Deployment
from registry.net.http import TooLarge, Unreachable
from registry.storage.sqlite_store import SqliteBlocks
from tests.support.devnet_runs import PATIENCE
from tests.support.levers import AnvilLevers
from tests.support.notary_runs import Notary, commitment, make_network, make_notary, until
from tests.support.notary_stage import ChainAudit
from tests.support.soak import SEED, examples

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the parts of a notary are looked up in /proc"),
]


class Load(threading.Thread):
    """Clients that send commitments and openings all the time, and keep the promises of each 202."""

    def __init__(self, notary: Notary) -> None:
        super().__init__()
        self._notary, self._random, self.ended = notary, random.Random(SEED), threading.Event()
        self.promises: list[dict[str, Any]] = []

    def run(self) -> None:
        while not self.ended.wait(0.01):
            try:
                status, answer = self._notary.ask("POST", *self._request())
            except (Unreachable, TimeoutError, TooLarge):
                time.sleep(0.1)
                continue
            assert status in (202, 503), answer
            if status == 202:
                self.promises.append(answer.get("promise", answer))

    def _request(self) -> tuple[str, dict[str, Any]]:
        if self._random.random() < 0.2:
            opening = {"secret": to_hex(os.urandom(32)), "tag": to_hex(os.urandom(32))}
            return "/v1/revocations", {"openings": [opening]}
        return "/v1/commitments", {"commitments": [commitment() for _ in range(self._random.choice((1, 1, 1, 40)))]}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


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
            load.ended.set()
            load.join(PATIENCE)
        until(notary.is_ready)
        assert notary.run("flush", "--wait", "100").returncode == 0
        check_commitments(notary, load, anvil, network, account)
        check_endings(load, anvil, account)
    assert "Traceback" not in notary.errors.read_text()


def check_commitments(notary: Notary, load: Load, node: tuple[str, Deployment], network: Path, account: str) -> None:
    levers = AnvilLevers(*node)
    audit, blocks = ChainAudit(levers, account), SqliteBlocks(network / "blocks.sqlite")
    found = Counter(item for root in audit.roots() for item in audit.manifest(root, blocks))  # type: ignore[arg-type]
    promises = [parse_signed_promise(json.dumps(one).encode()) for one in load.promises]
    items = [item for one in promises if not isinstance(one.message, RelayPromise) for item in one.message.items]
    assert items and {found[unhex(item)] for item in items} == {1}
    for one in (one for one in promises if not isinstance(one.message, RelayPromise)):
        assert one.notary == account
        item = one.message.items[0]
        anchor = notary.anchored(item)
        proof = Anchor(anchor["root"], tuple(anchor["proof"]), anchor["transaction"], anchor["block"])
        facts = levers.ledger.facts([promise_query(one.message, item, proof)])
        assert judge_promise(one.message, item, facts, proof) is PromiseState.KEPT


def check_endings(load: Load, node: tuple[str, Deployment], account: str) -> None:
    levers = AnvilLevers(*node)
    calls = ChainAudit(levers, account).calls()
    relayed = Counter(to_hex(keccak256(keccak256(s) + tag)) for call in calls for s, tag in ChainAudit._openings(call))
    promises = [parse_signed_promise(json.dumps(one).encode()) for one in load.promises]
    endings = [one.message for one in promises if isinstance(one.message, RelayPromise)]
    assert endings and {relayed[one.items[0]] for one in endings} == {1}
    for one in endings:
        facts = levers.ledger.facts([promise_query(one, one.items[0])])
        assert judge_promise(one, one.items[0], facts) is PromiseState.KEPT
