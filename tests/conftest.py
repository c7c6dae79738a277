"""What all tests share: Hypothesis without a clock or a database."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# No deadline: a shared machine is slow at times, and that says nothing about the code.
_QUIET = {"deadline": None, "database": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("default", max_examples=100, **_QUIET)
settings.register_profile("few", max_examples=20, **_QUIET)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# A developer's own settings must not reach the tests.
for _name in [name for name in os.environ if name.startswith("CONSENT_") and name != "CONSENT_REQUIRE_ALL"]:
    del os.environ[_name]
