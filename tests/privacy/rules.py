"""Privacy rules 2 and 4, and the links that nobody may see, as functions from what was recorded to what is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import permutations, product

from registry.core.crypto.keccak import keccak256
from registry.core.crypto.revocation import handle_of, lock_of, salt_hash, tag_of
from registry.core.scalars import to_hex, unhex
from tests.privacy.known import Secret
from tests.privacy.places import Bytes
from tests.support.http_tap import Connection
from tests.support.privacy_scan import Scanner

_WORD = re.compile(rb"0x([0-9a-fA-F]{64})|(?<![0-9a-fA-F])([0-9a-fA-F]{64})(?![0-9a-fA-F])")
_TOKEN = re.compile(rb"0x[0-9a-f]{40,}|\\\\x[0-9a-f]{32,}|\bbaf[a-z2-7]{40,}|\bage1[a-z0-9]{40,}", re.IGNORECASE)
_WRITING = ("send", "sign", "personal_", "anvil_", "evm_", "hardhat_", "miner_", "engine_", "wallet_")


def words_of(data: Bytes) -> set[bytes]:
    """Return every 32-byte word that a chain shows, in calldata, logs and storage."""
    words: set[bytes] = set()
    for name, raw in data:
        words |= {bytes.fromhex((one or other).decode()) for one, other in _WORD.findall(raw)}
        if name.startswith("calldata"):
            words |= {raw[at : at + 32] for at in range(4, len(raw) - 31, 32)}
    return words


def guessed(words: set[bytes], people: Iterable[str], brands: Iterable[str], terms: Iterable[str]) -> set[str]:
    """Attack the words with a dictionary; return what each guess that is right tells.

    The guesser knows every address, purpose and kind of data, and tries hashes of all their combinations, without a
    salt and with salts that careless software makes.
    """
    return {told for told, word in _guesses(list(people), list(brands), list(terms)) if word in words}


def _guesses(people: list[str], brands: list[str], terms: list[str]) -> Iterator[tuple[str, bytes]]:
    raw = {each: unhex(each) if each.startswith("0x") else each.encode() for each in (*people, *brands, *terms)}
    for count in (1, 2, 3):
        for names in permutations(raw, count):
            for parts in ([raw[name] for name in names], [_padded(raw[name]) for name in names]):
                for hashed in (keccak256(b"".join(parts)), sha256(b"".join(parts)).digest()):
                    yield " + ".join(names), hashed
                    yield " + ".join(names), keccak256(hashed)
    for subject, salt in product(people, _weak_salts([*people, *brands])):
        tag = tag_of(subject, salt)
        yield f"{subject} by its tag", unhex(tag)
        yield f"{subject} by its salt", unhex(salt_hash(salt))
        yield f"{subject} by its handle", unhex(handle_of(lock_of(unhex(salt)), tag))


def _padded(raw: bytes) -> bytes:
    return raw.rjust(32, b"\0") if len(raw) <= 32 else raw


def _weak_salts(addresses: list[str]) -> list[str]:
    numbers = [number.to_bytes(32, "big") for number in range(256)]
    own = [
        one
        for each in addresses
        for one in (_padded(unhex(each)), unhex(each).ljust(32, b"\0"), keccak256(unhex(each)))
    ]
    return [to_hex(each) for each in (*numbers, b"\xff" * 32, *own)]


def writing_calls(heard: Iterable[Connection]) -> list[str]:
    """Return the calls of a node's RPC that could change its chain, which a verification never makes."""
    names = [name for each in heard for name in re.findall(rb'"method": ?"(\w+)"', bytes(each.asked))]
    return sorted({name.decode() for name in names if any(mark in name.decode().lower() for mark in _WRITING)})


def linked(heard: Iterable[Connection], secrets: dict[str, Secret]) -> list[set[str]]:
    """Return the connections that carried more than one commitment or ending, as the sets of their names."""
    own = {name: secret.value for name, secret in secrets.items() if secret.kind in ("anchor", "ended")}
    scanner = Scanner(own)
    seen = [{_item(found.name) for found in scanner.scan([("", bytes(each.asked))])} for each in heard]
    return [each for each in seen if len(each) > 1]


def _item(name: str) -> str:
    """An ending is one item: its secret, tag and handle."""
    return name if name.endswith("commitment") else f"{name.split()[0]} ending"


def shared_tokens(one: Bytes, other: Bytes) -> set[str]:
    """Return the long hashes, addresses, keys and CIDs that two places have in common."""
    return _tokens(one) & _tokens(other)


def _tokens(data: Bytes) -> set[str]:
    found = {token.decode().lower() for _, raw in data for token in _TOKEN.findall(raw)}
    return {f"0x{each[3:]}" if each.startswith("\\\\x") else each for each in found}


def announces(configuration: bytes) -> list[str]:
    """Return why a Kubo node with this configuration would tell the public network what it holds."""
    held = json.loads(configuration)
    routing = held.get("Routing", {}).get("Type") or "auto"
    providing = held.get("Provide", {}).get("Enabled")
    return (
        [] if routing == "none" or providing is False else [f"Routing.Type {routing}", f"Provide.Enabled {providing}"]
    )
