"""Keeps keys in files: one keystore for each key, ``NAME.json``, mode 0600 in a directory of mode 0700.

A play-money network's relay, which pays for people without an account, has its key in ``relay.json`` in the network's
folder. Its passphrase is empty. It protects nothing: gas costs nothing there, and no other chain knows the account.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from registry.core import codec
from registry.core.errors import ConsentError, InvalidInput, LedgerUnavailable, Malformed
from registry.core.scalars import checksum
from registry.fs.files import creating, make_folder, replace_file
from registry.wallets import keystore
from registry.wallets.keystore import (
    LIGHT,
    MAX_KEYSTORE_BYTES,
    STANDARD,
    lower_names,
    open_secret,
    random_key,
    seal_secret,
)
from registry.wallets.keywallet import HashSigner, KeyWallet, address_of

_Wallet = TypeVar("_Wallet", bound=KeyWallet)
MAX_KEYS = 10_000
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_ADDRESS = re.compile(r"(?:0x)?([0-9a-fA-F]{40})")
_RELAY_NOTE = "Play money only: this network's relay, sealed with an empty passphrase."
_decoder = msgspec.json.Decoder(dict[str, Any])


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
    _write_new(path, seal_secret(raw, passphrase, cost) | {"address": address[2:].lower()})
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
    return _opened(KeyWallet, directory, name_or_address, passphrase)


def reseal_key(directory: Path, name_or_address: str, old: str, new: str, *, cost: int = STANDARD) -> None:
    """Seal a key again with another passphrase; errors are those of `open_key`.

    The file is replaced whole or not at all.
    """
    path = _find(directory, name_or_address)
    document = _read(path)
    raw = open_secret(document, old)
    address = _checked_address(KeyWallet(raw), document, path)
    # Where the file is a link, replace what it leads to: that would keep the old passphrase.
    replace_file(path.resolve(), _json(seal_secret(raw, new, cost) | {"address": address[2:].lower()}))


def open_signer(directory: Path, name_or_address: str, passphrase: str) -> HashSigner:
    """Unseal the key of a service, which also signs digests; see `open_key`."""
    return _opened(HashSigner, directory, name_or_address, passphrase)


def _opened(kind: type[_Wallet], directory: Path, name_or_address: str, passphrase: str) -> _Wallet:
    path = _find(directory, name_or_address)
    document = _read(path)
    wallet = kind(open_secret(document, passphrase))
    _checked_address(wallet, document, path)
    return wallet


def _checked_address(wallet: KeyWallet, document: dict[str, Any], path: Path) -> str:
    if wallet.address != _address_in(document, path):
        raise InvalidInput(f"{path.name} names another account than its key's", "Restore the file from a backup.")
    return wallet.address


def is_light(directory: Path, name_or_address: str) -> bool:
    """Tell whether trying the empty passphrase on this key takes no time; see `keystore.is_light`."""
    return keystore.is_light(_read(_find(directory, name_or_address)))


def relay_key(path: Path) -> bytes:
    """Return the 32-byte key in a ``relay.json``, made at first use. ``LedgerUnavailable`` if the file is damaged."""
    if not path.exists():
        replace_file(path, _json(seal_secret(random_key(), "", LIGHT) | {"note": _RELAY_NOTE}))
    try:
        return open_secret(_read(path), "")
    except ConsentError as error:
        advice = f"Move {path.name} out of the network's directory; a new relay is made, and nothing is lost."
        raise LedgerUnavailable(f"the relay's key file is damaged ({type(error).__name__})", advice) from None


class Relay:
    """The play-money account in a network's ``relay.json``, a `Sender`; opened when it first pays."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def address(self) -> str:
        """The checksummed address. ``LedgerUnavailable`` if the file is damaged."""
        return self._wallet.address

    def sign_transaction(self, tx: dict[str, Any]) -> bytes:
        """Return the signed bytes of a transaction."""
        return self._wallet.sign_transaction(tx)

    @cached_property
    def _wallet(self) -> KeyWallet:
        return KeyWallet(relay_key(self._path))


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
        return lower_names(codec.loads(raw.removeprefix(BOM_UTF8), _decoder, MAX_KEYSTORE_BYTES))
    except Malformed:
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
            file.write(_json(document))
    except FileExistsError:
        _refuse_existing(path)
        raise InvalidInput(f"{path.parent} is not a directory", "Choose another directory.") from None
    except OSError as error:
        raise InvalidInput(f"the key cannot be written: {error.strerror}", "Check the directory's owner.") from None


def _json(document: dict[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document)) + b"\n"
