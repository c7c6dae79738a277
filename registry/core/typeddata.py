"""EIP-712: digests, and the typed-data JSON that wallets sign, in both directions."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from registry.core.errors import Malformed
from registry.core.keccak import keccak256
from registry.core.scalars import MAX_CACHED, unhex
from registry.core.statements import (
    DOMAIN_FIELDS,
    MESSAGES,
    TYPES,
    Domain,
    Message,
    fields_of,
    kind_of,
    members,
)

_DOMAIN_TYPE = "EIP712Domain({})".format(",".join(f"{kind} {name}" for name, kind in DOMAIN_FIELDS))


def _hashed(value: str) -> bytes:
    return keccak256(value.encode())


def _all_hashed(values: tuple[str, ...]) -> bytes:
    return keccak256(b"".join(map(_text, values)))


_cached, _all_cached = lru_cache(maxsize=1024)(_hashed), lru_cache(maxsize=1024)(_all_hashed)


def _text(value: str) -> bytes:
    return (_cached if len(value) <= MAX_CACHED else _hashed)(value)


def _texts(values: tuple[str, ...]) -> bytes:
    return (_all_cached if sum(map(len, values)) <= MAX_CACHED else _all_hashed)(values)


def _address(value: str) -> bytes:
    return bytes(12) + unhex(value)


def _integer(value: int) -> bytes:
    return value.to_bytes(32, "big")


_ENCODERS: dict[str, Callable[[Any], bytes]] = {
    "string": _text,
    "string[]": _texts,
    "bytes32": unhex,
    "address": _address,
    "uint64": _integer,
}


def _plan(kind: str) -> tuple[bytes, tuple[tuple[str, Callable[[Any], bytes]], ...]]:
    attributes = msgspec.structs.fields(MESSAGES[kind])
    named = {field.encode_name: field.name for field in attributes}
    steps = tuple((named[name], _ENCODERS[solidity]) for name, solidity in fields_of(kind))
    return keccak256(TYPES[kind].encode()), steps


_PLANS = {kind: _plan(kind) for kind in TYPES}


def struct_hash(message: Message) -> bytes:
    """``hashStruct`` of EIP-712: keccak256(typeHash || encodeData), 32 bytes."""
    type_hash, steps = _PLANS[kind_of(message)]
    return keccak256(type_hash + b"".join([encode(getattr(message, name)) for name, encode in steps]))


@lru_cache(maxsize=64)
def domain_separator(domain: Domain) -> bytes:
    """``hashStruct`` of the domain, 32 bytes; equal to the contract's ``domainSeparator()``."""
    return keccak256(
        keccak256(_DOMAIN_TYPE.encode())
        + _text(domain.name)
        + _text(domain.version)
        + _integer(domain.chain_id)
        + _address(domain.verifying_contract)
    )


def digest(domain: Domain, message: Message) -> bytes:
    """The EIP-712 signing hash: keccak256(0x1901 || domainSeparator || hashStruct), 32 bytes."""
    return keccak256(b"\x19\x01" + domain_separator(domain) + struct_hash(message))


def typed_data(domain: Domain, message: Message) -> dict[str, Any]:
    """What ``eth_signTypedData_v4`` takes: types, primaryType, domain and message."""
    kind = kind_of(message)
    return {
        "types": {"EIP712Domain": _named(DOMAIN_FIELDS), kind: _named(fields_of(kind))},
        "primaryType": kind,
        "domain": {
            "name": domain.name,
            "version": domain.version,
            "chainId": domain.chain_id,
            "verifyingContract": domain.verifying_contract,
        },
        "message": members(message),
    }


def parse_typed_data(document: Any) -> tuple[Domain, Message]:
    """The domain and message of typed-data JSON, if its types are ours to the letter; else ``Malformed``."""
    if not isinstance(document, dict) or set(document) != {"types", "primaryType", "domain", "message"}:
        raise Malformed("typed data has exactly types, primaryType, domain and message")
    kind = document["primaryType"]
    if not isinstance(kind, str) or kind not in MESSAGES:
        raise Malformed(f"{str(kind)[:40]!r} is not a statement type of this registry")
    if document["types"] != {"EIP712Domain": _named(DOMAIN_FIELDS), kind: _named(fields_of(kind))}:
        raise Malformed(f"the type definition is not that of {kind}")
    try:
        domain, message = (
            msgspec.convert(document["domain"], Domain),
            msgspec.convert(document["message"], MESSAGES[kind]),
        )
        digest(domain, message)  # a lone surrogate is a str but no text: it has no UTF-8, so no digest
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise Malformed(f"not valid: {error}") from None
    return domain, message


def _named(fields: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in fields]
