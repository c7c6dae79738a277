"""EIP-712 digests, and the typed-data JSON that wallets sign, written and parsed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import itemgetter
from struct import Struct as Layout
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from registry.core.crypto.keccak import keccak256
from registry.core.eip712 import DOMAIN_FIELDS, Domain, signing_hash
from registry.core.errors import Malformed
from registry.core.scalars import hash_text
from registry.core.statements.messages import (
    MESSAGES,
    Grant,
    Mandate,
    Message,
    Refusal,
    fields_of,
    kind_of,
    members,
)

# Solidity type: its layout in a 32-byte word for `struct`, and the group its value comes from. Integers are packed as
# they are.
_LAYOUT = {
    "bytes32": ("32s", "words"),
    "address": ("12x20s", "accounts"),
    "string": ("32s", "texts"),
    "string[]": ("32s", "texts"),
    "address[]": ("32s", "texts"),
    "uint64": ("24xQ", "members"),
}

_Values = tuple[Any, ...]
_Hasher = Callable[[_Values, _Values, _Values, _Values], bytes]


def _hasher(primary_type: str, fields: tuple[tuple[str, str], ...], structure: type[Struct]) -> _Hasher:
    """A function of the members, the bytes of words and accounts, and the hashes of texts and lists."""
    assert [name for name, _ in fields] == [field.encode_name for field in msgspec.structs.fields(structure)]
    kinds = [kind for _, kind in fields]
    members_text = ",".join(f"{kind} {name}" for name, kind in fields)
    type_hash = keccak256(f"{primary_type}({members_text})".encode())
    pack = Layout(">32s" + "".join(_LAYOUT[kind][0] for kind in kinds)).pack
    pick = itemgetter(0, *_places([_LAYOUT[kind][1] for kind in kinds]))

    def hash_struct(members: _Values, words: _Values, accounts: _Values, texts: _Values) -> bytes:
        return keccak256(pack(*pick((type_hash, *members, *words, *accounts, *texts))))

    return hash_struct


def _places(homes: list[str]) -> Iterator[int]:
    """The index of each member's value in (type hash, members, words, accounts, texts)."""
    start = 1 + len(homes)
    first = {"members": 1}
    for home in ("words", "accounts", "texts"):
        first[home], start = start, start + homes.count(home)
    for place, home in enumerate(homes):
        yield first[home] + (place if home == "members" else homes[:place].count(home))


_HASHERS = {structure: _hasher(kind, fields_of(kind), structure) for kind, structure in MESSAGES.items()}


def struct_hash(message: Message) -> bytes:
    """``hashStruct`` of EIP-712: keccak256(typeHash || encodeData), 32 bytes."""
    words, accounts, texts = message.read
    if isinstance(message, (Grant, Refusal)):
        texts = (hash_text(message.statement), *texts)
    elif isinstance(message, Mandate):
        powers, controllers = message.hashed_lists
        texts = (hash_text(message.statement), powers, *texts, controllers)
    return _HASHERS[type(message)](astuple(message), words, accounts, texts)


def digest(domain: Domain, message: Message) -> bytes:
    """The EIP-712 signing hash: keccak256(0x1901 || domainSeparator || hashStruct), 32 bytes."""
    return signing_hash(domain, struct_hash(message))


def typed_data(domain: Domain, message: Message) -> dict[str, Any]:
    """The argument of ``eth_signTypedData_v4``: types, primaryType, domain and message."""
    kind = kind_of(message)
    return {
        "types": {"EIP712Domain": _named(DOMAIN_FIELDS), kind: _named(fields_of(kind))},
        "primaryType": kind,
        "domain": msgspec.to_builtins(domain),
        "message": members(message),
    }


def parse_typed_data(document: Any) -> tuple[Domain, Message]:
    """Parse typed-data JSON whose types are exactly ours; otherwise ``Malformed``."""
    if not isinstance(document, dict) or set(document) != {"types", "primaryType", "domain", "message"}:
        raise Malformed("typed data must have exactly types, primaryType, domain and message")
    kind = document["primaryType"]
    if not isinstance(kind, str) or kind not in MESSAGES:
        raise Malformed(f"{str(kind)[:40]!r} is not a statement type of this registry")
    if document["types"] != {"EIP712Domain": _named(DOMAIN_FIELDS), kind: _named(fields_of(kind))}:
        raise Malformed(f"the type definition is not that of {kind}")
    try:
        domain = msgspec.convert(document["domain"], Domain)
        message = msgspec.convert(document["message"], MESSAGES[kind])
        digest(domain, message)  # refuses lone surrogates, which have no UTF-8 and so no digest
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise Malformed(f"not valid: {error}") from None
    return domain, message


def _named(fields: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in fields]
