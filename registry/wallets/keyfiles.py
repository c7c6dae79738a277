"""Keeps keys in files: one keystore for each key, ``NAME.json``, mode 0600 in a directory of mode 0700."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from registry.core.errors import InvalidInput
from registry.core.scalars import checksum
from registry.fs.files import creating, make_folder
from registry.wallets.keystore import MAX_KEYSTORE_BYTES, STANDARD, open_secret, random_key, seal_secret
from registry.wallets.keywallet import KeyWallet, address_of

MAX_KEYS = 10_000
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_ADDRESS = re.compile(r"(?:0x)?([0-9a-fA-F]{40})")


class KeyInfo(NamedTuple):
    """The public part of a key file, read without its secret; ``address`` is checksummed."""

    name: str
    address: str
    path: Path


def new_key(directory: Path, name: str, passphrase: str, *, cost: int = STANDARD) -> str:
    """Seal a new key into ``directory/NAME.json`` and return its address. ``InvalidInput`` if the name is taken."""
    return import_key(directory, name, random_key(), passphrase, cost=cost)


def import_key(directory: Path, name: str, raw: bytes, passphrase: str, *, cost: int = STANDARD) -> str:
    """Seal the 32-byte key ``raw`` into ``directory/NAME.json`` and return its address; see `new_key`."""
    path = _path(directory, name)
    address = address_of(raw)
    _refuse_existing(path)
    document = seal_secret(raw, passphrase, cost)
    _write_new(path, {**document, "address": address[2:].lower()})
    return address


def list_keys(directory: Path) -> list[KeyInfo]:
    """Return every key in the directory, by name; ``InvalidInput`` names a file that is not a keystore."""
    if not directory.is_dir():
        return []
    paths = sorted(path for path in directory.glob("*.json") if _NAME.fullmatch(path.stem))
    if len(paths) > MAX_KEYS:
        raise InvalidInput(f"there are more than {MAX_KEYS:,} keys in one directory", "Use several directories.")
    return [KeyInfo(path.stem, _address_in(_read(path), path), path) for path in paths]


def open_key(directory: Path, name_or_address: str, passphrase: str) -> KeyWallet:
    """Unseal a key by its file's name or its address. ``WrongPassphrase``, or ``InvalidInput``."""
    path = _find(directory, name_or_address)
    document = _read(path)
    wallet = KeyWallet(open_secret(document, passphrase))
    if wallet.address != _address_in(document, path):
        raise InvalidInput(f"{path.name} names another account than its key's", "Restore the file from a backup.")
    return wallet


def _find(directory: Path, name_or_address: str) -> Path:
    if re.fullmatch(r"0x[0-9a-fA-F]{40}", name_or_address) is None:
        return _path(directory, name_or_address)
    wanted = name_or_address.lower()
    for info in list_keys(directory):
        if info.address.lower() == wanted:
            return info.path
    raise InvalidInput(f"there is no key for {name_or_address}", "List them with `consent keys list`.")


def _path(directory: Path, name: str) -> Path:
    if _NAME.fullmatch(name) is None:
        advice = "Use up to 64 of a-z, 0-9, dot, underscore and hyphen, a letter or digit first."
        raise InvalidInput(f"{name[:80]!r} cannot be a key's name", advice)
    return directory / f"{name}.json"


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_KEYSTORE_BYTES + 1)
    except FileNotFoundError:
        advice = f"See `consent keys list`, or make it: `consent keys new {path.stem}`."
        raise InvalidInput(f"there is no key {path.stem!r}", advice) from None
    except OSError as error:
        advice = "Check the file's owner and mode."
        raise InvalidInput(f"{path.name} cannot be read: {error.strerror}", advice) from None
    try:
        if len(raw) > MAX_KEYSTORE_BYTES:
            raise ValueError
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (ValueError, RecursionError):
        raise InvalidInput(f"{path.name} is not a keystore", "Restore it from a backup, or move it away.") from None


def _address_in(document: dict[str, Any], path: Path) -> str:
    match = _ADDRESS.fullmatch(address) if isinstance(address := document.get("address"), str) else None
    if match is None:
        raise InvalidInput(f"{path.name} is not a key's file", "Restore it from a backup, or move it away.")
    return checksum(bytes.fromhex(match[1]))


def _refuse_existing(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise InvalidInput(f"there is a key {path.stem!r} already", "Choose another name; keys are never overwritten.")


def _write_new(path: Path, document: dict[str, Any]) -> None:
    """Write the file whole or not at all, never over another one, and durably before its address is used."""
    try:
        make_folder(path.parent)
        with creating(path) as file:
            file.write(msgspec.json.format(msgspec.json.encode(document)) + b"\n")
    except FileExistsError:
        _refuse_existing(path)
        raise InvalidInput(f"{path.parent} is not a directory", "Choose another directory.") from None
    except OSError as error:
        raise InvalidInput(f"the key cannot be written: {error.strerror}", "Check the directory's owner.") from None
