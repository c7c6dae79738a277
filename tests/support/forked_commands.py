"""The command line in a process for each command, forked from one that has loaded the package already.

Each command has a process, an environment and exit code of its own, as one that is started anew; it saves half a second
of imports. `python -m tests.support.forked_commands` is the process that forks.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import registry

PATIENCE = 120.0
# What only services load, and the chain that runs in a process.
_SERVICES = ("brand.api", "brand.routes", "notary", "http", "devnet", "ledger.evm")
_LEFT_OUT = tuple(f"registry.{each}" for each in _SERVICES)


class Commands:
    """Runs command lines; several threads may do so at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._guard = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forked_commands"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, words: Sequence[str], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run one command to its end, and return what `subprocess.run` would."""
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            out, errors, done = (Path(name) / each for each in ("out", "errors", "done"))
            os.mkfifo(done)
            self._ask([list(words), dict(environ), str(out), str(errors), str(done)])
            code = int(done.read_text())
            return subprocess.CompletedProcess(list(words), code, out.read_text(), errors.read_text())

    def _ask(self, order: list[Any]) -> None:
        assert self._process.stdin is not None
        with self._guard:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()

    def close(self) -> None:
        """End the process that forks."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._process.stdout.close()


@contextmanager
def commands() -> Iterator[Commands]:
    """Run such a process until the end of the block."""
    with tempfile.TemporaryDirectory(prefix="commands-") as folder:
        made = Commands(Path(folder))
        try:
            yield made
        finally:
            made.close()


def _load() -> None:
    for module in pkgutil.walk_packages(registry.__path__, "registry."):
        if not module.name.endswith("__main__") and not module.name.startswith(_LEFT_OUT):
            importlib.import_module(module.name)


def _serve() -> None:
    _load()
    # A child that ends would else walk through all that is loaded here, and copy it.
    gc.freeze()
    for line in sys.stdin:
        # A child between the two forks waits for the command, so that this process never does, and leaves no zombie.
        middle = os.fork()
        if middle == 0:
            words, environ, out, errors, done = json.loads(line)
            command = os.fork()
            if command == 0:
                _run(words, environ, out, errors)
            code = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
            Path(done).write_text(str(code))
            os._exit(0)
        _reap()


def _reap() -> None:
    """Take the ends of those that have ended."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return


def _run(words: list[str], environ: dict[str, str], out: str, errors: str) -> None:
    """Be the command ``consent`` with these words; it ends this process as it ends its own."""
    from registry.cli.main import main

    for number, path in enumerate((os.devnull, out, errors)):
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(handle, number)
        os.close(handle)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = ["consent", *words]
    main()


if __name__ == "__main__":
    _serve()
