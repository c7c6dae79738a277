"""One in-process EVM for the whole run; each test starts from the same snapshot."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from filelock import FileLock

from tests.support.consent_chain import ROOT, Chain, Deployer, Person

SOLIDITY = Path(__file__).parent / "solidity"


def _load_compiler() -> ModuleType:
    path = ROOT / "scripts" / "compile_contracts.py"
    spec = importlib.util.spec_from_file_location("compile_contracts", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def compiler() -> ModuleType:
    """scripts/compile_contracts.py as a module."""
    return _load_compiler()


@pytest.fixture(scope="session")
def test_contracts(compiler: ModuleType, pytestconfig: pytest.Config) -> dict[str, dict[str, Any]]:
    """The contracts of tests/contracts/solidity by name, compiled once for each content."""
    assert pytestconfig.cache is not None
    sources = compiler.gather_sources(SOLIDITY.glob("*.sol"))
    script = Path(compiler.__file__).read_text()
    key = hashlib.sha256(json.dumps([sources, script], sort_keys=True).encode()).hexdigest()
    folder = pytestconfig.cache.mkdir("test-contracts")
    cached = folder / f"{key}.json"
    with FileLock(folder / "lock"):
        if not cached.is_file():
            units = compiler.compile_sources(sources, download=False)
            flat = {name: output for unit in units.values() for name, output in unit.items()}
            cached.write_text(json.dumps(flat))
    compiled: dict[str, dict[str, Any]] = json.loads(cached.read_text())
    return compiled


@pytest.fixture(scope="session")
def session_chain() -> Chain:
    return Chain()


@pytest.fixture
def chain(session_chain: Chain) -> Iterator[Chain]:
    """The chain with nothing but the registry and the verifier on it."""
    snapshot = session_chain.tester.take_snapshot()
    yield session_chain
    session_chain.tester.revert_to_snapshot(snapshot)


@pytest.fixture
def deploy(chain: Chain, test_contracts: dict[str, dict[str, Any]]) -> Deployer:
    return Deployer(chain, test_contracts)


@pytest.fixture
def ada(chain: Chain) -> Person:
    return Person(chain, "Ada")


@pytest.fixture
def brand(chain: Chain) -> str:
    """The controller's account."""
    return chain.accounts[1]
