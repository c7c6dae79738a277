"""Open the wallets that a configuration names: ``--wallet``, ``--as`` (a contract account) and ``--sender``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from registry.core.errors import InvalidInput
from registry.core.scalars import checksum
from registry.ledger.base import Payer, Sender, Submitter

if TYPE_CHECKING:
    from registry.client.session import Session
    from registry.present.summary import SigningSummary
    from registry.wallets.base import Owner, Wallet
    from registry.wallets.browser import BrowserWallet

_GRAMMAR = "Name browser, rpc:URL or key:NAME; browser:ADDRESS and rpc:URL#ADDRESS choose among its accounts."
MIN_PAGE_SECONDS, MAX_PAGE_SECONDS = 1, 86_400


@dataclass(frozen=True)
class Wallets:
    """The wallets of one session, and the browser pages that they opened."""

    session: Session
    pages: list[BrowserWallet] = field(default_factory=list)

    @property
    def named(self) -> tuple[str, ...]:
        """The wallets that were named, from the strongest place; () where the accounts of the seed sign."""
        flags, text = self.session.configuration.flags, self.session.configuration.text
        if flags.get("wallets") and flags.get("key"):
            raise InvalidInput("--wallet cannot be combined with --key", "Name key files with --wallet key:NAME too.")
        if flags.get("wallets"):
            found = tuple(flags["wallets"])
        elif not flags.get("key") and (wallet := text("wallet")):
            found = (wallet,)
        else:
            found = () if (key := text("key")) is None else (f"key:{key}",)
        return () if found == ("seed",) else found

    @property
    def are_named(self) -> bool:
        """True where a named wallet signs, and not an account of the seed."""
        return bool(self.named) or self.session.configuration.flags.get("contract") is not None

    @property
    def key_name(self) -> str:
        """The home's own key file: a name or an address."""
        return self.session.configuration.text("key") or "main"

    @property
    def pays_itself(self) -> bool:
        """True where the account that signs shall pay too (``--sender self``)."""
        return self.session.configuration.text("sender") == "self"

    def chosen(self, account: str | None = None, chain_id: int | None = None) -> Wallet | None:
        """Open the named wallet: on this chain or the network's, for this signer if known; None if the seed signs."""
        names, contract = self.named, self.session.configuration.flags.get("contract")
        if contract is not None:
            return self._contract(typed_address(contract), [self._open(name, None, chain_id) for name in names])
        if len(names) > 1:
            advice = "Name one; with --as several sign together for a contract account."
            raise InvalidInput(f"{len(names)} wallets are named, and only one can sign", advice)
        return self._open(names[0], account, chain_id) if names else None

    def key_file(self, name: str = "") -> Owner:
        """Open a key file of the home: by name or address, or the home's own."""
        from registry.wallets import keyfiles

        keys, wanted = self.session.home.keys, name or self.key_name
        is_light = keyfiles.is_light(keys, wanted)
        return self.session.attendant.unlock(lambda phrase: keyfiles.open_key(keys, wanted, phrase), is_light)

    def payer(self, wallet: Wallet) -> Payer | None:
        """Open the wallet that pays: ``self`` is the one that signs, None the network's relay."""
        name = self.session.configuration.text("sender")
        if not name or name == "relay":
            return None
        found: object = wallet
        if name != "self":
            is_wallet = name in ("browser", "rpc") or ":" in name
            found = self._open(name) if is_wallet else self.key_file(name)
        if not isinstance(found, Sender | Submitter):
            raise InvalidInput("this account has no key that could pay", "Name another one with --sender.")
        return found

    def refuse_named(self) -> None:
        """``InvalidInput`` where a flag names a wallet, for commands that act for an account of the seed."""
        if any(self.session.configuration.flags.get(name) for name in ("wallets", "key", "contract")):
            advice = "Leave one of them out: --account names an account of your seed."
            raise InvalidInput("--account cannot be combined with --wallet, --key or --as", advice)

    def ask_on_pages(self, *wallets: Wallet) -> bool:
        """True where pages ask the owners of all these wallets, so that the terminal need not ask again."""
        owners = [owner for wallet in wallets for owner in getattr(wallet, "owners", (wallet,))]
        return bool(owners) and all(owner in self.pages for owner in owners)

    def show(self, summary: SigningSummary) -> None:
        """Show on all pages what is signed or paid for next."""
        for page in self.pages:
            page.show(summary)

    def _contract(self, address: str, owners: list[Owner]) -> Wallet:
        from registry.wallets.contract import contract_wallet

        rpc_url = self.session.configuration.settings.rpc_url
        if rpc_url is None:
            raise InvalidInput("contract accounts need a node, and none is named", "Add --rpc-url URL.")
        return contract_wallet(rpc_url, address, owners or [self.key_file()])

    def _open(self, name: str, account: str | None = None, chain_id: int | None = None) -> Owner:
        kind, _, rest = name.partition(":")
        if kind == "browser":
            return self._browser(typed_address(rest) if rest else account, chain_id)
        if kind == "rpc":
            return self._rpc(rest, account)
        if kind == "key":
            return self.key_file(rest)
        raise InvalidInput(f"there is no wallet {name[:80]!r}", _GRAMMAR)

    def _rpc(self, rest: str, account: str | None) -> Owner:
        """Open the wallet at the URL, or the accounts of the configured node."""
        from registry.wallets.rpc import open_wallet

        url, _, named_account = rest.partition("#")
        url = url or self.session.configuration.settings.rpc_url or ""
        if not url:
            raise InvalidInput("no URL is named, and no node is configured", "Write rpc:URL.")
        return open_wallet(url, typed_address(named_account) if named_account else account)

    def _browser(self, account: str | None, chain_id: int | None) -> Owner:
        from registry.wallets.browser import SECONDS, BrowserWallet

        url = self.session.configuration.settings.rpc_url
        if chain_id is not None:
            url = None  # the configured node may be on another chain, and the wallet must not follow it there
        elif url is None:
            advice = "Use `consent devnet`, or name a node with --rpc-url."
            raise InvalidInput("a browser's wallet cannot reach the embedded chain, which is in this process", advice)
        else:
            chain_id = self.session.network.domain.chain_id
        seconds = page_seconds(self.session.configuration.value("page_seconds"), SECONDS)
        note = self.session.attendant.tell_on_page
        page = BrowserWallet(chain_id, note=note, account=account, rpc_url=url, seconds=seconds)
        self.pages.append(page)
        self.session.closing.enter_context(page)
        return page


def page_seconds(given: Any, default: float) -> float:
    """Return how long a page waits for its answer; ``InvalidInput`` for a setting outside 1 to 86,400 seconds."""
    try:
        seconds = float(default if given is None else given)
    except (TypeError, ValueError):
        seconds = 0.0
    if not MIN_PAGE_SECONDS <= seconds <= MAX_PAGE_SECONDS:
        raise InvalidInput(f"page_seconds is {str(given)[:40]!r}", "Choose 1 to 86,400 seconds.")
    return seconds


def typed_address(text: str) -> str:
    """Return the checksummed address that a person typed; a typing mistake must not name another account."""
    if re.fullmatch(r"0x[0-9a-fA-F]{40}", text) is None:
        raise InvalidInput(f"{text!r} is not an address", "Write 0x and 40 hex digits.")
    right = checksum(bytes.fromhex(text[2:]))
    if text[2:] not in (text[2:].lower(), text[2:].upper()) and text != right:
        raise InvalidInput(f"{text} has a wrong checksum", "Copy the address again.")
    return right
