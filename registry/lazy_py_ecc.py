"""Delay loading py-ecc's pairings, which takes over half a second: no consent needs them.

py-evm loads them for seven of Prague's precompiles. eth-keyfile, which eth-account imports, loads them for keystores
of version 4. Both still work: the first real use loads the real modules.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import Any

_PRECOMPILES = "eth.precompiles.bls12_381"
# The order of BLS12-381's subgroups. eth-keyfile computes a constant from it at import.
BLS_ORDER = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001


def eth_account() -> Any:
    """Return the eth_account module, loaded without the pairings. Load it in no other way."""
    if "eth_keyfile" not in sys.modules:
        _load_keyfile()
    return import_module("eth_account")


def defer() -> None:
    """Stand in for py-evm's pairing precompiles. Call this before the import of py-evm; later it does nothing."""
    sys.modules.setdefault(_PRECOMPILES, _Precompiles(_PRECOMPILES))


class _Precompiles(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda computation: getattr(_real_precompiles(), name)(computation)


def _real_precompiles() -> ModuleType:
    if isinstance(sys.modules.get(_PRECOMPILES), _Precompiles):
        del sys.modules[_PRECOMPILES]
    return import_module(_PRECOMPILES)


class _Signatures:
    """The ``bls`` of eth-keyfile for good; it loads the real one when it is used."""

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module("py_ecc.bls").G2ProofOfPossession, name)


def _load_keyfile() -> None:
    """Import eth-keyfile over stand-ins for two modules of py-ecc. Other importers get the real ones afterwards."""
    stand_ins = {
        "py_ecc.bls": _module("py_ecc.bls", G2ProofOfPossession=_Signatures()),
        "py_ecc.bls12_381": _module("py_ecc.bls12_381", curve_order=BLS_ORDER),
    }
    ours = {name: module for name, module in stand_ins.items() if name not in sys.modules}
    sys.modules.update(ours)
    try:
        # A version that needs more than these names is loaded in full by its next importer.
        with suppress(ImportError):
            import_module("eth_keyfile")
    finally:
        for name in ours:
            del sys.modules[name]


def _module(name: str, **members: Any) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(members)
    return module
