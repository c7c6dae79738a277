"""Which account a person's command signs with: the seed's for that brand, or a key file that ``--key`` names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from registry.cli.session import Session
from registry.core.errors import InvalidInput, StorageUnavailable

if TYPE_CHECKING:
    from registry.client.accounts import Known
    from registry.client.parties import Party
    from registry.core.evidence import Evidence

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

    if session.names_key:
        return session.party()
    if old is not None:
        return party_of(session, old)
    vault = session.vault()
    controller = request.statement.message.controller
    return session.party(account_for(session.network, session.seed, vault, controller))


def party_of(session: Session, evidence: Evidence) -> Party:
    """Whoever signed this grant: an account of the seed, or a key file of this home."""
    from registry.client.accounts import author_of
    from registry.wallets import keyfiles

    if evidence.kind != "Grant":
        raise InvalidInput(f"this is a {evidence.kind}, not a Grant", "Only grants are ended or superseded.")
    if session.names_key:
        return session.party()
    if any(key.address == evidence.author for key in keyfiles.list_keys(session.home.keys)):
        return session.party(session.unlock(lambda p: keyfiles.open_key(session.home.keys, evidence.author, p)))
    vault = session.vault()
    with session.out.working("looking for the account that signed it"):
        wallet = author_of(session.seed, vault, evidence, session.network.clock())
    if wallet is None:
        advice = "Use the home that granted it, or name the key file that did with --key."
        raise InvalidInput(f"the grant is of {evidence.author}, which is no account of this home", advice)
    return session.party(wallet)


def signers(session: Session, account: str | None) -> list[Signer]:
    """All accounts of the seed that brands know, or those that are named; the key file alone that ``--key`` names."""
    from registry.wallets.derived import account as derived

    if session.names_key and account is None:
        return [Signer(session.party(), None)]
    known = _known(session, account)
    if account is None:
        _name_key_files(session)
    party, itself = session.party(derived(session.seed, known[0].number)), session.words("sender") == "self"
    found = []
    for one in known:
        wallet = derived(session.seed, one.number)
        payer = wallet if itself else party.sender
        found.append(Signer(replace(party, wallet=wallet, sender=payer), one.controller or None))
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
        raise InvalidInput("no account of this seed has signed anything yet", "Key files are named with --key.")
    return known


def _name_key_files(session: Session) -> None:
    from registry.wallets import keyfiles

    if names := ", ".join(key.name for key in keyfiles.list_keys(session.home.keys)):
        session.out.note(f"Key files are not among them, each is named with --key: {names}.")


def brand_names(session: Session) -> dict[str, str]:
    """What brands call themselves in the notices that are kept here, by their accounts."""
    notices = (evidence.parsed_notice for _, evidence in session.home.kept())
    return {notice.controller.account: notice.controller.name for notice in notices if notice is not None}
