"""One run of one command: its flags, its output, its passphrases, and the session that it opens."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from registry.cli.ui.output import Output
from registry.cli.ui.prompts import ask_secret, ask_yes, passphrase_from, passphrase_in
from registry.core.errors import InvalidInput, Rejected, WrongPassphrase

if TYPE_CHECKING:
    from pathlib import Path

    from registry.client.home import Home
    from registry.client.network import Network
    from registry.client.party import Party
    from registry.client.session import Session
    from registry.client.wallets import Wallets
    from registry.config.configuration import Configuration

T = TypeVar("T")
TRIES = 3


@dataclass(frozen=True)
class Context:
    """What every command gets: where it prints, its flags, and a `Session` that opens when it is needed."""

    out: Output
    flags: dict[str, Any] = field(repr=False)
    closing: ExitStack = field(default_factory=ExitStack, repr=False)
    _passphrases: list[str] = field(default_factory=list, repr=False)

    @cached_property
    def configuration(self) -> Configuration:
        """Where each setting comes from."""
        from registry.config.configuration import Configuration

        return Configuration(self.flags)

    @cached_property
    def session(self) -> Session:
        """The home on its network; nothing is opened yet."""
        from registry.client.session import Session

        return Session(self.configuration, self, self.closing)

    @property
    def home(self) -> Home:
        """The party's folder."""
        return self.session.home

    @cached_property
    def network(self) -> Network:
        """The configured ledger and store."""
        network, domain = self.session.network, self.session.network.domain
        where = f"registry {domain.verifying_contract} on chain {domain.chain_id}"
        self.out.log(f"network {self.configuration.network_path}, {where}")
        return network

    @property
    def wallets(self) -> Wallets:
        """The wallets that the configuration names."""
        return self.session.wallets

    # The session's attendant -----------------------------------------------------------------------------------

    def unlock(self, opener: Callable[[str], T], is_light: bool = False) -> T:
        """Open something sealed: with a passphrase that opened something before, the given one, or by asking.

        Each try on a keystore takes a second, so the empty passphrase is tried only where it ``is_light``.
        """
        if self._source is not None and not self._passphrases:
            self._passphrases.append(self._source())
        for known in [*self._passphrases, *([""] if is_light else [])]:
            with suppress(WrongPassphrase):
                return self._open(opener, known)
        if self._source is not None:
            raise WrongPassphrase("the given passphrase does not open it")
        return self._ask(opener)

    def _ask(self, opener: Callable[[str], T]) -> T:
        for left in reversed(range(TRIES)):
            phrase = ask_secret("Passphrase: ")
            try:
                opened = self._open(opener, phrase)
            except WrongPassphrase as error:
                if not left:
                    raise
                self.out.note(f"{error}. {error.advice}")
            else:
                self._passphrases.insert(0, phrase)
                return opened
        raise AssertionError  # the last try returns or raises

    def tell(self, line: str) -> None:
        """Print a remark on stderr."""
        self.out.note(line)

    def tell_on_page(self, line: str) -> None:
        """Print a remark while a page in the browser waits for the person."""
        with self.out.paused():
            self.out.note(line)
        self.out.progress("waiting for you in the browser")

    def working(self, what: str) -> AbstractContextManager[None]:
        """Show a spinner while something takes its time."""
        return self.out.working(what)

    def waiting(self, _transaction: str, seconds: float) -> None:
        """Show how long a transaction has been waited for."""
        depth = self.configuration.settings.confirmations
        above = f" and {depth} above it" if depth else ""
        self.out.progress(f"waiting for a block{above}, {seconds:.0f} s")

    def waiting_for(self, what: str, seconds: float) -> None:
        """Show how long something else has been waited for."""
        self.out.progress(f"{what}, {seconds:.0f} s")

    # Questions and remarks -------------------------------------------------------------------------------------

    def new_passphrase(self) -> str:
        """Return a passphrase to seal with, asked for twice or read from a descriptor or a file.

        It is never empty, and it is guessable only with ``--guessable``. At a terminal three are asked for.
        """
        if self._source is not None:
            phrase = self._passphrases[0] if self._passphrases else self._source()
            self._refuse_weak(phrase)
            return phrase
        for _ in range(TRIES - 1):
            try:
                return self._asked_passphrase()
            except InvalidInput as error:
                if not sys.stdin.isatty():
                    raise
                self.out.note(f"{error}. {error.advice}")
        return self._asked_passphrase()

    def another_passphrase(self, descriptor: int | None) -> str:
        """Return the passphrase that replaces the given one: asked for twice, or read from a descriptor."""
        if descriptor is None and self._source is None:
            return self.new_passphrase()
        if descriptor is None:
            raise InvalidInput("the new passphrase is missing", "Use --new-passphrase-fd N.")
        if descriptor == self.flags.get("passphrase_fd"):
            raise InvalidInput("one descriptor cannot give both passphrases", "Use two of them.")
        phrase = passphrase_from(descriptor)
        self._refuse_weak(phrase)
        return phrase

    def _asked_passphrase(self) -> str:
        phrase = ask_secret("New passphrase, best of a few words: ")
        self._refuse_weak(phrase)
        if phrase != ask_secret("The same again: "):
            raise InvalidInput("the two passphrases differ", "Try again; nothing was written.")
        return phrase

    def _refuse_weak(self, phrase: str) -> None:
        from registry.wallets.keystore import refuse_guessable

        if not phrase:
            raise InvalidInput("an empty passphrase protects nothing", "Choose one of a few words.")
        if not self.flags.get("guessable"):
            refuse_guessable(phrase)

    def check_out(self, file: Path | None) -> None:
        """Refuse a file that cannot be written, before anything is done; ask before an existing one is replaced.

        ``--force`` replaces it without asking, and ``InvalidInput`` stands for the question where nobody can answer.
        """
        if file is None:
            return
        from registry.fs.files import check_target

        asks = file.is_file() and sys.stdin.isatty() and not self.flags["force"]
        if asks and not ask_yes(f"{file} exists already. Replace it?"):
            raise Rejected("you said no", "Nothing was done; name a new file.")
        check_target(file, replace=asks or self.flags["force"])

    def say_chain(self) -> None:
        """Tell on which chain a signature would count, before anything is signed."""
        if self.session.chain_in_words is not None:
            self.out.note(self.session.chain_in_words)

    def say_payer(self, party: Party) -> None:
        """Tell which address pays openly, before the person agrees."""
        if party.notaries is not None and party.notaries.clients:
            hosts = ", then ".join(client.host for client in party.notaries.clients)
            shown = "the chain shows its account, and none of yours"
            self.out.note(f"The notary {hosts} is asked. If it promises, it pays: {shown}.")
        if party.payer:
            self.out.note(f"The address {party.payer} pays: the chain will show it for ever.")

    def agree(self, agreed: bool = False, question: str = "Go on?", left: str = "Nothing was sent.") -> None:
        """Ask before something is done, unless the person ``agreed`` already; ``Rejected`` for no, which ``left``."""
        if not (agreed or self.flags.get("yes") or ask_yes(question)):
            raise Rejected("you said no", left)

    @property
    def _source(self) -> Callable[[], str] | None:
        """What reads the given passphrase; None where it has to be asked for."""
        if (descriptor := self.flags.get("passphrase_fd")) is not None:
            return partial(passphrase_from, descriptor)
        if file := self.configuration.passphrase_file:
            return partial(passphrase_in, file)
        return None

    def _open(self, opener: Callable[[str], T], phrase: str) -> T:
        with self.out.working("trying the passphrase"):
            return opener(phrase)
