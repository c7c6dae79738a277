"""A node that answered with a hundred thousand brackets ended the process: no answer, no error, no clean-up.

py-evm and web3 raise the interpreter's recursion limit past what the C stack holds, so the answer must be bounded
before it is decoded (registry/core/codec.py). In a process of its own, because the failure takes one along.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = """
import sys
import eth.chains.base  # raises the recursion limit
from registry.core.errors import LedgerUnavailable
from tests.support.fake_node import FakeNode, ledger_at

def raw(handler):
    body = b'{"jsonrpc":"2.0","id":0,"result":' + b"[" * 1_000_000
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)

node = FakeNode(raw=raw)
try:
    ledger_at(node.url, timeout=30.0).head()
except LedgerUnavailable as error:
    print(error)
finally:
    node.close()
"""


def test_it_is_an_answer_that_could_not_be_read() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert "is not JSON-RPC" in done.stdout
