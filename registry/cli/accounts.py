"""Which account a person's command signs with: the seed's for that brand, or that of the wallet that was named."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from registry.cli.context import Session
from registry.cli.wallets import is_named, named_party, party, refuse_wallets, say_payer
from registry.core.errors import InvalidInput, StorageUnavailable

if TYPE_CHECKING:
    from registry.client.accounts import Known
    from registry.client.network import Party
    from registry.core.evidence.file import Evidence
    from registry.wallets.base import Wallet

Account = Annotated[
    str | None,
    typer.Option("--account", metavar="ADDRESS", help="One account of your seed: its address, or its brand's."),
]


class Signer(NamedTuple):
    """A party, and the controller that knows its account; None for a key file, and where that cannot be read."""

    party: Party
    controller: str | None


def party_for(session: Session, request: Evidence, old: Evidence | None = None) -> Party:
    """Who answers this request: the account that its brand knows, or that signed the grant which is superseded."""
    from registry.client.accounts import account_for

    if old is not None:
        return party_of(session, old)
    if is_named(session):
        return named_party(session)
    vault = session.vault()
    controller = request.statement.message.controller
    return party(session, account_for(session.network, session.seed, vault, controller))


def party_of(session: Session, evidence: Evidence, signs: bool = True) -> Party:
    """Whoever signed this grant: an account of the seed, a key file of this home, or the wallet that was named.

    What needs no signature (not ``signs``) needs no wallet either, where the account is none of the home's.
    """
    from registry.core.scalars import to_hex
    from registry.wallets.base import AbsentWallet

    if evidence.kind != "Grant":
        raise InvalidInput(f"this is a {evidence.kind}, not a Grant", "Only grants are ended or superseded.")
    needed = signs or session.words("sender") == "self"
    if is_named(session):
        return named_party(session, evidence.author) if needed else party(session, AbsentWallet(evidence.author))
    # What is kept here was signed since there is a map of the accounts; they are searched for another's file alone.
    searched = needed or to_hex(evidence.digest) not in session.home.digests()
    wallet = _own(session, evidence, session.network.clock() if searched else None)
    if wallet is None and needed:
        advice = "Use the home that granted it, or name the wallet that did with --wallet."
        raise InvalidInput(f"the grant is of {evidence.author}, which is no account of this home", advice)
    return party(session, wallet or AbsentWallet(evidence.author))


def _own(session: Session, evidence: Evidence, now: int | None) -> Wallet | None:
    from registry.client.accounts import author_of
    from registry.wallets import keyfiles

    if any(key.address == evidence.author for key in keyfiles.list_keys(session.home.keys)):
        return session.unlock(lambda p: keyfiles.open_key(session.home.keys, evidence.author, p))
    vault = session.vault()
    with session.out.working("looking for the account that signed it"):
        return author_of(session.seed, vault, evidence, now)


def signers(session: Session, account: str | None) -> list[Signer]:
    """All accounts of the seed that brands know, or those that are named; that of the wallet alone that was named."""
    from registry.wallets.derived import account as derived

    if is_named(session) and account is None:
        named = named_party(session)
        _name_others(session, [named.address], _seed_accounts(session))
        return [Signer(named, None)]
    if account is not None:
        refuse_wallets(session)
    known = _known(session, account)
    if account is None:
        _name_others(session, [one.address for one in known])
    first, itself = party(session, derived(session.seed, known[0].number)), session.words("sender") == "self"
    found = []
    for one in known:
        wallet = derived(session.seed, one.number)
        sender = wallet if itself else first.sender
        found.append(Signer(replace(first, wallet=wallet, sender=sender), one.controller or None))
    return found


def _known(session: Session, account: str | None) -> list[Known]:
    from registry.client.accounts import Known, chosen_accounts, known_accounts, number_of

    vault = session.vault()
    try:
        known = chosen_accounts(known_accounts(session.seed, vault), account)
    except StorageUnavailable as error:
        # The kill-switch does not wait for a store.
        number = None if account is None else number_of(session.seed, vault, account, session.network.clock())
        if account is None or number is None:
            advice = "Try again, or name one account by its address with --account: that needs no store."
            raise StorageUnavailable(f"which accounts there are cannot be read: {error}", advice) from None
        return [Known(number, account, "")]
    if not known:
        _name_others(session, ())
        raise InvalidInput("no account of this seed has signed anything yet", "Other wallets are named with --wallet.")
    return known


def _name_others(session: Session, own: Collection[str], seed: Collection[str] = ()) -> None:
    """What a person signed with other wallets is not ended with these accounts, and they may think so.

    ``seed`` are the accounts of the seed, where they are not meant.
    """
    from registry.client.accounts import granting_accounts
    from registry.wallets import keyfiles

    names = {key.address: f"key:{key.name}" for key in keyfiles.list_keys(session.home.keys)}
    names |= dict.fromkeys(seed, "seed")
    granted = granting_accounts(session.seed, (evidence for _, evidence in session.home.kept()))
    if others := sorted({names.get(address, address) for address in (granted | set(names)) - set(own)}):
        session.out.note(f"Not meant now, and each to be named with --wallet: {', '.join(others)}.")


def _seed_accounts(session: Session) -> list[str]:
    """The accounts of the seed that brands know; none where the store does not say, because nobody waits for that."""
    from registry.client.accounts import known_accounts

    with suppress(StorageUnavailable):
        return [one.address for one in known_accounts(session.seed, session.vault())]
    return []


def brand_names(session: Session) -> dict[str, str]:
    """What brands call themselves in the notices that are kept here, by their accounts."""
    notices = (evidence.parsed_notice for _, evidence in session.home.kept())
    return {notice.controller.account: notice.controller.name for notice in notices if notice is not None}


def say_account(session: Session, party: Party, controller: str) -> None:
    """Who will be seen, by whom: before a person agrees."""
    known = "an account of yours that only this brand knows"
    if is_named(session):
        others = _who_know(session, party.address, controller)
        if others:
            known = f"which {others} can recognise: you granted to them with it too"
        else:
            known = "a wallet that you named: all brands to which it signs see this same address"
    session.out.note(f"You sign as {party.address}, {known}.")
    say_payer(session, party)
    session.out.note("")


def _who_know(session: Session, account: str, controller: str) -> str:
    """The other brands that have this account's signature, by name."""
    messages = [evidence.statement.message for _, evidence in session.home.kept() if evidence.author == account]
    others = sorted({message.controller for message in messages} - {controller})
    names = brand_names(session) if others else {}
    return ", ".join(names.get(other, other) for other in others)
