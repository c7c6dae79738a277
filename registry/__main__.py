"""``python -m registry`` is ``consent``."""

from registry.cli import main

main()
