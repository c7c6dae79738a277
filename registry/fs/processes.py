"""Runs another program to its end, within a time limit and apart from this terminal."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Finished(NamedTuple):
    """How a program ended: its exit code, and what it wrote."""

    code: int
    output: str
    errors: str


def run(
    command: Sequence[str | Path],
    seconds: float,
    *,
    stdin: str = "",
    capture: bool = True,
    environment: Mapping[str, str] | None = None,
) -> Finished | None:
    """Run ``command`` and return what it wrote, or None if it cannot start or is killed after ``seconds``.

    It gets a session of its own, so Ctrl-C on the terminal does not reach it. Without ``capture``, its output is
    discarded: use this for a program that leaves others running, which would write into a closed pipe.
    """
    stream = subprocess.PIPE if capture else subprocess.DEVNULL
    try:
        done = subprocess.run(  # noqa: S603 - each caller names its own program, without a shell
            command,
            input=stdin.encode(),
            stdout=stream,
            stderr=stream,
            timeout=seconds,
            env=environment,
            start_new_session=True,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return Finished(done.returncode, *((text or b"").decode(errors="replace") for text in (done.stdout, done.stderr)))
