"""The compiled contracts in this package: one build for chains since Prague, and one for older chains."""

from __future__ import annotations

from functools import cache
from importlib import resources

import msgspec

PRAGUE, SHANGHAI = "prague", "shanghai"
EVM_VERSIONS = (PRAGUE, SHANGHAI)


class _Place(msgspec.Struct):
    start: int
    length: int


class _Artifact(msgspec.Struct, rename="camel"):
    bytecode: str
    deployed_bytecode: str
    immutables: list[_Place]


def creation_code(contract: str, *constructor: str, evm: str = PRAGUE) -> bytes:
    """Return the code that creates ``contract``; the constructor's arguments are addresses (0x strings)."""
    code = bytes.fromhex(_artifact(contract, evm).bytecode[2:])
    return code + b"".join(bytes(12) + bytes.fromhex(address[2:]) for address in constructor)


def is_code_of(contract: str, code: bytes, *evm: str) -> bool:
    """Return whether ``code``, from a chain, is our ``contract`` in one of the builds ``evm`` (any by default).

    This ignores the values that the constructor sets: addresses, the chain's id, the domain separator.
    """
    return any(_masked(code, _artifact(contract, v)) == deployed_code(contract, v) for v in evm or EVM_VERSIONS)


def _masked(code: bytes, artifact: _Artifact) -> bytes:
    masked = bytearray(code)
    for place in artifact.immutables:
        end = place.start + place.length
        if end <= len(masked):
            masked[place.start : end] = bytes(place.length)
    return bytes(masked)


def deployed_code(contract: str, evm: str = PRAGUE) -> bytes:
    """Return the code of ``contract`` on a chain, with zeros for the values that the constructor sets."""
    return bytes.fromhex(_artifact(contract, evm).deployed_bytecode[2:])


@cache
def _artifact(contract: str, evm: str) -> _Artifact:
    folder = resources.files("registry.artifacts")
    folder = folder if evm == PRAGUE else folder / evm
    return msgspec.json.decode((folder / f"{contract}.json").read_bytes(), type=_Artifact)
