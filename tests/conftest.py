"""What all tests share: Hypothesis without a clock or a database."""

from __future__ import annotations

import os
import signal
import zlib
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support.browsers import CHROMIUM, launched

pytest_plugins = ["tests.support.node_fixtures", "tests.support.store_fixtures", "tests.support.worker_fixtures"]

# No deadline: a shared machine is slow at times, and that says nothing about the code.
_QUIET = {"deadline": None, "database": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("default", max_examples=100, **_QUIET)
settings.register_profile("few", max_examples=20, **_QUIET)
settings.register_profile("soak", max_examples=1000, **_QUIET)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# A developer's own settings must not reach the tests.
_OURS = ("CONSENT_PICTURES", "CONSENT_REQUIRE_ALL", "CONSENT_SOAK")
for _name in [name for name in os.environ if name.startswith("CONSENT_") and name not in _OURS]:
    del os.environ[_name]

# Started in the background, a shell has everything below it ignore Ctrl-C, which is tested here.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# The longest begin first: one that begins last would run alone.
_LONGEST = (
    "tests/devnet/test_devnet.py",
    "tests/test_documents.py",
    "tests/privacy/test_story.py",
    "tests/cli/test_cli_notary_serve.py",
    "tests/notary/test_worker_processes.py",
    "tests/devnet/test_devnet_notary.py",
    "tests/vault/test_killed_imports.py",
    "tests/test_bench.py",
    "tests/test_layers.py",
    "tests/test_package.py",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several processes share the tests, mix modules that wait for programs with those that compute."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _turn(item.nodeid.partition("::")[0]))


def _turn(module: str) -> tuple[int, int]:
    place = _LONGEST.index(module) if module in _LONGEST else len(_LONGEST)
    return place, zlib.crc32(module.encode())


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's Chromium, driven by Playwright; where one of them is missing, a skip or a failure with its reason."""
    if find_spec("playwright") is None:
        _missing("Playwright is not installed: `make` installs it")
    if not CHROMIUM.exists():
        _missing("Chromium is not installed; on Debian: apt-get install chromium")
    with launched() as browser:
        yield browser


def _missing(reason: str) -> None:
    if os.environ.get("CONSENT_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
