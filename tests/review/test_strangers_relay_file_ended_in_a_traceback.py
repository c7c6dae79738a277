"""A network folder from somebody else held a relay.json of brackets: a traceback instead of "could not check".

Only where nothing had raised the interpreter's recursion limit yet, hence a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = """
import sys
from pathlib import Path
from registry.core.errors import LedgerUnavailable
from registry.wallets.relay import relay_key

try:
    relay_key(Path(sys.argv[1]))
except LedgerUnavailable as error:
    print(error)
"""


@pytest.mark.parametrize("content", [b"[" * 16_000, b'{"crypto":' + b"[" * 5_000 + b"]" * 5_000 + b"}"])
def test_it_is_a_damaged_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "relay.json").write_bytes(content)
    command = [sys.executable, "-c", _PROGRAM, str(tmp_path / "relay.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "") and "damaged" in done.stdout
