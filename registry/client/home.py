"""A party's folder, ``CONSENT_HOME``: seed, vault, keys, ``config.toml``, evidence, and a deletable ``cache``."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.client.evidence_store import DIGEST, EvidenceFolder
from registry.client.network import Network
from registry.config.home_file import set_members
from registry.core.errors import InvalidInput
from registry.core.evidence.file import MAX_EVIDENCE
from registry.fs.files import is_special, making_folder, read_bounded, replace_file
from registry.ledger.base import Payer
from registry.storage.base import BlockStore
from registry.wallets import keyfiles, keystore

if TYPE_CHECKING:
    from registry.client.deliveries import Deliveries
    from registry.client.notary_anchor import Notaries
    from registry.client.party import Brand, Person
    from registry.vault.database import Database
    from registry.vault.place import Place

MAX_SEED_FILE = 16 * 1024


@dataclass(frozen=True)
class Home:
    """The folder of one party. Nothing in it is read before it is needed."""

    path: Path

    @property
    def keys(self) -> Path:
        """One keystore file for each account."""
        return self.path / "keys"

    @property
    def vault(self) -> Path:
        """The vault's own files. Its blocks lie in the store that `registry.vault.place` notes."""
        return self.path / "vault"

    @property
    def confirmed(self) -> Path:
        """The accounts that the domains of brands confirmed last."""
        return self.path / "confirmed"

    @property
    def exists(self) -> bool:
        """True once `create` or `recover` has made it."""
        return (self.path / "seed.json").exists()

    @property
    def evidence(self) -> EvidenceFolder:
        """The evidence that this party keeps."""
        return EvidenceFolder(self.path)

    def deliveries(self, network: Path | None = None) -> Deliveries:
        """What is on its way to brands. ``network`` is the folder that maps a development network's names."""
        from registry.client.deliveries import Deliveries

        return Deliveries(self.path, network)

    def create(
        self, passphrase: str, key: str | None = "main", *, guessable: bool = False, network: Path | None = None
    ) -> str | None:
        """Make a seed, and the key file of a brand (None makes none); return its address. The passphrase seals both.

        ``config.toml`` remembers the folder of the ``network``. ``InvalidInput`` for a guessable passphrase, unless
        ``guessable`` allows it. An empty one protects nothing.
        """
        _check_new(passphrase, guessable)
        with self._making() as made:
            made._keep_seed(secrets.token_bytes(32), passphrase)
            self.remember(made.path, network)
            if key is None:
                return None
            if key != "main":
                set_members(made.path, key=key)
            return keyfiles.new_key(made.keys, key, passphrase, cost=_cost(passphrase))

    def recover(
        self,
        seed: bytes,
        passphrase: str,
        index: tuple[str, BlockStore] | None = None,
        *,
        guessable: bool = False,
        network: Path | None = None,
        place: Place | None = None,
    ) -> None:
        """Make the home of a seed (32 bytes) and the vault ``index`` (CID, store); ``NotARecipient`` for another's.

        ``place`` names that store. The passphrase and the ``network`` are as for `create`.
        """
        from registry.vault.blocks import check_index
        from registry.vault.journal import set_index
        from registry.vault.place import note_place

        self._refuse_existing()
        _check_new(passphrase, guessable)
        if index is not None:
            check_index(seed, index[1], index[0])
        with self._making() as made:
            made._keep_seed(seed, passphrase)
            self.remember(made.path, network)
            if index is not None:
                set_index(made.vault, index[0])
                if place is not None:
                    note_place(made.vault, place)

    def remember(self, made: Path, network: Path | None) -> None:
        """Let the ``config.toml`` in ``made``, which becomes this home, name the folder of its network, or none."""
        named = None if network is None else network.absolute()
        if named is not None and named.parent == self.path.absolute().parent:
            named = Path("..") / named.name  # both can then be moved together
        # TOML has no way to write a name that is not UTF-8.
        set_members(made, network=str(named) if named is not None and _is_utf8(str(named)) else None)

    @contextmanager
    def _making(self) -> Iterator[Home]:
        """Make the home beside its place and move it there whole, so that an interruption leaves no half of it."""
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
        from registry.core.crypto.seeds import fingerprint

        sealed = keystore.seal_secret(seed, passphrase, _cost(passphrase)) | {"fingerprint": fingerprint(seed)}
        # Where the file is a link, replace what it leads to: that would keep the old passphrase.
        replace_file((self.path / "seed.json").resolve(), json.dumps(sealed).encode())

    def check_seed(self, seed: bytes) -> None:
        """``InvalidInput`` for another seed than this home's. That needs no passphrase."""
        from registry.core.crypto.seeds import fingerprint

        own, given = self._sealed_seed().get("fingerprint"), fingerprint(seed)
        if own != given:
            advice = "Name that seed's home, or a new folder, with --home."
            raise InvalidInput(f"it is the seed {given}, and {self.path} has {own or 'another'}", advice)

    def reseal(self, seed: bytes, passphrase: str, *, guessable: bool = False) -> None:
        """Seal this home's seed again with another passphrase, which is as for `create`. See `check_seed`.

        ``seed.json`` is replaced whole or not at all.
        """
        _check_new(passphrase, guessable)
        self.check_seed(seed)
        self._keep_seed(seed, passphrase)

    def seed(self, passphrase: str) -> bytes:
        """Return the vault seed, 32 bytes; ``WrongPassphrase`` where the passphrase does not open it."""
        return keystore.open_secret(self._sealed_seed(), passphrase)

    @property
    def is_light(self) -> bool:
        """True where trying the empty passphrase on the seed takes no time; see `keystore.is_light`."""
        return keystore.is_light(self._sealed_seed())

    def _sealed_seed(self) -> dict[str, Any]:
        if not self.exists:
            raise InvalidInput(f"there is no home at {self.path}", "Make one with `consent init`.")
        raw = read_bounded(self.path / "seed.json", MAX_SEED_FILE)
        with suppress(ValueError, RecursionError):
            if isinstance(document := json.loads(raw), dict):
                return document
        raise InvalidInput("seed.json is damaged", "Restore the home from a backup.")

    def add_key(self, name: str, key: bytes | None, passphrase: str, *, guessable: bool = False) -> str:
        """Seal a key (32 bytes; None makes a new one) into a key file of this name, and return its address.

        The passphrase is as for `create`.
        """
        _check_new(passphrase, guessable)
        raw = keystore.random_key() if key is None else key
        return keyfiles.import_key(self.keys, name, raw, passphrase, cost=_cost(passphrase))

    def account(self, name: str) -> keyfiles.KeyInfo:
        """Return one key file by name or address, without opening it."""
        for key in keyfiles.list_keys(self.keys):
            if name in (key.name, key.address):
                return key
        advice = f"See `consent keys list`, or make it: `consent keys new {name}`."
        raise InvalidInput(f"there is no account {name!r} in {self.path}", advice)

    def notaries(self, network: Network, *names: str, **how: Any) -> Notaries:
        """Return notaries, each named as URL#ACCOUNT; ``how`` has further members of `Notaries`, such as ``waits``."""
        from registry.client.notary import NotaryClient, parse_notaries
        from registry.client.notary_anchor import Notaries
        from registry.client.pending_store import PendingFolder

        tokens = self.path / "tokens"
        clients = (NotaryClient(name, network.domain, tokens) for name in parse_notaries(names))
        return Notaries(tuple(clients), PendingFolder(self.path), **how)

    def brand(
        self,
        network: Network,
        passphrase: str,
        key: str = "main",
        sender: Payer | None = None,
        notaries: Notaries | None = None,
    ) -> Brand:
        """Return this home's brand, which signs with one of its key files. ``notaries`` are as for `person`."""
        from registry.client.party import Brand
        from registry.core.crypto.seeds import owner_identity

        wallet = keyfiles.open_key(self.keys, key, passphrase)
        identity = owner_identity(self.seed(passphrase))
        parts: dict[str, Any] = {"network": network, "wallet": wallet, "evidence": self.evidence}
        return Brand(**parts, sender=sender, notaries=notaries or self.notaries(network), identity=identity)

    def person(
        self,
        network: Network,
        controller: str,
        passphrase: str,
        sender: Payer | None = None,
        notaries: Notaries | None = None,
    ) -> Person:
        """Return this home's person, who signs with the account of the seed for this controller alone.

        ``notaries`` are asked first; without them the person anchors and ends in transactions of their own.
        """
        from registry.client.accounts import account_for
        from registry.client.party import Person

        vault = self.open_vault(network, passphrase)
        wallet = account_for(network, self.seed(passphrase), vault, controller)
        parts: dict[str, Any] = {"network": network, "wallet": wallet, "evidence": self.evidence}
        return Person(**parts, sender=sender, notaries=notaries or self.notaries(network), vault=vault)

    def open_vault(self, network: Network, passphrase: str) -> Database:
        """Return the vault, opened with this home's seed."""
        from registry.vault.database import Database  # slow to load, and verifying does not need it

        return Database(self.vault, self.seed(passphrase), network.store, network.clock, network.place)

    def find(self, reference: str) -> bytes:
        """Return the bytes of evidence that is named by a file or by a digest that is kept here."""
        from registry.client.links import refuse_link

        path = Path(reference)
        if not os.path.exists(path):  # noqa: PTH110 - `Path.exists` raises for a name that is too long
            refuse_link(reference)
        if DIGEST.fullmatch(reference) and not path.exists():
            return self.evidence.find(reference)
        return read_bounded(path, MAX_EVIDENCE)

    def find_grant(self, reference: str) -> str:
        """Return the digest of a grant that is named by a file or by a digest that is kept here."""
        from registry.core.evidence.file import parse_evidence
        from registry.core.scalars import to_hex

        return to_hex(parse_evidence(self.find(reference)).digest)

    def find_all(self, references: Iterable[str]) -> list[tuple[str, bytes]]:
        """Return what `find` does for each reference, with its name; a folder stands for the ``.json`` files in it.

        ``InvalidInput`` if one cannot be read, or for a folder without any.
        """
        return [(name, self.find(name)) for reference in references for name in _expanded(reference)]


def _is_utf8(text: str) -> bool:
    return text.encode(errors="replace").decode() == text


def _expanded(reference: str) -> list[str]:
    if not (path := Path(reference)).is_dir():
        return [reference]
    # A folder or a pipe with such a name is no evidence; a file that cannot be read is told.
    if files := sorted(str(file) for file in path.glob("*.json") if not is_special(file)):
        return files
    raise InvalidInput(f"{reference} holds no .json file", "Name a folder that holds evidence files.")


def _check_new(passphrase: str, guessable: bool) -> None:
    if not guessable:
        keystore.refuse_guessable(passphrase)


def _cost(passphrase: str) -> int:
    # No work makes an empty passphrase harder to guess.
    return keystore.STANDARD if passphrase else keystore.LIGHT
