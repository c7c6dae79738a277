"""A process that is killed while it makes a folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_SCRIPT = """
import os, signal, sys
from pathlib import Path
from registry.fs.files import making_folder

with making_folder(Path(sys.argv[1])) as made:
    (made / "Purchase-1-1.csv").write_text("bought")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed_while_making(folder: Path) -> Path:
    """Return the file that the killed process leaves in its hidden folder."""
    assert subprocess.run([sys.executable, "-c", _SCRIPT, str(folder)], cwd=ROOT, timeout=60).returncode == -9
    (left,) = folder.parent.rglob("Purchase-1-1.csv")
    assert left.parent != folder
    return left
