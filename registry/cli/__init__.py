"""The command line ``consent``: parse, call, print. Nothing is decided here."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of ``consent``."""
    from registry.cli.app import run

    sys.exit(run(sys.argv[1:]))
