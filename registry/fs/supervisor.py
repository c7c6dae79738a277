"""Runs several programs as one service: starts a program again that ends by itself, and ends all of them in order."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from registry.fs.processes import end_with_parent

END_SECONDS = 20.0
POLL_SECONDS = 0.1
# A program that ends at once, again and again, is started again after longer and longer pauses.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
# After so long, its next end counts as the first one.
STEADY_SECONDS = 10.0
Told = Callable[[str], None]


class _Program:
    """One program of the service. ``secret`` goes to its descriptor, through a pipe that only it can read."""

    def __init__(self, name: str, command: Callable[[int], Sequence[str]], secret: bytes, told: Told) -> None:
        self._name, self._command, self._secret, self._told = name, command, secret, told
        self._pause, self._next_start = FIRST_PAUSE, 0.0
        self.process: subprocess.Popen[bytes] | None = None

    def keep_running(self, hopeless: int | None) -> int | None:
        """Start it if it does not run and its pause is over; return the exit code if it has just ended.

        After the code ``hopeless`` it is not started again.
        """
        now, code = time.monotonic(), None
        if self.process is not None and (code := self.process.poll()) is not None:
            self.process = None
            if now - self._started > STEADY_SECONDS:
                self._pause = FIRST_PAUSE
            self._next_start = now + self._pause
            if code == hopeless:
                self._told(f"the {self._name} has ended ({_how(code)}), so the service ends too")
                return code
            self._told(f"the {self._name} has ended ({_how(code)}); it starts again in {self._pause:g} s")
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
        if self.process is None and now >= self._next_start:
            self._start(now)
        return code

    def _start(self, now: float) -> None:
        reader, writer = os.pipe()
        try:
            # A secret fits into the pipe's buffer, so writing does not wait for the reader.
            os.write(writer, self._secret + b"\n")
        finally:
            os.close(writer)
        self._started = now
        try:
            self.process = subprocess.Popen(  # noqa: S603 - this program's own command lines
                self._command(reader),
                stdin=subprocess.DEVNULL,
                pass_fds=(reader,),
                start_new_session=True,  # Ctrl-C reaches only the supervisor, which then ends them in order
                preexec_fn=end_with_parent(),
            )
        finally:
            os.close(reader)

    def end(self) -> None:
        """End it in order, or by force after END_SECONDS."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._told(f"the {self._name} did not end within {END_SECONDS:g} s, and is killed")
            self.process.kill()
            self.process.wait()


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Yield an event that SIGTERM or Ctrl-C sets, so that no step is interrupted halfway. Only in the main thread."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def supervise(
    programs: Mapping[str, Callable[[int], Sequence[str]]],
    secret: bytes,
    stop: threading.Event,
    told: Told,
    hopeless: int | None = None,
) -> int:
    """Keep these programs running until ``stop`` is set, then end them in their order, and return 0.

    If one ends with the code ``hopeless``, which another start would not change, end all and return that code.

    A program is what makes its command line, from the number of the descriptor that gives it ``secret`` and a line
    end. ``told`` gets a line when one of them ends by itself.
    """
    running = [_Program(name, command, secret, told) for name, command in programs.items()]
    try:
        while not stop.is_set():
            codes = [program.keep_running(hopeless) for program in running]
            if hopeless is not None and hopeless in codes:
                return hopeless
            stop.wait(POLL_SECONDS)
    finally:
        for program in running:
            with suppress(ProcessLookupError):
                program.end()
    return 0


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {-code}"
