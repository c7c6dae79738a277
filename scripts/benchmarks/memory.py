"""The peak memory of a piece of work, in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_TELL = """
import re, pathlib
print(re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1])
"""


def peak_megabytes(work: str, *arguments: str | Path, seconds: float) -> float | None:
    """Return the peak memory of a new Python that runs ``work`` (1 MB = 10^6 bytes, Python itself included).

    None if the system has no /proc to read it from. The ``arguments`` are its sys.argv[1:].
    """
    if sys.platform != "linux":
        return None
    command = [sys.executable, "-c", work + _TELL, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=seconds)
    if done.returncode != 0 or not (found := re.search(r"(\d+)\s*\Z", done.stdout)):
        raise RuntimeError(done.stderr)
    return int(found[1]) * 1024 / 1e6
