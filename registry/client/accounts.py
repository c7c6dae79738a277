"""Which account of the seed signs: one for each controller, so that two of them cannot compare addresses."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any, NamedTuple

from registry.client.network import Network
from registry.core.crypto.revocation import lock_of, revocation_secret
from registry.core.crypto.signatures import recover_address
from registry.core.errors import InvalidInput, StorageUnavailable
from registry.core.evidence.file import Evidence
from registry.core.facts import ZERO, FactQuery
from registry.core.scalars import MAX_SAFE_INTEGER, unhex
from registry.core.statements.messages import Grant
from registry.vault.vault import Vault
from registry.wallets import derived
from registry.wallets.base import Wallet
from registry.wallets.keywallet import KeyWallet


class Known(NamedTuple):
    """An account that was given to a controller: its number, its address, that controller's address."""

    number: int
    address: str
    controller: str


class _ForOne:
    """An account for one controller: it signs nothing that names another, and is noted before its first use.

    So a person who says no uses up no number, and of two processes that took the same one for different
    controllers, one signs and the other is told.
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
    """The account that signs towards this controller: the one that it knows, or a new one; new too where that
    one was retired."""
    number = vault.number_for(controller)
    wallet = derived.account(seed, number)
    if number != vault.next_number() and _is_retired(network, wallet.address):
        number = vault.next_number()
        wallet = derived.account(seed, number)
    return _ForOne(wallet, vault, number, controller)


def known_accounts(seed: bytes, vault: Vault) -> list[Known]:
    """All accounts that controllers know, in the order of their numbers."""
    places = [(account.number, account.controller) for account in vault.index().accounts]
    return [Known(number, derived.account(seed, number).address, controller) for number, controller in places]


def author_of(seed: bytes, vault: Vault, evidence: Evidence, now: int | None) -> KeyWallet | None:
    """The account of the seed that signed this grant or refusal, if one did; ``now`` in unix seconds.

    Where the map does not have it, as after a recovery from words alone, the likely numbers are tried and what is
    found is noted: the statement's signature proves which controller knows it. None for ``now`` tries none.
    """
    number = number_of(seed, vault, evidence.author, now)
    if number is None:
        return None
    # A file that nobody signed notes nothing: with it one brand could get the account of another.
    if recover_address(evidence.digest, evidence.signature_bytes) == unhex(evidence.author):
        with suppress(StorageUnavailable):
            vault.claim(number, evidence.statement.message.controller)
    return derived.account(seed, number)


def number_of(seed: bytes, vault: Vault, address: str, now: int | None) -> int | None:
    """The number of the account with this address: by the map, else by trying the likely ones until ``now``.

    It needs no store: whoever wants to end something must not wait for one.
    """
    with suppress(StorageUnavailable):
        for known in known_accounts(seed, vault):
            if known.address == address:
                return known.number
    return None if now is None else derived.find(seed, address, derived.likely_numbers(now))


def chosen_accounts(accounts: list[Known], named: str | None) -> list[Known]:
    """Those that are named by their own address or by that of their controller; all of them where none is named."""
    if named is None:
        return accounts
    found = [known for known in accounts if named.lower() in (known.address.lower(), known.controller.lower())]
    if not found:
        what = f"{named[:80]!r} is neither an account of this seed nor a controller that knows one"
        raise InvalidInput(what, "See `consent keys list`.")
    return found


def granting_accounts(seed: bytes, kept: Iterable[Evidence]) -> set[str]:
    """Who signed those of these grants that this seed can end: its own accounts, and the person's other wallets."""
    grants = [e.statement.message for e in kept if isinstance(e.statement.message, Grant)]
    return {grant.subject for grant in grants if lock_of(revocation_secret(seed, grant.salt)) == grant.revocation}


def _is_retired(network: Network, address: str) -> bool:
    question = FactQuery(ZERO, address)
    return network.ledger.facts([question]).anchors[question].cutoff > MAX_SAFE_INTEGER
