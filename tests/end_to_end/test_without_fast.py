"""Tests of the core once more, in a process that lacks the extra ``fast``."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.support.paths import ROOT
from tests.support.soak import SOAK

# The sample: all that signs, hashes, proves or judges. A soak runs the whole of the core and the client.
SAMPLE = (
    "core/statements",
    "core/evidence/test_proofs.py",
    "core/crypto/test_revocation.py",
    "core/test_merkle.py",
    "core/test_codec.py",
)
CAMPAIGN = ("core", "client", "end_to_end/test_vectors_python.py")
# This one compares the fast backend with the portable one, and needs both.
NEEDS_BOTH = ROOT / "tests" / "core" / "crypto" / "test_signatures.py"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_core_needs_no_fast_extra() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.support.no_fast", "-p", "no:cacheprovider"]
    folders = [str(ROOT / "tests" / name) for name in (CAMPAIGN if SOAK else SAMPLE)]
    ran = subprocess.run(
        [*command, "-m", "not slow", f"--ignore={NEEDS_BOTH}", *folders],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "HYPOTHESIS_PROFILE": "few"},
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    passed = re.search(r"(\d+) passed", ran.stdout)
    assert passed is not None
    assert int(passed[1]) > 100
