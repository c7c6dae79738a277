"""What all tests share: the tests' own modules on the path, and Hypothesis without a clock or a database."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

TESTS = Path(__file__).resolve().parent
sys.path.insert(0, str(TESTS))

# No deadline: a shared machine is slow at times, and that says nothing about the code.
_QUIET = {"deadline": None, "database": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("default", max_examples=100, **_QUIET)
settings.register_profile("few", max_examples=20, **_QUIET)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# A developer's own settings must not reach the tests.
for _name in [name for name in os.environ if name.startswith("CONSENT_") and name != "CONSENT_REQUIRE_ALL"]:
    del os.environ[_name]
