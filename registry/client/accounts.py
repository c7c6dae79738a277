"""The accounts of a seed: one for each controller, so that two controllers cannot compare addresses."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple

from registry.client.evidence_store import EvidenceStore
from registry.client.network import Network
from registry.core.crypto.revocation import lock_of
from registry.core.crypto.signatures import recover_address
from registry.core.errors import InvalidInput, StorageUnavailable
from registry.core.evidence.file import Evidence
from registry.core.scalars import unhex
from registry.core.statements.messages import Grant
from registry.vault.vault import Vault
from registry.wallets import derived
from registry.wallets.base import Wallet
from registry.wallets.keywallet import KeyWallet


class SeedAccount(NamedTuple):
    """An account that was given to a controller: its number, its address, that controller's address."""

    number: int
    address: str
    controller: str


class _BrandAccount:
    """An account for one controller. It refuses a statement that names another controller.

    The vault notes the account just before its first signature. So a person who says no uses up no number, and if
    two processes choose the same number for different controllers, only one of them signs.
    """

    def __init__(self, wallet: KeyWallet, vault: Vault, number: int, controller: str) -> None:
        self._wallet, self._vault, self._number, self._controller = wallet, vault, number, controller

    @property
    def address(self) -> str:
        return self._wallet.address

    def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
        if typed_data["message"].get("controller", self._controller) != self._controller:
            advice = "Answer each brand with the account for that brand."
            raise InvalidInput(f"this account is for {self._controller} alone", advice)
        self._vault.claim(self._number, self._controller)
        return self._wallet.sign_typed_data(typed_data)

    def sign_transaction(self, tx: dict[str, Any]) -> bytes:
        self._vault.claim(self._number, self._controller)
        return self._wallet.sign_transaction(tx)


def account_for(network: Network, seed: bytes, vault: Vault, controller: str) -> Wallet:
    """Return the account that this controller knows, or a new one if there is none or it was retired."""
    number = vault.number_for(controller)
    wallet = derived.account(seed, number)
    if number != vault.next_number() and network.is_retired(wallet.address):
        number = vault.next_number()
        wallet = derived.account(seed, number)
    return _BrandAccount(wallet, vault, number, controller)


def known_accounts(seed: bytes, vault: Vault) -> list[SeedAccount]:
    """Return all accounts that controllers know, in the order of their numbers."""
    known = vault.index().accounts
    return [SeedAccount(each.number, derived.account(seed, each.number).address, each.controller) for each in known]


def author_of(seed: bytes, vault: Vault, evidence: Evidence, now: int | None) -> KeyWallet | None:
    """Return the account of the seed that signed this grant or refusal, or None.

    After a recovery from words alone, likely numbers until ``now`` (unix seconds, or None) are tried, and a hit noted.
    """
    if (number := number_of(seed, vault, evidence.author, now)) is None:
        return None
    # Note nothing for an unsigned file: a brand could obtain another brand's account with it.
    if recover_address(evidence.digest, evidence.signature_bytes) == unhex(evidence.author):
        with suppress(StorageUnavailable):
            vault.claim(number, evidence.statement.message.controller)
    return derived.account(seed, number)


def number_of(seed: bytes, vault: Vault, address: str, now: int | None) -> int | None:
    """Return the number of the account with this address: from the map, or by trying likely ones until ``now``."""
    # An ending must not wait for a store.
    with suppress(StorageUnavailable):
        for known in known_accounts(seed, vault):
            if known.address == address:
                return known.number
    return None if now is None else derived.find(seed, address, derived.likely_numbers(now))


def chosen_accounts(accounts: list[SeedAccount], named: str | None) -> list[SeedAccount]:
    """Return the accounts with this address, their own or their controller's; all of them for None."""
    if named is None:
        return accounts
    found = [known for known in accounts if named.lower() in (known.address.lower(), known.controller.lower())]
    if not found:
        what = f"{named[:80]!r} is neither an account of this seed nor a controller that knows one"
        raise InvalidInput(what, "See `consent keys list`.")
    return found


def granting_accounts(vault: Vault, kept: EvidenceStore) -> set[str]:
    """Return the accounts, of the seed or of other wallets, that signed kept grants which this vault can end."""
    return {evidence.author for evidence in kept.all() if made_lock(vault, evidence)}


def made_lock(vault: Vault, evidence: Evidence) -> bool:
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
