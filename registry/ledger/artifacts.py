"""The compiled contracts, as they lie in the package: one build for every chain since Prague, one for older ones."""

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
    """The bytes whose transaction creates ``contract``; ``constructor`` holds addresses (0x strings)."""
    code = bytes.fromhex(_artifact(contract, evm).bytecode[2:])
    return code + b"".join(bytes(12) + bytes.fromhex(address[2:]) for address in constructor)


def is_code_of(contract: str, code: bytes, *evm: str) -> bool:
    """Is ``code``, as a chain keeps it, our ConsentRegistry or ConsentVerifier?

    In one of the builds ``evm``, by default any. What the constructor sets (addresses, the chain's id, the domain
    separator) is not compared.
    """
    return any(_masked(code, _artifact(contract, one)) == _deployed(contract, one) for one in evm or EVM_VERSIONS)


def _masked(code: bytes, artifact: _Artifact) -> bytes:
    masked = bytearray(code)
    for place in artifact.immutables:
        end = place.start + place.length
        if end <= len(masked):
            masked[place.start : end] = bytes(place.length)
    return bytes(masked)


def _deployed(contract: str, evm: str) -> bytes:
    return bytes.fromhex(_artifact(contract, evm).deployed_bytecode[2:])


@cache
def _artifact(contract: str, evm: str) -> _Artifact:
    folder = resources.files("registry.artifacts")
    folder = folder if evm == PRAGUE else folder / evm
    return msgspec.json.decode((folder / f"{contract}.json").read_bytes(), type=_Artifact)
