"""EIP-712 without our statements: the domain of a registry, its separator, and the digest that is signed."""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct

from registry.core.crypto.keccak import keccak256
from registry.core.scalars import Address, UInt64, check_address, hash_text, read_address

DOMAIN_FIELDS = (("name", "string"), ("version", "string"), ("chainId", "uint256"), ("verifyingContract", "address"))
_DOMAIN_TYPE = keccak256(f"EIP712Domain({','.join(f'{kind} {name}' for name, kind in DOMAIN_FIELDS)})".encode())


class Domain(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The EIP-712 domain: one registry on one chain. Hashing it checks the address, once for all files."""

    name: str
    version: str
    chain_id: UInt64
    verifying_contract: Address


def domain_of(chain_id: int, registry: str) -> Domain:
    """The domain of this registry on this chain: name "ConsentRegistry", version "1"."""
    return Domain("ConsentRegistry", "1", chain_id, check_address(registry))


@lru_cache(maxsize=64)
def domain_separator(domain: Domain) -> bytes:
    """``hashStruct`` of the domain, 32 bytes; the contract's ``domainSeparator()`` returns the same."""
    texts = hash_text(domain.name) + hash_text(domain.version)
    where = domain.chain_id.to_bytes(32, "big") + read_address(domain.verifying_contract).rjust(32, b"\0")
    return keccak256(_DOMAIN_TYPE + texts + where)


def signing_hash(domain: Domain, struct_hash: bytes) -> bytes:
    """Return the digest that is signed: keccak256(0x1901 || domainSeparator || hashStruct), 32 bytes."""
    return keccak256(b"\x19\x01" + domain_separator(domain) + struct_hash)


def fields_in(type_string: str) -> tuple[tuple[str, str], ...]:
    """((name, Solidity type), ...) of a type string such as ``Retire(address subject)``, in hashing order."""
    return tuple((name, kind) for kind, name in re.findall(r"([\w\[\]]+) (\w+)", type_string))
