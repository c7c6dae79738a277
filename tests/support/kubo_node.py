"""A real Kubo node for tests: a repository of its own, on loopback only, offline, without peers, ended by its pid."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from registry.core.ipld.cid import digest_of_cid
from registry.devnet import kubo
from tests.support.tools import tool

START_SECONDS = 60


class Node:
    """One node. ``api`` and ``gateway`` are its ports; both change with each start."""

    def __init__(
        self, folder: Path, *options: str, settings: dict[str, dict[str, Any]] | None = None, offline: bool = True
    ) -> None:
        self.repo = folder
        self.api = self.gateway = 0
        self._ipfs = tool("kubo")
        self._options = (*(kubo.DAEMON if offline else kubo.DAEMON[:1]), *options)
        self._process: subprocess.Popen[bytes] | None = None
        kubo.make_repo(self._ipfs, folder)
        kubo.configure(folder, api=0, settings=settings)

    @property
    def address(self) -> str:
        return f"/ip4/127.0.0.1/tcp/{self.api}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run the real `ipfs` and return its output. It asks the node if that runs, else it reads the repository."""
        done = subprocess.run(
            [self._ipfs, *arguments], input=stdin, capture_output=True, env=kubo.environment(self.repo), timeout=120
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def start(self) -> Self:
        log = self.repo / "daemon.log"
        with log.open("wb") as output:
            command = [self._ipfs, *self._options]
            self._process = subprocess.Popen(
                command, env=kubo.environment(self.repo), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self._wait(log)
        return self

    def _wait(self, log: Path) -> None:
        deadline = time.monotonic() + START_SECONDS
        while (ports := kubo.ports_in(text := log.read_text("utf-8"))) is None:
            assert self._process is not None
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise AssertionError(f"the node did not start:\n{text}")
            time.sleep(0.02)
        self.api, self.gateway = ports

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the node's process."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End it with SIGKILL, as a power cut would."""
        self.send(signal.SIGKILL)
        assert self._process is not None
        self._process.wait(30)

    def stop(self) -> None:
        """End it, whatever state it is in; may be called twice."""
        if self._process is not None and self._process.poll() is None:
            self.kill()  # its folder is thrown away, and a clean end takes 2 s
        self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def empty(self) -> None:
        """Make it as it was when new."""
        self._ask("config", "Datastore.StorageMax", "10GB")
        self.unpin_all()
        self.collect()

    def unpin_all(self) -> None:
        """Remove all pins, so that the next collection deletes every block."""
        pins = [pin for kind in ("recursive", "direct") for pin in self._ask("pin/ls", type=kind).get("Keys", {})]
        for at in range(0, len(pins), 100):
            self._ask("pin/rm", *pins[at : at + 100])

    def collect(self) -> None:
        """Delete every block that no pin keeps."""
        self._ask("repo/gc", quiet="true", silent="true")

    def _ask(self, command: str, *arguments: str, **options: str) -> dict[str, Any]:
        """Make an RPC call, which takes a hundredth of the time that the program takes to start."""
        query = urlencode([*(("arg", each) for each in arguments), *options.items()])
        request = urllib.request.Request(f"http://127.0.0.1:{self.api}/api/v0/{command}?{query}", method="POST")
        with urllib.request.urlopen(request, timeout=START_SECONDS) as answer:
            return dict(json.loads(answer.read() or b"{}"))

    def block_file(self, cid: str) -> Path:
        """Return the block's file, named by its multihash in upper-case base32 without padding."""
        name = base64.b32encode(b"\x12\x20" + digest_of_cid(cid)).decode().rstrip("=")
        return next((self.repo / "blocks").glob(f"[!.]*/{name}.data"))

    def block_files(self) -> list[Path]:
        """List the files of all blocks in the repository, without those in its hidden folder for unfinished writes."""
        return sorted((self.repo / "blocks").glob("[!.]*/*.data"))


@contextmanager
def running(*options: str, settings: dict[str, dict[str, Any]] | None = None, offline: bool = True) -> Iterator[Node]:
    """Run a new node in a folder of its own, which is removed afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="kubo-") as folder,
        Node(Path(folder), *options, settings=settings, offline=offline) as node,
    ):
        yield node


def announcing(**settings: dict[str, Any]) -> AbstractContextManager[Node]:
    """Run a node that is set up to announce what it holds; it has no peers, so it tells nobody."""
    told = {"Provide": {"Enabled": True}, "Routing": {"Type": "dht"}}
    return running(settings=told | settings, offline=False)
