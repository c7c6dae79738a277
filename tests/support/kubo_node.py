"""A real Kubo node of the tests' own: its own repository, loopback only, offline, without peers, ended by its pid."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from registry.core.ipld.cid import digest_of_cid
from registry.devnet import kubo
from tests.support.tools import tool

START_SECONDS = 60


class Node:
    """One node. ``api`` and ``gateway`` are its ports; both change with each start."""

    def __init__(self, folder: Path, *options: str, settings: dict[str, dict[str, Any]] | None = None) -> None:
        self.repo = folder
        self.api = self.gateway = 0
        self._ipfs = tool("kubo")
        self._options = options
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
        """What the real `ipfs` answers: through the node while it runs, from the repository else."""
        done = subprocess.run(
            [self._ipfs, *arguments], input=stdin, capture_output=True, env=kubo.environment(self.repo), timeout=120
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def start(self) -> Self:
        log = self.repo / "daemon.log"
        with log.open("wb") as output:
            command = [self._ipfs, *kubo.DAEMON, *self._options]
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
        """A signal to the node, and to nothing else."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Ends it as a power cut would, as far as a process can see."""
        self.send(signal.SIGKILL)
        assert self._process is not None
        self._process.wait(30)

    def stop(self) -> None:
        """Ends it whatever state it is in; a node that is stopped already is no error."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(15)
        self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def empty(self) -> None:
        """As it was when new."""
        self.run("config", "Datastore.StorageMax", "10GB")
        self.unpin_all()
        self.run("repo", "gc", "--quiet")

    def unpin_all(self) -> None:
        """Leaves every block to the next collection, whoever pinned it."""
        pins = self.run("pin", "ls", "--type=recursive", "--quiet").split()
        pins += self.run("pin", "ls", "--type=direct", "--quiet").split()
        if pins:
            self.run("pin", "rm", stdin=b"\n".join(pins))

    def block_file(self, cid: str) -> Path:
        """Where the repository keeps the block: under its multihash, in upper-case base32 without padding."""
        name = base64.b32encode(b"\x12\x20" + digest_of_cid(cid)).decode().rstrip("=")
        return next((self.repo / "blocks").glob(f"[!.]*/{name}.data"))

    def block_files(self) -> list[Path]:
        """The files of all blocks in the repository; what it is only writing, in a hidden folder, comes and goes."""
        return sorted((self.repo / "blocks").glob("[!.]*/*.data"))


@contextmanager
def running(*options: str, settings: dict[str, dict[str, Any]] | None = None) -> Iterator[Node]:
    """A new node in a folder of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="kubo-") as folder, Node(Path(folder), *options, settings=settings) as node:
        yield node
