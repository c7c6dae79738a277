"""`import registry` gives twelve names, and loads each one only when it is used."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

import registry

NAMES = ["Brand", "Home", "Network", "Person", "Policy"]
NAMES += ["accept", "grant", "open_data", "open_network", "request", "revoke", "verify"]
HEAVY = {"web3", "eth", "eth_abi", "eth_account", "eth_keys", "eth_tester", "eth_typing", "eth_utils", "coincurve"}
HEAVY_TOO = {"cryptography", "msgspec", "typer", "rich", "sqlite3", "requests", "urllib3", "asyncio", "pydantic"}


def loaded_after(code: str) -> set[str]:
    """Return the modules that a new interpreter has loaded after running this code."""
    script = f"import sys, json\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def roots(modules: set[str]) -> set[str]:
    return {name.split(".")[0] for name in modules}


def test_importing_it_loads_nothing_heavy() -> None:
    loaded = loaded_after("import registry")
    assert not roots(loaded) & (HEAVY | HEAVY_TOO)
    assert {name for name in loaded if name.startswith("registry")} == {"registry"}


def test_dir_and_repr_load_nothing() -> None:
    loaded = loaded_after("import registry; dir(registry); repr(registry); getattr(registry, 'absent', None)")
    assert {name for name in loaded if name.startswith("registry")} == {"registry"}


@pytest.mark.parametrize("name", ["Policy", "Home", "grant", "open_network", "verify"])
def test_using_a_name_loads_no_chain(name: str) -> None:
    loaded = loaded_after(f"from registry import {name}")
    assert not roots(loaded) & {"web3", "eth", "eth_tester", "eth_account", "typer", "rich"}


def test_the_names() -> None:
    assert sorted(registry.__all__) == NAMES == dir(registry)
    assert len(NAMES) <= 12


@pytest.mark.parametrize("name", NAMES)
def test_each_name_resolves_to_something_documented(name: str) -> None:
    found: Any = getattr(registry, name)
    assert found is getattr(registry, name)
    assert found.__name__ == name
    assert found.__doc__
    assert found.__module__.startswith("registry.")


def test_a_star_import_gives_all_names() -> None:
    space: dict[str, Any] = {}
    exec("from registry import *", space)
    assert sorted(space.keys() - {"__builtins__"}) == NAMES


@pytest.mark.parametrize("name", ["absent", "Grant_", "__wrapped__"])
def test_other_names_are_attribute_errors(name: str) -> None:
    with pytest.raises(AttributeError, match=f"'registry' has no attribute '{name}'"):
        getattr(registry, name)


def test_submodules_are_still_there() -> None:
    from registry.core import errors

    assert registry.core.errors is errors  # type: ignore[attr-defined]


def test_the_package_says_that_it_is_typed() -> None:
    from importlib.resources import files

    assert (files("registry") / "py.typed").is_file()
