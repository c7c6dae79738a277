"""The same tests of the core once more, as they run for who did not install the extra ``fast``."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.support.paths import ROOT

TESTS = ROOT / "tests"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_core_needs_no_fast_extra() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no_fast", "-p", "no:cacheprovider", "-m", "not slow"]
    ran = subprocess.run(
        # That one compares the fast backend with the portable one, and needs both.
        [
            *command,
            f"--ignore={TESTS / 'core' / 'test_recovery.py'}",
            str(TESTS / "core"),
            str(TESTS / "client"),
            str(TESTS / "test_vectors_python.py"),
        ],
        cwd=TESTS.parent,
        env=os.environ | {"PYTHONPATH": str(TESTS), "HYPOTHESIS_PROFILE": "few"},
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    passed = re.search(r"(\d+) passed", ran.stdout)
    assert passed is not None
    assert int(passed[1]) > 100
