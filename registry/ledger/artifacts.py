"""The compiled contracts, as they lie in the package."""

from __future__ import annotations

from importlib import resources

import msgspec


class _Artifact(msgspec.Struct):
    bytecode: str


def creation_code(contract: str, *constructor: str) -> bytes:
    """The bytes whose transaction creates ``contract``; ``constructor`` holds addresses (0x strings)."""
    raw = resources.files("registry.artifacts").joinpath(f"{contract}.json").read_bytes()
    code = bytes.fromhex(msgspec.json.decode(raw, type=_Artifact).bytecode.removeprefix("0x"))
    return code + b"".join(bytes(12) + bytes.fromhex(address[2:]) for address in constructor)
