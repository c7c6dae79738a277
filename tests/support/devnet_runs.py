"""A devnet in a process of its own, as JSON lines, and what is left of it."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

from registry.devnet.processes import wait_until

CONSENT = [sys.executable, "-m", "registry"]
PATIENCE = 120.0
# Each service has a usual port too, which two devnets that start at once would both find free.
ANY_PORTS = tuple(word for name in ("rpc", "ipfs", "notary", "brand", "app") for word in (f"--{name}-port", "0"))


def environment(user: Path, **more: str) -> dict[str, str]:
    """Everything of a user's own lies in this folder, but for the programs."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CONSENT_") and k not in ("NO_COLOR", "COLUMNS")}
    return kept | {"XDG_DATA_HOME": str(user), "TERM": "xterm-256color"} | more


def consent(user: Path, *arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
    """One command, to its end; `more` are variables of its environment."""
    line = [*CONSENT, *map(str, arguments)]
    return subprocess.run(
        line,
        env=environment(user, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The last JSON line of a command that succeeded."""
    assert done.returncode == 0, done
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def left_of(folder: Path) -> list[int]:
    """The processes that were started for the devnet in this folder, whoever their parent is now."""
    mark = f"IPFS_PATH={folder / 'ipfs'}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in path.read_bytes().split(b"\0") and " Z " not in (path.parent / "stat").read_text():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def nothing_is_left_of(folder: Path) -> bool:
    return wait_until(lambda: left_of(folder) == [], PATIENCE)


def readable(stream: IO[Any], seconds: float) -> bool:
    """Whether there is something to read in time. `select.select` fails where a process has 1,024 files open."""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        return bool(selector.select(seconds))


class Run:
    """``consent devnet --json`` on this folder; in a ``with`` block, after which it has ended."""

    def __init__(self, folder: Path, *options: str, **more: str) -> None:
        self.folder = folder
        self._errors = folder.with_name(f"{folder.name}.errors")
        self._text = b""
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [*CONSENT, "devnet", "--json", "--dir", str(folder), *(options or ANY_PORTS)],
                env=environment(folder.parent, **more),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
            )

    def __enter__(self) -> Run:
        self.ready = self.until("ready")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        assert nothing_is_left_of(self.folder)

    @property
    def errors(self) -> str:
        """What it wrote to stderr."""
        return self._errors.read_text()

    @property
    def network(self) -> str:
        """``CONSENT_NETWORK`` for others."""
        return str(self.folder / "network")

    def child(self, name: str) -> int:
        """The process id of one of its programs."""
        children = json.loads((self.folder / "running.json").read_bytes())["children"]
        return next(int(child["pid"]) for child in children if child["name"] == name)

    def until(self, event: str) -> dict[str, Any]:
        """The next of these events, or the error that came instead of it."""
        deadline = time.monotonic() + PATIENCE
        while True:
            line = self._line(deadline)
            if line.get("event") == event or (event == "error" and "error" in line):
                return line
            assert "error" not in line, line

    def _line(self, deadline: float) -> dict[str, Any]:
        assert self.process.stdout is not None
        while b"\n" not in self._text:
            ready = readable(self.process.stdout, max(deadline - time.monotonic(), 0))
            piece = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            assert piece, f"nothing more came; on stderr: {self.errors}"
            self._text += piece
        line, self._text = self._text.split(b"\n", 1)
        found: dict[str, Any] = json.loads(line)
        return found
