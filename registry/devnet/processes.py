"""Starts child processes apart from the terminal, keeps their logs and identities, and ends them for certain.

Systems reuse process ids, so an id alone proves nothing. The id, the start time and the command line together do.
So the next devnet can end what a killed one left behind, and never another user's process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from registry.core.errors import CouldNotCheck
from registry.fs.processes import end_with_parent, run
from registry.ledger.anvil import ROUTINE

END_SECONDS = 10.0
PAUSE = 0.05
LAST_LINES = 12
MAX_LOG_BYTES = 1 << 20
_LOAD_SECONDS = 5.0
_NOISE = frozenset(name.encode() for name in ROUTINE)


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
                preexec_fn=None if outlives_us else end_with_parent(),
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
    return " ".join(done.stdout.split()) if done else ""


def shorten(log: Path, limit: int = MAX_LOG_BYTES) -> None:
    """Keep the end of a log that has grown over ``limit`` bytes, without the lines that watching the devnet adds.

    The file changes in place, because the program that writes it keeps it open for appending.
    """
    if not log.exists() or log.stat().st_size <= limit:
        return
    with log.open("r+b") as file:
        kept = b"".join(line for line in file.read().splitlines(keepends=True) if line.strip() not in _NOISE)
        if len(kept) > limit // 2:
            kept = kept[-limit // 2 :].partition(b"\n")[2]
        os.ftruncate(file.fileno(), 0)
        file.seek(0)
        file.write(kept)


class Tail:
    """Reads the end of a log: its last ``count`` lines at first, then each new line."""

    def __init__(self, log: Path, count: int) -> None:
        self._log, self._count = log, count
        self._position: int | None = None

    def new(self) -> list[str]:
        """Return the whole lines that were not read yet, without empty ones and noise; none if there is no file."""
        if not self._log.exists():
            return []
        with self._log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            first = self._position is None
            # After `shorten` the file ends before our position. What it keeps was read before.
            file.seek(max(size - MAX_LOG_BYTES, 0) if self._position is None else min(self._position, size))
            lines = file.read().splitlines(keepends=True)
            if lines and not lines[-1].endswith(b"\n"):
                file.seek(-len(lines.pop()), os.SEEK_CUR)
            self._position = file.tell()
        useful = [line.rstrip() for line in lines if line.strip() and line.strip() not in _NOISE]
        return [line.decode(errors="replace") for line in (useful[-self._count :] if first else useful)]
