"""How the tests find the real programs: never made here, only looked for; `python scripts/tools.py` makes them."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from registry.devnet.programs import Found, find


@cache
def _found(name: str) -> Found | None:
    return find(name)


def tool(name: str) -> Path:
    """The program (``anvil``, ``cast``, ``forge``, ``kubo``, ``age`` or ``geth``) of the pinned version.

    Where it is missing the test is skipped; under CONSENT_REQUIRE_ALL=1 it fails.
    """
    if found := _found(name):
        return found.path
    reason = f"{name} is not installed; `python scripts/tools.py --only {name}` installs it"
    if os.environ.get("CONSENT_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
