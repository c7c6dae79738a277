"""Which wallet signs: ``--wallet`` names it, and ``--as`` the contract account whose owners the wallets are."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from registry.cli.context import Session
from registry.core.errors import InvalidInput

if TYPE_CHECKING:
    from registry.client.network import Party
    from registry.ledger.base import Payer
    from registry.present.summary import SigningSummary
    from registry.wallets.base import Owner, Wallet

Wallets = Annotated[
    list[str] | None,
    typer.Option("--wallet", metavar="WALLET", help="Sign with browser, rpc:URL or key:NAME; see `consent wallets`."),
]
Contract = Annotated[
    str | None,
    typer.Option("--as", metavar="ADDRESS", help="Sign as this contract account; --wallet names its owners, repeat."),
]
_GRAMMAR = "Name browser, rpc:URL or key:NAME; browser:ADDRESS and rpc:URL#ADDRESS choose among its accounts."


def named(session: Session) -> tuple[str, ...]:
    """The wallets that were named, the strongest place first; () where the accounts of the seed sign."""
    flags = session.flags
    if flags.get("wallets") and flags.get("key"):
        raise InvalidInput("--wallet and --key both say who signs", "Name key files with --wallet key:NAME too.")
    if flags.get("wallets"):
        found = tuple(flags["wallets"])
    elif flags.get("key"):
        found = (f"key:{flags['key']}",)
    elif wallet := session.words("wallet"):
        found = (wallet,)
    else:
        key = session.words("key")
        found = () if key is None else (f"key:{key}",)
    return () if found == ("seed",) else found


def is_named(session: Session) -> bool:
    """Does a wallet sign that was named, and not an account of the seed?"""
    return bool(named(session)) or session.flags.get("contract") is not None


def chosen(session: Session, account: str | None = None, chain_id: int | None = None) -> Wallet | None:
    """The wallet that was named, open; None where the accounts of the seed sign.

    ``account`` is whose signature is wanted, where that is known; ``chain_id`` the network's unless it is given.
    """
    names, contract = named(session), session.flags.get("contract")
    if contract is not None:
        return _contract(session, typed_address(contract), [_open(session, name, None, chain_id) for name in names])
    if len(names) > 1:
        advice = "Name one; with --as several sign together for a contract account."
        raise InvalidInput(f"{len(names)} wallets are named, and one signs", advice)
    return _open(session, names[0], account, chain_id) if names else None


def party(session: Session, wallet: Wallet) -> Party:
    """The home's party with this wallet, and the payer of ``--sender``."""
    from registry.client.network import Party

    vault = session.vault()
    return Party(session.network, wallet, vault, session.seed, payer(session, wallet))


def named_party(session: Session, account: str | None = None) -> Party:
    """The party with the wallet that was named, or else the home's key file; for ``account``, where it is known."""
    return party(session, chosen(session, account) or key_wallet(session))


def key_wallet(session: Session, name: str = "") -> Owner:
    """A key file of the home, open: that of this name, or the home's own."""
    from registry.wallets import keyfiles

    return session.unlock(lambda phrase: keyfiles.open_key(session.home.keys, name or session.key_name, phrase))


def reading_party(session: Session, controller: str) -> Party:
    """The party that signs and pays nothing: with its key file's address, or ``controller`` where it has none."""
    from registry.client.network import Party
    from registry.wallets import keyfiles
    from registry.wallets.base import AbsentWallet

    own = keyfiles.list_keys(session.home.keys)
    address = session.home.account(session.key_name).address if own else controller
    vault = session.vault()
    return Party(session.network, AbsentWallet(address), vault, session.seed)


def payer(session: Session, wallet: Wallet) -> Payer | None:
    """Who pays: a wallet, ``self`` for the one that signs, or None for the network's relay."""
    from registry.ledger.base import Sender, Submitter

    name = session.words("sender")
    if not name or name == "relay":
        return None
    found: object = wallet
    if name != "self":
        found = _open(session, name) if _names_wallet(name) else key_wallet(session, name)
    if not isinstance(found, Sender | Submitter):
        raise InvalidInput("this account has no key that could pay", "Name another one with --sender.")
    return found


def is_asked_on_page(session: Session, *wallets: Wallet) -> bool:
    """Do pages ask the person, those of all who sign with these? Then the terminal does not ask a second time."""
    owners = [owner for wallet in wallets for owner in getattr(wallet, "owners", (wallet,))]
    return bool(owners) and all(owner in session.pages for owner in owners)


