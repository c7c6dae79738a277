"""A notary in processes of its own, as an operator runs it, and its API over HTTP."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from registry.config.network_file import write_settings
from registry.core.scalars import to_hex
from registry.ledger.base import Deployment, write_deployment
from registry.net.http import Unreachable, fetch
from registry.notary.folder import FILE, keys_folder, make_token_keys
from registry.wallets import keyfiles, keystore
from tests.support.devnet_runs import CONSENT, PATIENCE, consent, environment
from tests.support.levers import AnvilLevers

START_SECONDS = 40.0
QUICK = {"port": 0, "batch_seconds": 1, "confirmations": 0, "promise_seconds": 60, "relay_seconds": 30}


def make_network(folder: Path, node: tuple[str, Deployment]) -> Path:
    """The folder of a network on this anvil, without an IPFS node. Its newest block is of now.

    Other tests moved the chain's time on: the next block would come long after the one that a first promise begins at.
    """
    url, deployment = node
    AnvilLevers(url, deployment).mine(1)
    folder.mkdir()
    write_settings(folder, rpc_url=url)
    write_deployment(folder / "deployment.json", deployment)
    return folder


def make_notary(folder: Path, phrase: str = "", **settings: Any) -> str:
    """Do as ``consent notary init``, with a passphrase that costs no time; the account."""
    FILE.make(folder, **QUICK | settings)
    make_token_keys(folder, time.time())
    return keyfiles.new_key(keys_folder(folder), "account", phrase, cost=keystore.LIGHT)


class Notary:
    """``consent notary serve --json`` on this folder; in a ``with`` block, after which it has ended with 0."""

    def __init__(self, folder: Path, network: Path, *options: str, **more: str) -> None:
        self.folder, self.network, self._options = folder, network, options
        self.environment = environment(folder.parent, CONSENT_NETWORK=str(network), **more)
        self.errors = folder.with_name(f"{folder.name}.errors")
        self._lines: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.url = ""

    def __enter__(self) -> Notary:
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(
                [*CONSENT, "notary", "serve", "--json", "--dir", str(self.folder), *self._options],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        if self._options[:2] != ("--only", "worker"):
            self.listens()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def listens(self) -> None:
        """Wait until the API listens, and take its URL."""
        line = self._lines.get(timeout=START_SECONDS)
        assert line.get("event") == "listening", (line, self.errors.read_text())
        self.url = line["url"]

    def end(self) -> int:
        """End it by SIGTERM; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE)
        self.close()
        assert code == 0, self.errors.read_text()
        return code

    def close(self) -> None:
        """Let go of a process that has ended."""
        self._reader.join(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def part(self, name: str) -> int:
        """The process id of the "api" or the "worker", which is a child of the supervisor."""
        return until(lambda: self._part(name))

    def _part(self, name: str) -> int:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().split(b"\0")
                parent = int((path.parent / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == self.process.pid and name.encode() in words:
                return int(path.parent.name)
        return 0

    def ask(self, method: str, path: str, document: object = None) -> tuple[int, Any]:
        """One request on a connection of its own: the status and the JSON of the answer."""
        body = b"" if document is None else json.dumps(document).encode()
        headers = {"Content-Type": "application/json"} if body else {}
        answer = fetch(method, f"{self.url}{path}", body=body, headers=headers, seconds=30, max_bytes=1 << 22)
        return answer.status, json.loads(answer.body) if answer.body else None

    def is_ready(self) -> bool:
        """Tell whether it promises now."""
        try:
            return self.ask("GET", "/readyz")[0] == 200
        except Unreachable:
            return False

    def anchor(self, *commitments: str) -> dict[str, Any]:
        """Have these anchored; the promise. They are in the database when this returns."""
        until(self.is_ready)
        status, answer = self.ask("POST", "/v1/commitments", {"commitments": list(commitments)})
        assert status == 202, answer
        found: dict[str, Any] = answer
        return found

    def anchored(self, commitment: str) -> dict[str, Any]:
        """Wait until it is anchored; the anchor."""
        found: dict[str, Any] = until(lambda: self.ask("GET", f"/v1/commitments/{commitment}")[1].get("anchor"))
        return found

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Another command of the operator on this folder."""
        name, *others = arguments
        more = {"CONSENT_NETWORK": str(self.network)}
        return consent(self.folder.parent, "notary", name, *others, "--dir", self.folder, "--json", **more)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(json.loads(line))


def commitment() -> str:
    """A new one."""
    return to_hex(os.urandom(32))


def until(look: Callable[[], Any], seconds: float = 40.0) -> Any:
    """Return what `look` finds, once that is true."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
    return found
