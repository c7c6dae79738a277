"""``python -m registry`` is ``consent``."""

from registry.cli.main import main

main()
