"""Runs Node scripts for tests; Node comes from the development tools, the packages from ``scripts/node``."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

from scripts.node_packages import ensure_node_modules, node_tool
from tests.support.paths import ROOT

NODE_TESTS = ROOT / "tests" / "node"
SECONDS = 120


@cache
def _node() -> str:
    ensure_node_modules()
    return str(node_tool("node"))


def run_node(script: str | Path, *args: str | Path, stdin: str | None = None) -> str:
    """What the script (a name in tests/node, or a path) writes to stdout; AssertionError with stderr if it fails."""
    command = [_node(), str(NODE_TESTS / script), *map(str, args)]
    done = subprocess.run(
        command, input=stdin, capture_output=True, encoding="utf-8", timeout=SECONDS, cwd=ROOT, check=False
    )
    assert done.returncode == 0, f"{Path(script).name} ended with {done.returncode}:\n{done.stderr}"
    return done.stdout
