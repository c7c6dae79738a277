"""A pytest plugin (``-p no_fast``): this process has neither coincurve nor safe-pysha3."""

import sys

for _name in ("coincurve", "sha3"):
    # None makes an import of that name fail as if it were not installed.
    sys.modules[_name] = None  # type: ignore[assignment]
