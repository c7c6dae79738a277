"""Kill the brand's listener and its worker again and again: nothing that was taken is lost, no event is doubled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry.brand.settings import FILE
from registry.brand.store import open_store
from registry.client.grant import grant
from registry.client.request import request
from registry.client.verify import verify
from registry.core.evidence.file import parse_evidence, write_evidence
from registry.ledger.base import Deployment, write_deployment
from tests.support.brand_stores import told
from tests.support.on_anvil import RealStage
from tests.support.real_network import start
from tests.support.soak import examples

pytestmark = pytest.mark.slow
SECONDS = 90.0
GRANTS, KILLS = examples(8, 60), examples(4, 100)


class Part:
    """One part of the service as a process, which a test kills and starts again."""

    def __init__(self, name: str, stage: RealStage, network: Path, folder: Path) -> None:
        self._line = (network, stage.folder / "home", "brand", "serve", "--only", name, "--dir", folder)
        self._is_public, self.url = name == "public", ""
        self.start()

    def start(self) -> None:
        self._process: subprocess.Popen[str] = start(*self._line)
        if self._is_public:
            assert self._process.stdout is not None
            self.url = json.loads(self._process.stdout.readline())["url"]

    def kill(self) -> None:
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait(SECONDS)
        self._process.communicate()

    def sends(self, raw: bytes) -> bool:
        """Whether the service says that it has taken the file."""
        try:
            headers = {"Content-Type": "application/json"}
            return httpx.post(f"{self.url}/v1/evidence", content=raw, headers=headers, timeout=20).status_code < 300
        except httpx.HTTPError:
            return False


def a_home(stage: RealStage, network: Path, node: tuple[str, Deployment]) -> None:
    """Make the folders of the network and of the brand's home; the chain's payer is the brand's own account."""
    from registry.client.home import Home
    from registry.config.network_file import write_settings

    network.mkdir()
    write_deployment(network / "deployment.json", node[1])
    write_settings(network, rpc_url=node[0])
    home = Home(stage.folder / "home")
    home.recover(stage.seed("brand"), "")
    home.add_key("main", b"brand".rjust(32, b"\x01"), "")
    stage.levers._ask("anvil_setBalance", stage.brand.address, hex(10**20))


def test_nothing_is_lost_and_nothing_doubled(tmp_path: Path, anvil: tuple[str, Deployment]) -> None:
    stage = RealStage.on(tmp_path / "parties", anvil)
    network, folder = tmp_path / "network", tmp_path / "brand"
    a_home(stage, network, anvil)
    FILE.make(
        folder,
        account=stage.brand.address,
        recipients=[stage.brand.recipient],
        domain="aurelle.example",
        name="Maison Aurelle",
        contact="privacy@aurelle.example",
        url="https://aurelle.example",
        port=0,
    )
    payer = stage.levers.wallet()
    asked = write_evidence(request(stage.brand, stage.notice()))
    people = [stage.person(f"person {number}", sender=payer) for number in range(GRANTS)]
    files = [write_evidence(grant(person, asked).evidence) for person in people]
    public, worker = (Part(name, stage, network, folder) for name in ("public", "worker"))
    taken: set[bytes] = set()
    for number in range(KILLS):
        taken |= {raw for raw in files if public.sends(raw)}
        time.sleep(0.3 * (number % 3))
        for part in (public, worker):
            part.kill()
            part.start()
    store = open_store(folder)
    kept = store.by_digest([parse_evidence(raw).digest for raw in taken])
    assert taken and len(kept) == len(taken)
    while len(taken) < GRANTS:
        taken |= {raw for raw in files if public.sends(raw)}
    ends = time.monotonic() + SECONDS
    while not all(each.is_complete for each in store.answers_before(2**40, 1_000)):
        assert time.monotonic() < ends, store.signed(100)
        time.sleep(0.2)
    public.kill()
    worker.kill()
    answers = store.answers_before(2**40, 1_000)
    assert len(answers) == GRANTS and store.signed(10) == []
    policy: Any = stage.network.policy(controllers=frozenset({stage.brand.address}), accepted=True)
    for each in answers:
        verify(stage.network, each.file, policy)
    assert sorted(told(store)) == sorted(("granted", each.digest) for each in answers)
