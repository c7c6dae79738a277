"""Starts child processes apart from the terminal, records what identifies them, and ends them for certain.

Systems reuse process ids, so an id alone proves nothing. The id, the start time and the command line together do.
So the next devnet can end what a killed one left behind, and never another user's process.
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
from registry.fs.processes import run

END_SECONDS = 10.0
PAUSE = 0.05
LAST_LINES = 12
_LOAD_SECONDS = 5.0
_PR_SET_PDEATHSIG = 1


class ProcessIdentity(msgspec.Struct, frozen=True):
    """Recognises a process later; ``proof`` is empty if the system says nothing about the process."""

    name: str
    pid: int
    proof: str


class ChildEnded(CouldNotCheck):
    """A program that should run has ended; ``lines`` are the last of its log."""

    def __init__(self, name: str, code: int, log: Path) -> None:
        how = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        super().__init__(f"{name} has ended by itself ({how})", f"Start it again. Its whole output is in {log}.")
        self.lines = Tail(log, LAST_LINES).new()


class Child:
    """A program in a session of its own, so that Ctrl-C reaches only this process, which then ends the child in order.

    Its output is appended to ``log``. On Linux the kernel ends it when this process ends, unless it ``outlives_us``.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        environment: Mapping[str, str] | None = None,
        *,
        outlives_us: bool = False,
    ) -> None:
        self._name, self._log = name, log
        self._log_start = log.stat().st_size if log.exists() else 0
        with log.open("ab") as sink:
            self._process = subprocess.Popen(  # noqa: S603 - a program that was looked for, with our own arguments
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
                preexec_fn=None if outlives_us else _end_with_parent(),
            )
        self.identity = process_identity(name, self._process.pid)

    def output(self) -> str:
        """Return what it has written into its log since it started."""
        with self._log.open("rb") as file:
            file.seek(self._log_start)
            return file.read().decode(errors="replace")

    def is_running(self) -> bool:
        """Tell whether it still runs."""
        return self._process.poll() is None

    def check(self) -> None:
        """Raise ``ChildEnded`` unless it runs."""
        if (code := self._process.poll()) is not None:
            raise ChildEnded(self._name, code, self._log)

    def end(self, seconds: float = END_SECONDS) -> int:
        """End it in order, or by force after ``seconds``; return its exit code, negative for a signal."""
        if self.is_running():
            # A stopped process would never see SIGTERM.
            self._process.send_signal(getattr(signal, "SIGCONT", signal.SIGTERM))
            self._process.terminate()
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait(END_SECONDS)


def start_detached(command: Sequence[str | Path], log: Path) -> Child:
    """Start a devnet that outlives this process and its terminal."""
    return Child("devnet", command, log, outlives_us=True)


def _end_with_parent() -> Callable[[], None] | None:
    """Return what makes the kernel end the child when this process ends, however that happens; Linux only."""
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None, use_errno=True).prctl, os.getpid()

    def request_signal() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it ended before the request
            os._exit(1)

    return request_signal


def process_identity(name: str, pid: int) -> ProcessIdentity:
    """Identify a running process."""
    # The kernel releases the parent while it still loads the program, and shows no command line until it has. An
    # identity without one would match nothing later.
    wait_until(lambda: not _proof(pid).endswith(" "), _LOAD_SECONDS)
    return ProcessIdentity(name, pid, _proof(pid))


def is_alive(identity: ProcessIdentity) -> bool:
    """Tell whether this very process runs; False if that cannot be proved."""
    return identity.proof != "" and _proof(identity.pid) == identity.proof


def end_process(identity: ProcessIdentity, seconds: float = END_SECONDS) -> bool:
    """End a process that is not our child, by force after ``seconds``; return False if it was gone already."""
    if not is_alive(identity):
        return False
    for number in (signal.SIGCONT, signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(identity.pid, number)
        if number != signal.SIGCONT and wait_until(lambda: not is_alive(identity), seconds):
            break
    return True


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Poll until the condition holds, at most for ``seconds``; return whether it does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE)
    return True


def _proof(pid: int) -> str:
    """Return when the process started, and its command line; nothing for one that has ended."""
    folder = Path("/proc") / str(pid)
    try:
        # The name in parentheses may hold anything. After it, the state is the first field and the start the 20th.
        fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
        command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        return "" if fields[0] in "ZX" else f"{fields[19]} {command}"
    except (OSError, IndexError):
        if Path("/proc/self").exists():
            return ""
    done = run(["ps", "-o", "lstart=,args=", "-p", str(pid)], END_SECONDS)
    return " ".join(done.output.split()) if done else ""