def say_payer(session: Session, party: Party) -> None:
    """Who will be seen as paying: before a person agrees, whatever it is that they agree to."""
    if party.sender is not None:
        session.out.note(f"Openly: the address {party.sender.address} pays, and will be seen on the chain for ever.")


def refuse_wallets(session: Session) -> None:
    """For what the seed's accounts do: ``InvalidInput`` where a flag names another wallet; settings give way."""
    if any(session.flags.get(name) for name in ("wallets", "key", "contract")):
        advice = "Leave one of them out: --account is one of your seed's."
        raise InvalidInput("--account and --wallet, --key or --as say two things about who signs", advice)


def show(session: Session, words: SigningSummary) -> None:
    """What the pages show before the next thing is signed; those that only pay show what is paid for."""
    for page in session.pages:
        page.show(words)


def typed_address(text: str) -> str:
    """The checksummed address; a typing mistake must not come out as somebody else's."""
    from registry.core.scalars import checksum

    if re.fullmatch(r"0x[0-9a-fA-F]{40}", text) is None:
        raise InvalidInput(f"{text!r} is not an address", "Write 0x and 40 hex digits.")
    right = checksum(bytes.fromhex(text[2:]))
    if text[2:] not in (text[2:].lower(), text[2:].upper()) and text != right:
        raise InvalidInput(f"{text} has a wrong checksum", "Copy the address again.")
    return right


def _names_wallet(name: str) -> bool:
    return name in ("browser", "rpc") or ":" in name


def _contract(session: Session, address: str, owners: list[Owner]) -> Wallet:
    from registry.wallets.contract import contract_wallet

    if session.settings.rpc_url is None:
        raise InvalidInput("contract accounts need a node, and none is named", "Add --rpc-url URL.")
    owners = owners or [key_wallet(session)]
    return contract_wallet(session.settings.rpc_url, address, owners)


def _open(session: Session, name: str, account: str | None = None, chain_id: int | None = None) -> Owner:
    kind, _, rest = name.partition(":")
    if kind == "browser":
        return _browser(session, typed_address(rest) if rest else account, chain_id)
    if kind == "rpc":
        return _rpc(session, rest, account)
    if kind == "key":
        return key_wallet(session, rest)
    raise InvalidInput(f"there is no wallet {name[:80]!r}", _GRAMMAR)


def _rpc(session: Session, rest: str, account: str | None) -> Owner:
    """The wallet at the URL, or what the configured node holds itself."""
    from registry.wallets.rpc import open_wallet

    url, _, named_account = rest.partition("#")
    url = url or session.settings.rpc_url or ""
    if not url:
        raise InvalidInput("no URL is named, and no node is configured", "Write rpc:URL.")
    return open_wallet(url, typed_address(named_account) if named_account else account)


def _browser(session: Session, account: str | None, chain_id: int | None) -> Owner:
    from registry.wallets.browser import SECONDS, BrowserWallet

    url = session.settings.rpc_url
    if chain_id is None:
        if url is None:
            advice = "Use `consent devnet`, or name a node with --rpc-url."
            raise InvalidInput("no wallet in a browser reaches the embedded chain, which is in this process", advice)
        chain_id = session.network.domain.chain_id
    else:
        url = None  # the node's chain may be another: a wallet must not be led there in the name of this one
    page = BrowserWallet(
        chain_id,
        note=_noted(session),
        account=account,
        rpc_url=url,
        seconds=_seconds(session, SECONDS),
    )
    session.pages.append(page)
    session.ending.enter_context(page)
    return page


def _noted(session: Session) -> Callable[[str], None]:
    def note(line: str) -> None:
        with session.out.paused():
            session.out.note(line)
        session.out.progress("waiting for you in the browser")

    return note


def _seconds(session: Session, default: float) -> float:
    """``page_seconds``: how long a page waits for its answer."""
    given = session.setting("page_seconds")
    if given is None:
        return default
    try:
        seconds = float(given)
    except (TypeError, ValueError):
        seconds = 0.0
    if not 1 <= seconds <= 86_400:
        raise InvalidInput(f"page_seconds is {str(given)[:40]!r}", "Choose 1 to 86,400 seconds.")
    return seconds
