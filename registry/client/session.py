"""One party at work, in a command or a service: which account signs, which wallet that is, and who pays."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from registry.client.home import Home
from registry.client.wallets import Wallets
from registry.config.configuration import Configuration
from registry.core.errors import InvalidInput, StorageUnavailable
from registry.wallets import keyfiles
from registry.wallets.base import AbsentWallet

if TYPE_CHECKING:
    from registry.client.accounts import SeedAccount
    from registry.client.network import Network
    from registry.client.notary_anchor import Notaries
    from registry.client.party import Brand, Person
    from registry.client.vault_blocks import Moved
    from registry.core.evidence.file import Evidence
    from registry.storage.base import BlockStore
    from registry.vault.database import Database
    from registry.wallets.base import Wallet

T = TypeVar("T")
_NO_NODE = "Leave --confirmations out, or name a node with --rpc-url."


class Attendant(Protocol):
    """The edge that a person sits at: it asks for passphrases and shows what happens."""

    def unlock(self, opener: Callable[[str], T], is_light: bool = False) -> T:
        """Return what ``opener`` makes of the passphrase; ``WrongPassphrase`` where none opens it.

        Where it ``is_light``, try the empty passphrase before asking: that takes no time.
        """

    def tell(self, line: str) -> None:
        """Show a remark."""

    def tell_on_page(self, line: str) -> None:
        """Show a line while a browser's page waits for the person."""

    def working(self, what: str) -> AbstractContextManager[None]:
        """Surround work that takes its time."""

    def waiting(self, transaction: str, seconds: float) -> None:
        """Hear that a transaction has been waited for so many seconds."""

    def waiting_for(self, what: str, seconds: float) -> None:
        """Hear what else has been waited for so many seconds."""


