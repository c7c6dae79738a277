"""A party's folder, ``CONSENT_HOME``: its keys, its seed, its vault and the evidence it keeps.

``seed.json``, ``vault/``, ``keys/``, ``config.toml``, ``evidence/<digest>.json``, ``requests/<digest>.json``.
"""

from __future__ import annotations

import json
import re
import secrets
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.client.network import Network, Party, system_clock
from registry.core.errors import InvalidInput, Malformed
from registry.core.evidence.file import MAX_EVIDENCE, Evidence, parse_evidence, write_evidence
from registry.core.scalars import to_hex
from registry.fs.files import making_folder, replace_file
from registry.ledger.base import Payer
from registry.storage.base import BlockStore
from registry.wallets import keyfiles, keystore

if TYPE_CHECKING:
    from registry.vault.vault import Vault

MAX_SEED_FILE = 16 * 1024
MAX_CONFIG = 64 * 1024
_DIGEST = re.compile(r"0x[0-9a-f]{6,64}")


@dataclass(frozen=True)
class Home:
    """The folder of one party. Nothing here is read before it is asked for."""

    path: Path

    @property
    def keys(self) -> Path:
        """One keystore file for each account."""
        return self.path / "keys"

    @property
    def vault(self) -> Path:
        """The vault's names; its blocks lie in the network's store."""
        return self.path / "vault"

    @property
    def exists(self) -> bool:
        """Has `create` been here?"""
        return (self.path / "seed.json").exists()

    def create(self, passphrase: str, key: str | None = "main") -> str | None:
        """A new seed, and a key file of this name (None makes none), both sealed with the passphrase.

        The key file's address. A brand signs with it; a person with accounts of the seed.
        """
        with self._making() as made:
            made._keep_seed(secrets.token_bytes(32), passphrase)
            if key is None:
                return None
            if key != "main":
                replace_file(made.path / "config.toml", f'key = "{key}"\n'.encode())
            return keyfiles.new_key(made.keys, key, passphrase, cost=_cost(passphrase))

    def recover(self, seed: bytes, passphrase: str, index: tuple[str, BlockStore] | None = None) -> None:
        """The home of a seed that there was before; with its vault, from the CID of the index and the store of it.

        ``NotARecipient`` where the index is another seed's; nothing is made then.
        """
        from registry.core.crypto.seeds import owner_identity
        from registry.vault.index import open_index
        from registry.vault.vault import set_floor, set_index
        from registry.wallets.derived import first_number

        self._refuse_existing()
        if index is not None:
            open_index(*index, owner_identity(seed))
        with self._making() as made:
            made._keep_seed(seed, passphrase)
            set_floor(made.vault, first_number(system_clock()))
            if index is not None:
                set_index(made.vault, index[0])

    @contextmanager
    def _making(self) -> Iterator[Home]:
        """A home beside this one that takes its place whole: an interruption leaves no half of a home."""
        self._refuse_existing()
        try:
            with making_folder(self.path) as made:
                yield Home(made)
        except OSError as error:
            raise InvalidInput(f"{self.path} cannot be made: {error.strerror}", "Name a new folder.") from None

    def _refuse_existing(self) -> None:
        if self.exists:
            raise InvalidInput(f"{self.path} is a home already", "Choose another folder with --home.")

    def _keep_seed(self, seed: bytes, passphrase: str) -> None:
        sealed = keystore.seal_secret(seed, passphrase, _cost(passphrase))
        replace_file(self.path / "seed.json", json.dumps(sealed).encode())

    def config(self) -> dict[str, Any]:
        """``config.toml``, or nothing where there is none; ``InvalidInput`` where it cannot be read as TOML."""
        file = self.path / "config.toml"
        if not file.exists():
            return {}
        try:
            return tomllib.loads(read_bounded(file, MAX_CONFIG).decode())
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InvalidInput(f"{file}: {error}", "Put the file right, or remove it.") from None

    def seed(self, passphrase: str) -> bytes:
        """The vault seed, 32 bytes; ``WrongPassphrase`` where that is not it."""
        if not self.exists:
            raise InvalidInput(f"there is no home at {self.path}", "Make one with `consent init`.")
        raw = read_bounded(self.path / "seed.json", MAX_SEED_FILE)
        try:
            document = json.loads(raw)
        except (ValueError, RecursionError):
            raise InvalidInput("seed.json is damaged", "Restore the home from a backup.") from None
        return keystore.open_secret(document, passphrase)

    def account(self, name: str) -> keyfiles.KeyInfo:
        """One account by name or address, without opening it."""
        for key in keyfiles.list_keys(self.keys):
            if name in (key.name, key.address):
                return key
        advice = f"See `consent keys list`, or make it: `consent keys new {name}`."
        raise InvalidInput(f"there is no account {name!r} in {self.path}", advice)

    def party(self, network: Network, key: str, passphrase: str, sender: Payer | None = None) -> Party:
        """This home's party on a network, with one of its key files."""
        wallet = keyfiles.open_key(self.keys, key, passphrase)
        seed, vault = self._opened(network, passphrase)
        return Party(network, wallet, vault, seed, sender)

    def person(self, network: Network, controller: str, passphrase: str, sender: Payer | None = None) -> Party:
        """This home's party on a network, with the account of its seed for this controller alone."""
        from registry.client.accounts import account_for

        seed, vault = self._opened(network, passphrase)
        return Party(network, account_for(network, seed, vault, controller), vault, seed, sender)

    def _opened(self, network: Network, passphrase: str) -> tuple[bytes, Vault]:
        from registry.vault.vault import Vault  # not needed to verify, and slow to load

        seed = self.seed(passphrase)
        return seed, Vault(self.vault, seed, network.store)

    def keep(self, evidence: Evidence) -> Path:
        """Write evidence under its digest, whole or not at all; requests apart from what was granted."""
        folder = "requests" if evidence.kind == "Request" else "evidence"
        path = self.path / folder / f"{to_hex(evidence.digest)}.json"
        replace_file(path, write_evidence(evidence))
        return path

    def kept(self) -> Iterator[tuple[Path, Evidence]]:
        """All evidence that is kept here, oldest first."""
        files = (self.path / "evidence").glob("0x*.json")
        found = [(path, _own_evidence(path)) for path in files]
        yield from sorted(found, key=lambda pair: (pair[1].statement.message.issued_at, pair[0].name))

    def digests(self) -> frozenset[str]:
        """The digests of what is kept here, as 0x hex: statements of one's own, whoever hands over another copy."""
        return frozenset(path.stem for path in (self.path / "evidence").glob("0x*.json"))

    def find(self, reference: str) -> bytes:
        """The bytes of evidence named by its file or by its digest (six hex digits of it at least)."""
        path = Path(reference)
        if _DIGEST.fullmatch(reference) and not path.exists():
            path = self._by_digest(reference)
        return read_bounded(path, MAX_EVIDENCE)

    def _by_digest(self, prefix: str) -> Path:
        found = sorted((self.path / "evidence").glob(f"{prefix}*.json"))
        if not found:
            raise InvalidInput(f"no evidence {prefix} is kept in {self.path}", "See what there is: `consent status`.")
        if len(found) > 1:
            raise InvalidInput(f"{prefix} begins {len(found)} digests", "Give more of its digits.")
        return found[0]


def _cost(passphrase: str) -> int:
    # No work makes an empty passphrase harder to guess, so none is done for it.
    return keystore.STANDARD if passphrase else keystore.LIGHT


def _own_evidence(path: Path) -> Evidence:
    try:
        return parse_evidence(read_bounded(path, MAX_EVIDENCE))
    except Malformed as error:
        # Nobody's consent is judged here: one of our own files is damaged, and which one is what matters.
        raise InvalidInput(f"{path} is damaged: {error}", "Restore it from a backup, or move it away.") from None


def read_bounded(path: Path, limit: int) -> bytes:
    """The file's bytes, and one more than ``limit`` at most, so that the parser can refuse it; ``InvalidInput``
    where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", "Check the path.") from None
