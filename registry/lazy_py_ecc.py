"""Keeps libraries from loading py-ecc's pairings (over half a second), which no consent ever computes.

py-evm would load them for seven of Prague's precompiles, and eth-keyfile, which eth-account imports, for keystores
of version 4. Both stay able to: the first real use loads the real ones.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import Any

_PRECOMPILES = "eth.precompiles.bls12_381"
# The order of BLS12-381's subgroups, from which eth-keyfile computes a constant as it is imported.
BLS_ORDER = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001


def eth_account() -> Any:
    """eth-account, loaded without the pairings: the only way in which wallets load it."""
    if "eth_keyfile" not in sys.modules:
        _load_keyfile()
    import eth_account

    return eth_account


def defer() -> None:
    """Call this before py-evm is imported; afterwards it changes nothing."""
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
    """eth-keyfile's ``bls``, which stays in place of the real one."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(import_module("py_ecc.bls").G2ProofOfPossession, name)


def _load_keyfile() -> None:
    """Stand-ins for two modules while eth-keyfile is imported, and not a moment longer: others get the real ones."""
    stand_ins = {
        "py_ecc.bls": _module("py_ecc.bls", G2ProofOfPossession=_Signatures()),
        "py_ecc.bls12_381": _module("py_ecc.bls12_381", curve_order=BLS_ORDER),
    }
    ours = {name: module for name, module in stand_ins.items() if name not in sys.modules}
    sys.modules.update(ours)
    try:
        # A version that wants more of them than these is loaded as it stands, by whoever imports it next.
        with suppress(ImportError):
            import_module("eth_keyfile")
    finally:
        for name in ours:
            del sys.modules[name]


def _module(name: str, **members: Any) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(members)
    return module
