"""Runs another program to its end, within a time limit and apart from this terminal."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def run(
    command: Sequence[str | Path],
    seconds: float,
    *,
    stdin: str = "",
    capture: bool = True,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str] | None:
    """Run ``command`` and return how it ended, or None if it cannot start or is killed after ``seconds``.

    It gets a session of its own, so Ctrl-C on the terminal does not reach it. Without ``capture``, its output is
    discarded: use this for a program that leaves others running, which would write into a closed pipe.
    """
    stream = subprocess.PIPE if capture else subprocess.DEVNULL
    try:
        return subprocess.run(  # noqa: S603 - each caller names its own program, without a shell
            command,
            input=stdin,
            stdout=stream,
            stderr=stream,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            env=environment,
            start_new_session=True,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


def end_with_parent() -> Callable[[], None] | None:
    """Return what makes the kernel end a child when this process ends, however that happens; Linux only.

    It is for ``preexec_fn``. The child gets SIGTERM.
    """
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None, use_errno=True).prctl, os.getpid()

    def request_signal() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it ended before the request
            os._exit(1)

    return request_signal
