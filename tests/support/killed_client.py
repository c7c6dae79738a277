"""A command of a person that is killed at its n-th step: before a durable write, or before a connection."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_SCRIPT = """
import os, signal, socket, sys

limit, count = int(sys.argv[1]), 0

def counted(function):
    def call(*args, **more):
        global count
        count += 1
        if count == limit:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **more)
    return call

from registry.cli.main import run

os.fsync, socket.create_connection = counted(os.fsync), counted(socket.create_connection)
code = run(sys.argv[2:])
print(count, file=sys.stderr)
sys.exit(code)
"""


def killed_at(step: int, arguments: Sequence[object], environment: dict[str, str]) -> int | None:
    """Run the command and kill it at this step; None if it was killed, else how many steps it had."""
    line = [sys.executable, "-c", _SCRIPT, str(step), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run(line, cwd=ROOT, env=environment, timeout=120, capture_output=True, text=True)
    if done.returncode == -9:
        return None
    assert done.returncode == 0, done.stderr
    return int(done.stderr.splitlines()[-1])
