"""Runs Node scripts for tests; Node comes from the development tools, the packages from ``scripts/node`` and ``js``."""

from __future__ import annotations

import atexit
import json
import subprocess
import threading
from base64 import b64encode
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from scripts.node_packages import JS_FOLDER, ensure_node_modules, node_tool
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


def b64(raw: bytes) -> str:
    """Bytes as they travel to a script."""
    return b64encode(raw).decode()


class Answers:
    """A script of tests/node that answers one line of JSON with another, until this process ends."""

    def __init__(self, script: str) -> None:
        ensure_node_modules(JS_FOLDER)
        command = [str(node_tool("node")), str(NODE_TESTS / script)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", cwd=ROOT
        )
        atexit.register(self.close)

    def ask(self, name: str, *arguments: Any) -> Any:
        """Return the answer, or the name of the error that the script threw on purpose. Everything else fails."""
        answer = self.answer(name, *arguments)
        return answer["error"] if "error" in answer else answer["ok"]

    def answer(self, name: str, *arguments: Any) -> dict[str, Any]:
        """Return the whole answer: ``ok``, or ``error`` with its ``message`` and ``advice``."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, *arguments]) + "\n")
        self._process.stdin.flush()
        watch = threading.Timer(SECONDS, self._process.kill)  # then the line below is empty
        watch.start()
        line = self._process.stdout.readline()
        watch.cancel()
        assert line, f"the script ended at {name}, or did not answer within {SECONDS} seconds"
        answer: dict[str, Any] = json.loads(line)
        assert "crash" not in answer, answer["crash"]
        return answer

    def ask_all(self, questions: Iterable[tuple[Any, ...]]) -> list[Any]:
        """The answers to many questions."""
        return [self.ask(*question) for question in questions]

    def close(self) -> None:
        """End the script."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=SECONDS)


@cache
def js_core() -> Answers:
    """The formats in JavaScript (js/core), in a process that all tests of this one share."""
    return Answers("core_answers.mjs")


@cache
def js_vault() -> Answers:
    """The vault's half of js/core, in a process that all tests of this one share."""
    return Answers("vault_answers.mjs")


@cache
def js_uses() -> Answers:
    """The use log and transactions of js/core, in a process that all tests of this one share."""
    return Answers("uses_answers.mjs")
