"""What every command shares: where things are, how to ask for a passphrase, how to print.

Settings come from flags, then ``CONSENT_*`` variables, then the home's ``config.toml``. Heavy modules load when
they are first needed, so that ``--help`` is quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from registry.cli.output import Output
from registry.core.errors import InvalidInput, WrongPassphrase

if TYPE_CHECKING:
    from registry.client.homes import Home
    from registry.client.parties import Network, Party
    from registry.ledger.base import Sender

MAX_PASSPHRASE = 4096
T = TypeVar("T")


@dataclass(frozen=True)
class Session:
    """One run of one command."""

    out: Output
    flags: dict[str, Any]
    _passphrases: list[str] = field(default_factory=list, repr=False)

    def setting(self, name: str, default: Any = None) -> Any:
        """A flag, else ``CONSENT_<NAME>``, else ``config.toml``, else the default."""
        flag = self.flags.get(name)
        if flag is not None:
            return flag
        return os.environ.get(f"CONSENT_{name.upper()}") or self._config.get(name, default)

    @cached_property
    def network_path(self) -> Path:
        """``CONSENT_NETWORK``: the folder that parties on this machine share."""
        chosen = self.flags.get("network") or os.environ.get("CONSENT_NETWORK")
        if chosen:
            return Path(chosen).expanduser().absolute()
        return default_network()

    @cached_property
    def home(self) -> Home:
        """``CONSENT_HOME``: this party's folder."""
        from registry.client.homes import Home

        chosen = self.flags.get("home") or os.environ.get("CONSENT_HOME")
        return Home(Path(chosen).expanduser().absolute() if chosen else self.network_path.parent / "home")

    @cached_property
    def _config(self) -> dict[str, Any]:
        return self.home.config()

    @cached_property
    def network(self) -> Network:
        """The ledger and the store that the configuration names."""
        from registry.client.parties import Network
        from registry.storage.blocks import SqliteBlocks

        self.network_path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Network(self._ledger(), SqliteBlocks(self.network_path / "blocks.sqlite"))

    def _ledger(self) -> Any:
        url = self.setting("rpc_url")
        if not url:
            from registry.ledger.embedded import EmbeddedLedger

            with self.out.working("opening the embedded chain"):
                return EmbeddedLedger(self.network_path)
        from registry.ledger.base import read_deployment
        from registry.ledger.rpc import RpcLedger

        return RpcLedger(url, read_deployment(self.network_path / "deployment.json"))

    def party(self) -> Party:
        """The home's party, with the account of ``--key`` and the payer of ``--sender``; asks for passphrases."""
        from registry.client.parties import Party
        from registry.vault.vault import Vault
        from registry.wallets import keyfiles

        home, network = self.home, self.network
        seed = self.unlock(home.seed)
        wallet = self.unlock(lambda phrase: keyfiles.open_key(home.keys, self.key_name, phrase))
        vault = Vault(home.path / "vault", seed, network.store)
        return Party(network, wallet, vault, seed, self.sender())

    def vault(self) -> Any:
        """The home's vault alone, for what needs no account."""
        from registry.vault.vault import Vault

        return Vault(self.home.path / "vault", self.unlock(self.home.seed), self.network.store)

    @property
    def key_name(self) -> str:
        """The account that signs: a name or an address."""
        return str(self.setting("key", "main"))

    def sender(self) -> Sender | None:
        """Who pays: an account of this home, or None for the network's relay."""
        from registry.wallets import keyfiles

        name = self.setting("sender")
        if not name or name == "relay":
            return None
        return self.unlock(lambda phrase: keyfiles.open_key(self.home.keys, name, phrase))

    def unlock(self, opener: Callable[[str], T]) -> T:
        """Open something sealed: with what opened the last one, with the empty passphrase, else by asking."""
        if not self._passphrases:
            self._passphrases.extend([""] if self.flags.get("passphrase_fd") is None else [self._from_fd()])
        for known in self._passphrases:
            try:
                return opener(known)
            except WrongPassphrase:
                continue
        if self.flags.get("passphrase_fd") is not None:
            raise WrongPassphrase("the passphrase that was given does not open it")
        phrase = ask_secret("Passphrase: ")
        opened = opener(phrase)
        self._passphrases.insert(0, phrase)
        return opened

    def new_passphrase(self) -> str:
        """A passphrase to seal with: asked for twice, or read from ``--passphrase-fd``. Never empty."""
        if self.flags.get("passphrase_fd") is not None:
            phrase = self._from_fd()
        else:
            phrase = ask_secret("New passphrase: ")
            if phrase != ask_secret("The same again: "):
                raise InvalidInput("the two passphrases differ", "Try again; nothing was written.")
        if not phrase:
            raise InvalidInput("an empty passphrase protects nothing", "Choose one of a few words.")
        return phrase

    def _from_fd(self) -> str:
        if self._passphrases:
            return self._passphrases[0]
        descriptor = self.flags["passphrase_fd"]
        try:
            with os.fdopen(os.dup(descriptor), "rb", buffering=0) as file:
                line = file.read(MAX_PASSPHRASE + 1) or b""
        except OSError as error:
            raise InvalidInput(f"file descriptor {descriptor} cannot be read: {error.strerror}") from None
        phrase = line.split(b"\n", 1)[0]
        if len(phrase) > MAX_PASSPHRASE:
            raise InvalidInput(f"a passphrase has {MAX_PASSPHRASE} bytes at most")
        return phrase.decode("utf-8", errors="strict")


def ask_secret(prompt: str) -> str:
    """Ask at the terminal, without echo; ``InvalidInput`` where there is none."""
    if not sys.stdin.isatty():
        raise InvalidInput("a passphrase is needed, and there is no terminal to ask at", "Use --passphrase-fd N.")
    import getpass

    return getpass.getpass(prompt, stream=sys.stderr)


def default_network() -> Path:
    """The network folder under the user's data folder."""
    from platformdirs import user_data_path

    return user_data_path("consent-registry") / "network"
