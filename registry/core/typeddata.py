"""EIP-712: digests, and the typed-data JSON that wallets sign, in both directions."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from struct import Struct as Layout
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from registry.core.errors import Malformed
from registry.core.keccak import keccak256
from registry.core.scalars import MAX_TERM, is_small, read_address
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


def _text(value: str) -> bytes:
    return (_kept_text if len(value) <= MAX_TERM else _hash)(value)


def _hash(value: str) -> bytes:
    return keccak256(value.encode())


def _texts(values: tuple[str, ...]) -> bytes:
    return (_kept_hash if is_small(values) else _hash_of_hashes)(values)


def _hash_of_hashes(values: tuple[str, ...]) -> bytes:
    return keccak256(b"".join(map(_text, values)))


# Terms and lists of them come back from file to file; sentences hardly do.
_kept_text = lru_cache(maxsize=1024)(_hash)
_kept_hash = lru_cache(maxsize=1024)(_hash_of_hashes)

# Solidity type: how `struct` lays it out in a 32-byte word, and what makes the bytes that go there; integers go as
# they are, and the words of a message were already read when it was made.
_LAYOUT: dict[str, tuple[str, Callable[[Any], bytes] | None]] = {
    "string": ("32s", _text),
    "string[]": ("32s", _texts),
    "bytes32": ("32s", None),
    "address": ("12x20s", read_address),
    "uint64": ("24xQ", None),
    "uint256": ("24xQ", None),
}


class _Plan(NamedTuple):
    """How a structure is encoded: its type hash, its layout, which members are encoded, and which are words."""

    type_hash: bytes
    pack: Callable[..., bytes]
    encoders: tuple[tuple[int, Callable[[Any], bytes]], ...]
    places_of_words: tuple[int, ...]

    def hash(self, value: Struct, words: tuple[bytes, ...] = ()) -> bytes:
        members = [*astuple(value)]
        for place, encode in self.encoders:
            members[place] = encode(members[place])
        for place, word in zip(self.places_of_words, words, strict=True):
            members[place] = word
        return keccak256(self.pack(self.type_hash, *members))


def _plan(encoded_type: str, fields: tuple[tuple[str, str], ...], structure: type[Struct]) -> _Plan:
    assert [name for name, _ in fields] == [field.encode_name for field in msgspec.structs.fields(structure)]
    formats, encoders = zip(*(_LAYOUT[kind] for _, kind in fields), strict=True)
    return _Plan(
        type_hash=keccak256(encoded_type.encode()),
        pack=Layout(">32s" + "".join(formats)).pack,
        encoders=tuple((place, encode) for place, encode in enumerate(encoders) if encode is not None),
        places_of_words=tuple(place for place, (_, kind) in enumerate(fields) if kind == "bytes32"),
    )


_DOMAIN = _plan(_DOMAIN_TYPE, DOMAIN_FIELDS, Domain)
_PLANS: dict[type[Any], _Plan] = {MESSAGES[kind]: _plan(TYPES[kind], fields_of(kind), MESSAGES[kind]) for kind in TYPES}


def struct_hash(message: Message) -> bytes:
    """``hashStruct`` of EIP-712: keccak256(typeHash || encodeData), 32 bytes."""
    return _PLANS[type(message)].hash(message, message.words)


@lru_cache(maxsize=64)
def domain_separator(domain: Domain) -> bytes:
    """``hashStruct`` of the domain, 32 bytes; equal to the contract's ``domainSeparator()``."""
    return _DOMAIN.hash(domain)


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
