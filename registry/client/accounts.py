"""The accounts of a seed: one for each controller, so that two controllers cannot compare addresses."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.client.evidence_store import EvidenceStore
from registry.client.network import Network
from registry.core.crypto.revocation import lock_of
from registry.core.errors import InvalidInput, StorageUnavailable
from registry.core.evidence.file import Evidence
from registry.core.scalars import to_hex
from registry.core.statements.messages import Grant
from registry.wallets import derived
from registry.wallets.base import Wallet
from registry.wallets.keywallet import KeyWallet

if TYPE_CHECKING:
    from registry.vault.owner import OwnerSide

# After so many accounts of a controller without kept evidence, no later one is looked for.
MAX_GAP = 8


class SeedAccount(NamedTuple):
    """An account that a controller knows: that controller's address, the account's generation and its address."""

    controller: str
    generation: int
    address: str


class _BrandAccount:
    """An account for one controller. It refuses a statement that names another controller.

    The vault notes the account just before its first signature, so that `known_accounts` lists it whatever happens to
    what it signs.
    """

    def __init__(self, wallet: KeyWallet, vault: OwnerSide, controller: str, generation: int) -> None:
        self._wallet, self._vault, self._controller, self._generation = wallet, vault, controller, generation

    @property
    def address(self) -> str:
        return self._wallet.address

    def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
        if typed_data["message"].get("controller", self._controller) != self._controller:
            advice = "Answer each brand with the account for that brand."
            raise InvalidInput(f"this account is for {self._controller} alone", advice)
        self._vault.note_account(self._controller, self._generation)
        return self._wallet.sign_typed_data(typed_data)

    def sign_transaction(self, tx: dict[str, Any]) -> bytes:
        self._vault.note_account(self._controller, self._generation)
        return self._wallet.sign_transaction(tx)


def account_for(network: Network, seed: bytes, vault: OwnerSide, controller: str) -> Wallet:
    """Return the account for this controller: the first one that the chain does not show as retired."""
    for generation, wallet in enumerate(derived.accounts_for(seed, controller)):
        if not network.is_retired(wallet.address):
            return _BrandAccount(wallet, vault, controller, generation)
    what = f"all {derived.GENERATIONS} accounts for {controller} were retired"
    raise InvalidInput(what, "Sign with another wallet: --wallet.")


def known_accounts(seed: bytes, vault: OwnerSide, kept: EvidenceStore) -> list[SeedAccount]:
    """Return all accounts that controllers know: those that the vault noted, and those that signed kept evidence."""
    noted = [
        SeedAccount(
            each.controller, each.generation, derived.account_for(seed, each.controller, each.generation).address
        )
        for each in vault.accounts()
    ]
    return sorted([*noted, *kept_accounts(seed, kept, {each.address for each in noted})])


def kept_accounts(seed: bytes, kept: EvidenceStore, besides: Collection[str] = ()) -> list[SeedAccount]:
    """Return the accounts of the seed that signed kept evidence, but those ``besides``. That needs no store."""
    authors: dict[str, set[str]] = {}
    # A damaged file must not keep anybody from ending everything.
    with suppress(InvalidInput):
        for entry in kept.entries().values():
            if entry.author not in (entry.controller, *besides):
                authors.setdefault(entry.controller, set()).add(entry.author)
    return [found for controller, its in authors.items() for found in _accounts_among(seed, controller, its)]


def _accounts_among(seed: bytes, controller: str, authors: set[str]) -> Iterator[SeedAccount]:
    # Brands keep statements of many strangers, and people those of other wallets, so the search ends early.
    left, gap = set(authors), 0
    for generation, wallet in enumerate(derived.accounts_for(seed, controller)):
        gap = 0 if wallet.address in left else gap + 1
        if gap == 0:
            left.remove(wallet.address)
            yield SeedAccount(controller, generation, wallet.address)
        if not left or gap == MAX_GAP:
            return


def author_of(seed: bytes, vault: OwnerSide, kept: EvidenceStore, evidence: Evidence) -> KeyWallet | None:
    """Return the account of the seed that signed this grant or refusal, or None. That needs no store.

    The file names the controller, and so it leads to the account after a recovery from words alone. The vault notes
    the account where the file is not kept.
    """
    controller = evidence.statement.message.controller
    generation = derived.generation_of(seed, controller, evidence.author)
    if generation is None:
        return None
    if to_hex(evidence.digest) not in kept.digests():
        with suppress(StorageUnavailable):
            vault.note_account(controller, generation)
    return derived.account_for(seed, controller, generation)


def chosen_accounts(accounts: list[SeedAccount], named: str | None) -> list[SeedAccount]:
    """Return the accounts with this address, their own or their controller's; all of them for None."""
    if named is None:
        return accounts
    if not (found := accounts_named(accounts, named)):
        what = f"{named[:80]!r} is neither an account of this seed nor a controller that knows one"
        raise InvalidInput(what, "See `consent keys list`.")
    return found


def accounts_named(accounts: list[SeedAccount], named: str) -> list[SeedAccount]:
    """Return the accounts with this address, their own or their controller's."""
    return [known for known in accounts if named.lower() in (known.address.lower(), known.controller.lower())]


def granting_accounts(vault: OwnerSide, kept: EvidenceStore) -> set[str]:
    """Return the accounts, of the seed or of other wallets, that signed kept grants which this vault can end."""
    return {evidence.author for evidence in kept.all() if made_lock(vault, evidence)}


def made_lock(vault: OwnerSide, evidence: Evidence) -> bool:
    """Whether this is a grant that the vault can end."""
    grant = evidence.statement.message
    return isinstance(grant, Grant) and lock_of(vault.revocation_secret(grant.salt)) == grant.revocation


def brand_names(kept: EvidenceStore) -> dict[str, str]:
    """Return the names that brands give themselves in kept notices, by their accounts."""
    return {entry.controller: entry.brand for entry in kept.entries().values() if entry.brand}


def brands_that_know(kept: EvidenceStore, account: str, besides: str) -> list[str]:
    """Return the names of the other brands that have a statement signed by this account."""
    entries = [entry for entry in kept.entries().values() if entry.author == account]
    return sorted({entry.brand or entry.controller for entry in entries if entry.controller != besides})
