"""What every command shares: where things are, how to ask for a passphrase, how to print.

Settings come from flags, then ``CONSENT_*`` variables, then the home's ``config.toml``, then the network's
``network.toml``. Heavy modules load when they are first needed, so that ``--help`` is quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from registry.cli.ui.descriptors import first_line
from registry.cli.ui.output import Output
from registry.core.errors import InvalidInput, WrongPassphrase

if TYPE_CHECKING:
    from registry.client.home import Home
    from registry.client.network import Network
    from registry.client.network_config import Settings
    from registry.vault.vault import Vault
    from registry.wallets.browser import BrowserWallet

MAX_ANSWER = 80
_FOLDER = "Choose a folder that you may write to."
T = TypeVar("T")


@dataclass(frozen=True)
class Session:
    """One run of one command."""

    out: Output
    flags: dict[str, Any] = field(repr=False)
    _passphrases: list[str] = field(default_factory=list, repr=False)
    # The wallets on pages that this run opened, and what ends with it.
    pages: list[BrowserWallet] = field(default_factory=list, repr=False)
    ending: ExitStack = field(default_factory=ExitStack, repr=False)

    def setting(self, name: str, default: Any = None) -> Any:
        """A flag, else ``CONSENT_<NAME>``, else ``config.toml``, else ``network.toml``, else the default."""
        return next((value for value, _ in self._named(name)), default)

    def source(self, name: str) -> str:
        """What names the setting, as a person would look for it; empty where nothing does."""
        return next((place for _, place in self._named(name)), "")

    def _named(self, name: str) -> Iterator[tuple[Any, str]]:
        """Its value in every place that names it, the strongest first."""
        if (flag := self.flags.get(name)) is not None:
            yield flag, f"--{name.replace('_', '-')}"
        if text := os.environ.get(f"CONSENT_{name.upper()}"):
            yield text, f"CONSENT_{name.upper()}"
        if name in self._config:
            yield self._config[name], "config.toml"
        # The folder is found first: it cannot say where it lies.
        if name != "network" and name in self._shared:
            yield self._shared[name], "network.toml"

    def words(self, name: str, default: str | None = None) -> str | None:
        """A setting that is text."""
        value = self.setting(name, default)
        if value is not None and not isinstance(value, str):
            raise InvalidInput(f"{name} in config.toml is not text", f'Write it in quotes: {name} = "...".')
        return value

    @cached_property
    def network_path(self) -> Path:
        """``CONSENT_NETWORK``: the folder that parties on this machine share."""
        chosen = self.words("network")
        return default_network() if not chosen else Path(chosen).expanduser().absolute()

    @cached_property
    def home(self) -> Home:
        """``CONSENT_HOME``: this party's folder; by default ``home`` beside the network's."""
        from registry.client.home import Home

        chosen = self.flags.get("home") or os.environ.get("CONSENT_HOME")
        if chosen:
            return Home(Path(chosen).expanduser().absolute())
        # Not `network_path`: config.toml, which lies in the home, may name the network.
        network = self.flags.get("network") or os.environ.get("CONSENT_NETWORK")
        beside = Path(network).expanduser().absolute() if network else default_network()
        return Home(beside.parent / "home")

    @cached_property
    def _config(self) -> dict[str, Any]:
        return self.home.config()

    @cached_property
    def _shared(self) -> dict[str, Any]:
        from registry.client.network_config import read_settings

        return read_settings(self.network_path)

    @cached_property
    def settings(self) -> Settings:
        """What the ledger and the store are made of; ``--confirmations`` of a command that writes goes first."""
        from registry.client.network_config import NAMES, settings_of

        values = {name: self.setting(name) for name in NAMES}
        if (depth := self.flags.get("depth")) is not None:
            values["confirmations"] = depth
        # network.toml was checked when it was read: what is wrong now is in one of the others.
        places = dict.fromkeys(place for name in NAMES if (place := self.source(name)) != "network.toml")
        return settings_of(values, " or ".join(filter(None, places)) or "network.toml")

    @cached_property
    def network(self) -> Network:
        """The ledger and the store that the configuration names."""
        from registry.client.network_config import open_network

        settings = self.settings
        if settings.rpc_url is None:
            self._make_folder()
        with self.out.working("opening the network"):
            network = open_network(self.network_path, settings, credentials=self.credentials, progress=self._waiting)
        domain = network.domain
        self.out.log(f"network {self.network_path}, registry {domain.verifying_contract} on chain {domain.chain_id}")
        return network

    def bare_network(self, registry: str) -> Network:
        """The registry at this address on the configured node, without a folder: for reading alone."""
        from registry.client.network_config import bare_network

        if self.settings.rpc_url is None:
            raise InvalidInput("--registry names a contract, and no node to ask is named", "Add --rpc-url URL.")
        return bare_network(self.settings.rpc_url, registry)

    def _make_folder(self) -> None:
        if self.flags.get("depth"):
            advice = "Leave --confirmations out, or name a node with --rpc-url."
            raise InvalidInput("the embedded chain makes no blocks by itself to wait for", advice)
        try:
            self.network_path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInput(f"{self.network_path} cannot be made: {error.strerror}", _FOLDER) from None

    @property
    def credentials(self) -> Path | None:
        """The file ``ipfs_credentials``, in the home unless it says otherwise; for nodes that the person named."""
        file = self.words("ipfs_credentials")
        if not file or self.settings.ipfs is None:
            return None
        if self.source("ipfs") == "network.toml":
            # Whoever wrote the network's folder would receive them.
            advice = "Name the node in config.toml too (ipfs = ...), if your credentials are for it."
            raise InvalidInput("credentials go only to an IPFS node that you named yourself", advice)
        return self.home.path / Path(file).expanduser()

    @property
    def place(self) -> str | None:
        """Where a signature would count, in words; None on the embedded chain, which is this machine's own."""
        url = self.settings.rpc_url
        if url is None:
            return None
        from registry.ledger.node_info import name_of

        domain = self.network.domain
        return (
            f"On chain {domain.chain_id}, registry {domain.verifying_contract}, through {name_of(url)} "
            f"(named by {self.source('rpc_url')}; network {self.network_path})."
        )

    def say_place(self) -> None:
        """Before something is signed: a network's folder must lead nobody to another chain in silence."""
        if self.place is not None:
            self.out.note(self.place)

    def _waiting(self, _transaction: str, seconds: float) -> None:
        depth = self.settings.confirmations
        above = f" and {depth} above it" if depth else ""
        self.out.progress(f"waiting for a block{above}, {seconds:.0f} s")

    @cached_property
    def seed(self) -> bytes:
        """The home's seed, 32 bytes; asks for its passphrase the first time."""
        return self.unlock(self.home.seed)

    def vault(self, told: Callable[[int], None] | None = None) -> Vault:
        """The home's vault alone, for what needs no account; ``told`` hears of the bytes that are stored."""
        from registry.cli.ui.progress import CountedStore
        from registry.vault.vault import Vault

        store = self.network.store if told is None else CountedStore(self.network.store, told)
        return Vault(self.home.vault, self.seed, store)

    @property
    def key_name(self) -> str:
        """The key file that signs: a name or an address."""
        return self.words("key", "main") or "main"

    def unlock(self, opener: Callable[[str], T]) -> T:
        """Open something sealed: with what opened the last one, with the empty passphrase, else by asking."""
        if not self._passphrases:
            given = [] if self.flags.get("passphrase_fd") is None else [self._from_fd()]
            self._passphrases.extend([*given, ""])
        for known in self._passphrases:
            try:
                return self._open(opener, known)
            except WrongPassphrase:
                continue
        if self.flags.get("passphrase_fd") is not None:
            raise WrongPassphrase("the passphrase that was given does not open it")
        phrase = ask_secret("Passphrase: ")
        opened = self._open(opener, phrase)
        self._passphrases.insert(0, phrase)
        return opened

    def _open(self, opener: Callable[[str], T], phrase: str) -> T:
        with self.out.working("trying the passphrase"):
            return opener(phrase)

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
        line = first_line(self.flags["passphrase_fd"], "a passphrase", "--passphrase-fd")
        try:
            return line.decode()
        except UnicodeDecodeError:
            raise InvalidInput("the passphrase is not UTF-8 text", "Type it as text, in a UTF-8 locale.") from None


@contextmanager
def noting(done: str) -> Iterator[None]:
    """What is done already, for whoever an error or an interruption from here on would leave in the dark."""
    try:
        yield
    except BaseException as error:
        error.add_note(done)
        raise


def ask_yes(question: str) -> bool:
    """Ask at the terminal, on stderr: stdout holds results alone. Only y or yes is yes; ``InvalidInput`` where
    nobody is there, an interruption where the input ends."""
    if not sys.stdin.isatty():
        raise InvalidInput("nobody is there to say yes", "Run it in a terminal, or add --yes.")
    sys.stderr.write(f"{question} [y/N]: ")
    sys.stderr.flush()
    answer = sys.stdin.readline(MAX_ANSWER)
    if not answer:
        raise KeyboardInterrupt
    return answer.strip().lower() in ("y", "yes")


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
