"""A party's folder, ``CONSENT_HOME``: its keys, its seed, its vault and the evidence it keeps.

``config.toml``, ``keys/``, ``seed.json``, ``vault/``, ``evidence/<digest>.json``, ``requests/<digest>.json``.
"""

from __future__ import annotations

import json
import re
import secrets
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry.client.parties import Network, Party
from registry.core.errors import InvalidInput, Malformed
from registry.core.evidence import MAX_EVIDENCE, Evidence, parse_evidence, write_evidence
from registry.core.scalars import to_hex
from registry.ledger.base import Sender
from registry.storage.files import replace_file
from registry.wallets import keyfiles, keystore

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
    def exists(self) -> bool:
        """Has `create` been here?"""
        return (self.path / "seed.json").exists()

    def create(self, passphrase: str, key: str = "main") -> str:
        """A new seed and a first account, both sealed with the passphrase; the account's address."""
        if self.exists:
            raise InvalidInput(f"{self.path} is a home already", "Choose another folder with --home.")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Made aside and moved into place whole: an interruption leaves no half of a home.
            with tempfile.TemporaryDirectory(dir=self.path.parent, prefix=f".{self.path.name}.") as work:
                made = Home(Path(work) / "home")
                made.path.mkdir(mode=0o700)
                address = made._fill(passphrase, key)
                made.path.replace(self.path)
        except OSError as error:
            raise InvalidInput(f"{self.path} cannot be made: {error.strerror}", "Name a new folder.") from None
        return address

    def _fill(self, passphrase: str, key: str) -> str:
        # No work makes an empty passphrase harder to guess, so none is done for it.
        cost = keystore.STANDARD if passphrase else keystore.LIGHT
        address = keyfiles.new_key(self.keys, key, passphrase, cost=cost)
        sealed = keystore.seal_secret(secrets.token_bytes(32), passphrase, cost)
        replace_file(self.path / "config.toml", f'key = "{key}"\n'.encode())
        replace_file(self.path / "seed.json", json.dumps(sealed).encode())
        return address

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
        raise InvalidInput(f"there is no account {name!r} in {self.path}", "See `consent keys list`.")

    def party(self, network: Network, key: str, passphrase: str, sender: Sender | None = None) -> Party:
        """This home's party on a network, with one of its accounts."""
        from registry.vault.vault import Vault  # not needed to verify, and slow to load

        seed = self.seed(passphrase)
        wallet = keyfiles.open_key(self.keys, key, passphrase)
        return Party(network, wallet, Vault(self.path / "vault", seed, network.store), seed, sender)

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
