"""Child processes that never outlive their use: started apart from the terminal, recorded, ended for certain.

A process id alone proves nothing, because systems use ids again: together with when the process started and its
command line it does. So what a killed devnet left behind can be ended without touching anybody else's process.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from registry.core.errors import CouldNotCheck
from registry.devnet.logs import Tail

END_SECONDS = 10.0
PAUSE = 0.05
LAST_LINES = 12
_PR_SET_PDEATHSIG = 1


class Known(msgspec.Struct, frozen=True):
    """A process as it can be recognised later; ``proof`` is empty where the system tells nothing."""

    name: str
    pid: int
    proof: str


class ChildEnded(CouldNotCheck):
    """A program that should run has ended; ``lines`` are the last of its log."""

    def __init__(self, name: str, code: int, log: Path) -> None:
        how = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        super().__init__(
            f"{name} has ended by itself ({how})",
            f"Start it again; all that it said is in {log}.",
        )
        self.lines = Tail(log, LAST_LINES).new()


class Child:
    """A program that runs in a session of its own, so that Ctrl-C reaches only whoever ends it in order."""

    def __init__(self, name: str, command: Sequence[str | Path], log: Path, environment: Mapping[str, str]) -> None:
        self._name, self._log = name, log
        self.mark = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - a program that was looked for, with our own arguments
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_ending_with_its_parent(),
            )
        self.known = know(name, self._process.pid)

    def said(self) -> str:
        """What it wrote into its log since it started."""
        with self._log.open("rb") as file:
            file.seek(self.mark)
            return file.read().decode(errors="replace")

    def check(self) -> None:
        """``ChildEnded`` unless it runs."""
        if (code := self._process.poll()) is not None:
            raise ChildEnded(self._name, code, self._log)

    def end(self) -> None:
        """Ends it in order, and by force where that takes more than END_SECONDS; no error if it has ended."""
        if self._process.poll() is not None:
            return
        self._process.send_signal(getattr(signal, "SIGCONT", signal.SIGTERM))
        self._process.terminate()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(END_SECONDS)


def _ending_with_its_parent() -> Callable[[], None] | None:
    """On Linux: have the kernel end the child when this process ends, however that happens."""
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None, use_errno=True).prctl, os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it ended in the meantime
            os._exit(1)

    return ask


def know(name: str, pid: int) -> Known:
    """A running process, as it can be recognised later."""
    return Known(name, pid, _proof(pid))


def is_alive(known: Known) -> bool:
    """Does this very process run? False where that cannot be proved."""
    return known.proof != "" and _proof(known.pid) == known.proof


def end_process(known: Known, seconds: float = END_SECONDS) -> bool:
    """Ends a process that is nobody's child any more, by force after ``seconds``; False where it was gone."""
    if not is_alive(known):
        return False
    for number in (signal.SIGCONT, signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(known.pid, number)
        if number != signal.SIGCONT and wait_until(lambda: not is_alive(known), seconds):
            break
    return True


def wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    """Looks again and again, for so many seconds at most; whether it came to hold."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE)
    return True


def _proof(pid: int) -> str:
    """When the process started, and its command line; empty for one that has ended."""
    folder = Path("/proc") / str(pid)
    try:
        # Behind the name, which may hold anything: the state first, the start as the twentieth.
        fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
        command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        return "" if fields[0] in "ZX" else f"{fields[19]} {command}"
    except (OSError, IndexError):
        return "" if Path("/proc/self").exists() else _proof_by_ps(pid)


def _proof_by_ps(pid: int) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - the system's own program
            ["ps", "-o", "lstart=,args=", "-p", str(pid)],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=END_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return " ".join(done.stdout.split())
