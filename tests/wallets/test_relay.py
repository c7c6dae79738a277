"""The relay's key file: a damaged one is an error of ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_PROGRAM = """
import sys
from pathlib import Path
from registry.core.errors import LedgerUnavailable
from registry.wallets.keyfiles import relay_key

try:
    relay_key(Path(sys.argv[1]))
except LedgerUnavailable as error:
    print(error)
"""


@pytest.mark.parametrize("content", [b"[" * 16_000, b'{"crypto":' + b"[" * 5_000 + b"]" * 5_000 + b"}"])
def test_a_deeply_nested_file_is_damaged(tmp_path: Path, content: bytes) -> None:
    """A stranger's network folder with such a ``relay.json`` once ended in a traceback.

    It happened only under the interpreter's own recursion limit, hence the child process.
    """
    (tmp_path / "relay.json").write_bytes(content)
    command = [sys.executable, "-c", _PROGRAM, str(tmp_path / "relay.json")]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "") and "damaged" in done.stdout
