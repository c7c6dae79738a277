"""Keeps py-evm from loading a pairing library (0.4 s) for precompiles that no consent calls.

Seven of Prague's precompiles compute on BLS12-381. They stay available: the first call loads the real ones.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_NAME = "eth.precompiles.bls12_381"


class _Later(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda computation: getattr(_real(), name)(computation)


def _real() -> ModuleType:
    if isinstance(sys.modules.get(_NAME), _Later):
        del sys.modules[_NAME]
    return import_module(_NAME)


def defer() -> None:
    """Call this before py-evm is imported; afterwards it changes nothing."""
    sys.modules.setdefault(_NAME, _Later(_NAME))
