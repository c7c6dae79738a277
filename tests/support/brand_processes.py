"""A brand's service as processes that a test kills and starts again, with people who send and a system that listens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from registry.brand.settings import FILE
from registry.client.home import Home
from registry.client.revoke import revoke_openly
from registry.config.network_file import write_settings
from registry.core.evidence.file import Evidence, write_evidence
from registry.ledger.base import Deployment, write_deployment
from tests.support.on_anvil import RealStage
from tests.support.real_network import start

SECONDS = 90.0


class Part:
    """One part of the service as a process, which a test kills and starts again."""

    def __init__(self, name: str, stage: RealStage, network: Path, folder: Path) -> None:
        self._line = (network, stage.folder / "home", "brand", "serve", "--only", name, "--dir", folder)
        self._listens, self.url = name != "worker", ""
        self.start()

    def start(self) -> None:
        self._process: subprocess.Popen[str] = start(*self._line)
        if self._listens:
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
    network.mkdir()
    write_deployment(network / "deployment.json", node[1])
    write_settings(network, rpc_url=node[0])
    home = Home(stage.folder / "home")
    home.recover(stage.seed("brand"), "")
    home.add_key("main", b"brand".rjust(32, b"\x01"), "")
    stage.levers._ask("anvil_setBalance", stage.brand.address, hex(10**20))


class Listener(threading.Thread):
    """The brand's own system: it hears the stream of events, and goes on after its last one whenever that breaks."""

    def __init__(self, internal: Part) -> None:
        super().__init__(daemon=True)
        self._internal, self.heard, self.done = internal, list[tuple[int, str, str]](), threading.Event()
        self.start()

    def run(self) -> None:
        while not self.done.is_set():
            with suppress(httpx.HTTPError):
                last = str(self.heard[-1][0]) if self.heard else "0"
                with httpx.stream(
                    "GET", f"{self._internal.url}/v1/events", headers={"Last-Event-ID": last}, timeout=2
                ) as told:
                    self._hear(told)
            time.sleep(0.05)

    def _hear(self, told: httpx.Response) -> None:
        said: dict[str, str] = {}
        for line in told.iter_lines():
            name, _, value = line.partition(": ")
            said[name] = value
            if not line and "data" in said:
                self.heard.append((int(said["id"]), said["event"], json.loads(said["data"])["digest"]))
                said = {}


class Sender(threading.Thread):
    """People who send their files again and again until they are taken; every third ends the grant then."""

    def __init__(self, public: Part, given: list[tuple[Any, Evidence]]) -> None:
        super().__init__(daemon=True)
        self._public, self._given = public, given
        self.taken, self.ended = list[Evidence](), list[Evidence]()

    def run(self) -> None:
        for number, (person, evidence) in enumerate(self._given):
            while not self._public.sends(write_evidence(evidence)):
                time.sleep(0.05)
            self.taken.append(evidence)
            if number % 3 == 0:
                revoke_openly(person, evidence)
                self.ended.append(evidence)


def brand_folder(folder: Path, stage: RealStage, **more: Any) -> Path:
    """Make a brand's folder, whose listeners take free ports."""
    values: dict[str, Any] = {"account": stage.brand.address, "recipients": [stage.brand.recipient]}
    values |= {"domain": "aurelle.example", "name": "Maison Aurelle", "contact": "privacy@aurelle.example"}
    values |= {"asked_only": False}  # people grant here what nobody published
    FILE.make(folder, **values, url="https://aurelle.example", port=0, internal_port=0, **more)
    return folder


def until(look: Callable[[], Any], why: Callable[[], Any] = str) -> None:
    """Wait until it is so."""
    ends = time.monotonic() + SECONDS
    while not look():
        assert time.monotonic() < ends, why()
        time.sleep(0.2)
