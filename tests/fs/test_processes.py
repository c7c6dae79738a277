"""Running another program to its end."""

from __future__ import annotations

import os
import sys
import time

import pytest

from registry.fs.processes import run

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the programs are those of a POSIX shell")


def test_it_returns_what_the_program_wrote() -> None:
    done = run(["sh", "-c", 'cat; echo "$WORD" >&2; exit 7'], 20, stdin="in", environment={**os.environ, "WORD": "w"})
    assert done is not None and (done.returncode, done.stdout, done.stderr) == (7, "in", "w\n")
    done = run([sys.executable, "-c", "print('discarded')"], 20, capture=False)
    assert done is not None and (done.returncode, done.stdout, done.stderr) == (0, None, None)


def test_a_program_that_takes_too_long_is_killed_even_if_it_leaves_another_running() -> None:
    began = time.monotonic()
    assert run(["sh", "-c", "sleep 5; true"], 0.2) is None
    assert time.monotonic() - began < 4


def test_a_program_that_does_not_exist_gives_nothing() -> None:
    assert run(["/nonexistent/program"], 20) is None