@dataclass(frozen=True)
class Session:
    """A home on a network, each opened when first needed. Pages and vaults that it opens close with ``closing``."""

    configuration: Configuration
    attendant: Attendant = field(repr=False)
    closing: ExitStack = field(default_factory=ExitStack, repr=False)

    @cached_property
    def home(self) -> Home:
        """The party's folder."""
        return Home(self.configuration.home_path)

    @cached_property
    def network(self) -> Network:
        """The ledger and the store that the configuration names."""
        from registry.client.network_config import open_network

        if (configuration := self.configuration).settings.rpc_url is None and configuration.flags.get("depth"):
            raise InvalidInput("the embedded chain makes no blocks by itself to wait for", _NO_NODE)
        with self.attendant.working("opening the network"):
            return open_network(
                configuration.network_path,
                configuration.settings,
                credentials=configuration.credentials,
                allow_announcing=configuration.allow_announcing,
                progress=self.attendant.waiting,
                **configuration.bounds,
            )

    def bare_network(self, registry: str) -> Network:
        """Open the registry at this address on the configured node, without a folder and for reading alone."""
        from registry.client.network_config import open_network

        rpc_url = self.configuration.settings.rpc_url
        if rpc_url is None:
            raise InvalidInput("--registry names a contract, and no node to ask is named", "Add --rpc-url URL.")
        return open_network(rpc_url=rpc_url, registry=registry, **self.configuration.bounds)

    def make_network(self) -> bool:
        """Make the configured network on this machine if it is missing and no node is named; tell whether it was."""
        from registry.client.network_config import make_network

        is_named, folder = self.configuration.settings.rpc_url is not None, self.configuration.network_path
        if is_named or (folder / "deployment.json").exists():
            return False
        with self.attendant.working("making a network on this machine"):
            make_network(folder)
        return True

    @property
    def chain_in_words(self) -> str | None:
        """Where a signature would count, in words; None on the embedded chain, which is this machine's own."""
        url = self.configuration.settings.rpc_url
        if url is None:
            return None
        from registry.ledger.rpc import name_of

        domain, named = self.network.domain, self.configuration.source("rpc_url")
        return (
            f"On chain {domain.chain_id}, registry {domain.verifying_contract}, through {name_of(url)} "
            f"(named by {named}; network {self.configuration.network_path})."
        )

    @cached_property
    def seed(self) -> bytes:
        """The home's seed, 32 bytes. The passphrase is asked for the first time."""
        return self.attendant.unlock(self.home.seed, self.home.is_light)

    def vault(self, store: BlockStore | None = None) -> Database:
        """Open the home's vault, in the network's store or in another view of it."""
        from registry.vault.database import Database

        at = self.network  # its errors are told before a passphrase is asked for
        return self.closing.enter_context(Database(self.home.vault, self.seed, store or at.store, at.clock, at.place))

    def move_vault(self, source: str | None = None) -> Moved:
        """Move the vault into the configured store: from where it lies, or from the named file or Kubo node."""
        from registry.client.network_config import named_place
        from registry.client.vault_blocks import move_vault

        place = None if source is None else named_place(source)
        network = self.network  # its errors are told before a passphrase is asked for
        return move_vault(self.home, self.seed, network, place)

    @cached_property
    def notaries(self) -> Notaries:
        """The notaries that the configuration names, which may be none."""
        from registry.client.notary_config import open_notaries

        return open_notaries(self)

    @cached_property
    def wallets(self) -> Wallets:
        """The wallets that the configuration names."""
        return Wallets(self)

    def brand(self, account: str | None = None) -> Brand:
        """Open the brand, with the named wallet or the home's key file; ``account`` is the wanted signer, if known."""
        if account is not None and not self.wallets.are_named and not keyfiles.list_keys(self.home.keys):
            advice = "Use the brand's home (CONSENT_HOME), name its wallet, or make a key: `consent keys new main`."
            raise InvalidInput(f"{self.home.path} is a person's home: it has no key for the brand {account}", advice)
        return self._brand(self.wallets.chosen(account) or self.wallets.key_file())

    def reading_brand(self, controller: str) -> Brand:
        """Open a brand that signs and pays nothing: with its key file's address, or as ``controller`` without one."""
        own = keyfiles.list_keys(self.home.keys)
        address = self.home.account(self.wallets.key_name).address if own else controller
        return self._brand(AbsentWallet(address), pays=False)

    def _brand(self, wallet: Wallet, pays: bool = True) -> Brand:
        from registry.client.party import Brand
        from registry.core.crypto.seeds import owner_identity

        return Brand(**self._members(wallet, pays), identity=owner_identity(self.seed))

    def person(self, wallet: Wallet) -> Person:
        """Return the home's person with this wallet, and the payer of ``--sender``."""
        from registry.client.party import Person

        deliveries = self.home.deliveries(self.configuration.network_path)
        return Person(vault=self.vault(), tell=self.attendant.tell, deliveries=deliveries, **self._members(wallet))

    def _members(self, wallet: Wallet, pays: bool = True) -> dict[str, Any]:
        sender, notaries = (self.wallets.payer(wallet), self.notaries) if pays else (None, None)
        own = {"network": self.network, "wallet": wallet, "evidence": self.home.evidence}
        return own | {"sender": sender, "notaries": notaries}

    def person_for(self, request: Evidence, old: Evidence | None = None) -> Person:
        """Return the person who answers: with the account that signed ``old``, the named wallet, or the brand's own."""
        from registry.client.accounts import account_for
        from registry.client.confirm import open_confirmations

        controller = request.statement.message.controller
        if any(key.address == controller for key in keyfiles.list_keys(self.home.keys)):
            advice = "Use the person's home (CONSENT_HOME)."
            raise InvalidInput(f"{self.home.path} is the home of the brand that asks, {controller}", advice)
        # Only who answers asks a domain: what ends a grant must need nothing of that.
        asks = open_confirmations(self.home.confirmed, self.configuration.network_path)
        if old is not None:
            return replace(self.person_of(old), confirmations=asks)
        named = self.wallets.are_named and (self.wallets.chosen() or self.wallets.key_file())
        wallet = named or account_for(self.network, self.seed, self.vault(), controller)
        return replace(self.person(wallet), confirmations=asks)

    def person_of(self, evidence: Evidence, signs: bool = True) -> Person:
        """Return the person with the account that signed this grant; without ``signs``, any account will do."""
        if evidence.kind != "Grant":
            raise InvalidInput(f"this is a {evidence.kind}, not a Grant", "Only grants are ended or superseded.")
        needed, author = signs or self.wallets.pays_itself, evidence.author
        if self.wallets.are_named:
            wallet = self.wallets.chosen(author) or self.wallets.key_file() if needed else AbsentWallet(author)
            return self.person(wallet)
        own = self._own_wallet(evidence)
        if own is None and needed:
            advice = "Use the home that granted it, or name the wallet that did with --wallet."
            raise InvalidInput(f"the grant is of {author}, which is no account of this home", advice)
        return self.person(own or AbsentWallet(author))

    def _own_wallet(self, evidence: Evidence) -> Wallet | None:
        from registry.client.accounts import author_of

        if any(key.address == evidence.author for key in keyfiles.list_keys(self.home.keys)):
            return self.wallets.key_file(evidence.author)
        vault = self.vault()
        with self.attendant.working("looking for the account that signed it"):
            return author_of(self.seed, vault, self.home.evidence, evidence)

    def is_own(self, evidence: Evidence) -> bool:
        """Whether one side of it is of this home: its key files, its named wallet, its requests, or its seed."""
        from registry.client.accounts import made_lock

        message: Any = evidence.statement.message
        own = {key.address for key in keyfiles.list_keys(self.home.keys)}
        if self.wallets.are_named and (wallet := self.wallets.chosen()) is not None:
            own.add(wallet.address)
        # Anybody can name a grant of ours as their request, so only requests count.
        answers_ours = self.home.evidence.keeps_request(getattr(message, "request", ""))
        if own & {evidence.author, message.controller} or answers_ours:
            return True
        # The vault also notes the account, which it may not know after a recovery from words.
        return self._own_wallet(evidence) is not None or made_lock(self.vault(), evidence)

    def people(self, account: str | None) -> list[tuple[Person, str | None]]:
        """Return the person with each account that is to be ended, and the controller that knows it, if known.

        These are all accounts of the seed that brands know, or the one that ``account`` names, or the named wallet.
        Accounts that are left out are told to the person, who may believe that they are meant too.
        """
        from registry.client.accounts import known_accounts
        from registry.wallets.derived import account_for as derived

        if self.wallets.are_named and account is None:
            person = self.person(self.wallets.chosen() or self.wallets.key_file())
            seed: list[SeedAccount] = []
            with suppress(StorageUnavailable):
                seed = known_accounts(self.seed, self.vault(), self.home.evidence)
            self._tell_left_out([person.address], [each.address for each in seed])
            return [(person, None)]
        if account is not None:
            self.wallets.refuse_named()
        known = self._known(account)
        first = self.person(derived(self.seed, known[0].controller, known[0].generation))
        people: list[tuple[Person, str | None]] = []
        for each in known:
            wallet = derived(self.seed, each.controller, each.generation)
            sender = wallet if self.wallets.pays_itself else first.sender
            people.append((replace(first, wallet=wallet, sender=sender), each.controller))
        return people

    def _known(self, account: str | None) -> list[SeedAccount]:
        from registry.client.accounts import accounts_named, chosen_accounts, kept_accounts, known_accounts

        kept = self.home.evidence
        try:
            known = chosen_accounts(known_accounts(self.seed, self.vault(), kept), account)
        except StorageUnavailable as error:
            # The kill-switch must not wait for a store.
            known = [] if account is None else accounts_named(kept_accounts(self.seed, kept), account)
            if not known:
                advice = (
                    "Try again, or name an account or a brand with --account: for kept statements that needs no store."
                )
                raise StorageUnavailable(f"the list of accounts cannot be read: {error}", advice) from None
        if account is None:
            self._tell_left_out([each.address for each in known])
        if not known:
            raise InvalidInput("no account of this seed has signed anything yet", "Name other wallets with --wallet.")
        return known

    def _tell_left_out(self, meant: Collection[str], seed: Collection[str] = ()) -> None:
        from registry.client.accounts import granting_accounts

        names = {key.address: f"key:{key.name}" for key in keyfiles.list_keys(self.home.keys)}
        names |= dict.fromkeys(seed, "seed")
        granted = set[str]()
        try:
            granted = granting_accounts(self.vault(), self.home.evidence)
        except InvalidInput as error:
            # A damaged file must not keep anybody from ending everything.
            self.attendant.tell(f"Accounts may be left out: {error}. {error.advice}")
        if others := sorted({names.get(address, address) for address in (granted | set(names)) - set(meant)}):
            self.attendant.tell(f"Not included; name each of these with --wallet: {', '.join(others)}.")
