"""``revoke``, ``revoke-all``, ``retire``: how a person ends what they allowed."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli.accounts import Account, Signer, party_of, signers
from registry.cli.app import PEOPLE, Depth, Key, Sender, Yes, app, command
from registry.cli.context import Session, ask_yes, noting
from registry.cli.receipts import receipt_json, receipt_rows
from registry.cli.wallets import Contract, Wallets, is_asked_on_page, say_payer, show
from registry.core.errors import ConsentError, CouldNotCheck, InvalidInput, Rejected
from registry.present.text import table

if TYPE_CHECKING:
    from registry.client.network import Party
    from registry.ledger.base import Receipt


@command(app, "revoke", "consent revoke 0x3f9a2c", panel=PEOPLE)
def revoke(
    session: Session,
    file: Annotated[str, typer.Argument(metavar="GRANT", help="Its digest (the first digits do) or its file.")],
    openly: Annotated[
        bool, typer.Option("--open", help="With the account's signature, not the secret; the address is seen.")
    ] = False,
    wallets: Wallets = None,
    contract: Contract = None,
    key: Key = None,
    sender: Sender = None,
    depth: Depth = None,
    yes: Yes = False,
) -> None:
    """End one grant, at once.

    In private by default: the chain learns neither who nor what, and nobody needs to agree.
    """
    from registry.client import revoke
    from registry.core.evidence.file import parse_evidence
    from registry.present.summary import summary_of_ending

    evidence = parse_evidence(session.home.find(file))
    party, kept = party_of(session, evidence, signs=openly), session.home.digests()
    revoke.check_subject(party, evidence, kept)
    session.say_place()
    show(session, summary_of_ending("Revoke", evidence))
    if openly:
        said = f"Openly: the address {party.address} will be seen on the chain, for ever, as having revoked."
        _warn(session, [party], said, yes)
    elif party.sender is not None:
        say_payer(session, party)
        _agree(yes)
    end = revoke.revoke_openly if openly else revoke.revoke
    with session.out.working("revoking"):
        receipt = end(party, evidence, kept)
    message: Any = evidence.statement.message
    _finish(session, party, receipt, ("Revoked", "the grant has ended"), set(message.data))


@command(app, "revoke-all", "consent revoke-all", panel=PEOPLE)
def revoke_all(
    session: Session,
    account: Account = None,
    wallets: Wallets = None,
    contract: Contract = None,
    key: Key = None,
    sender: Sender = None,
    depth: Depth = None,
    yes: Yes = False,
) -> None:
    """The kill-switch: end everything that your accounts issued until now.

    All accounts of your seed, one transaction each, or the one that --account names; with --wallet, that wallet's
    account alone. The addresses will be seen on the chain; you are asked first.
    """
    from registry.present.summary import summary_of_ending

    found = signers(session, account)
    session.say_place()
    show(session, summary_of_ending("RevokeAll"))
    _warn_of_all(session, found, yes)
    ended, failed = _revoke_all(session, found)
    if ended:
        renewed = _renew(session, found[0].party, None)
        document = {"ended": "All revoked", "accounts": [_ended_json(*one) for one in ended], "renewed": renewed}
        told = [row for signer, receipt in ended for row in (_told(signer), *receipt_rows(receipt))]
        session.out.result(document, table([*told, *_renewed_row(renewed)]))
    if failed:
        raise failed[0]


def _revoke_all(session: Session, found: list[Signer]) -> tuple[list[tuple[Signer, Receipt]], list[ConsentError]]:
    """Whose all has ended, and what kept the others: one that fails does not keep the rest."""
    from registry.client import revoke

    ended, failed = [], []
    for signer in found:
        address = signer.party.address
        try:
            with session.out.working(f"revoking all of {address}"):
                ended.append((signer, revoke.revoke_all(signer.party)))
        except ConsentError as error:
            # What cannot be checked may have been sent.
            what = "Not known to have ended" if isinstance(error, CouldNotCheck) else "Not ended"
            session.out.note(f"{what}: {address}: {error}")
            failed.append(error)
        except BaseException as error:
            for done, _ in ended:
                error.add_note(f"All revoked: {done.party.address}")
            error.add_note(f"Not known to have ended: {address}. Run it again for that and the rest.")
            raise
    return ended, failed


def _told(signer: Signer) -> tuple[str, str]:
    return "All revoked", f"whatever {signer.party.address} issued until now has ended"


def _ended_json(signer: Signer, receipt: Receipt) -> dict[str, Any]:
    account = {"address": signer.party.address, "controller": signer.controller}
    return account | {"transaction": receipt_json(receipt)}


@command(app, "retire", "consent retire --account 0x6e0E265BC5...", panel=PEOPLE)
def retire(
    session: Session,
    account: Account = None,
    wallets: Wallets = None,
    contract: Contract = None,
    key: Key = None,
    sender: Sender = None,
    depth: Depth = None,
    yes: Yes = False,
) -> None:
    """For a stolen key: this one account is never believed again.

    There is no way back, and the account's address will be seen on the chain; you are asked first. What you grant
    afterwards to the brand of an account of your seed is signed by a new one.
    """
    from registry.client import revoke
    from registry.present.summary import summary_of_ending

    found = signers(session, account)
    if len(found) > 1:
        raise InvalidInput(f"{len(found)} accounts are meant, and one is retired at a time", _ONE)
    party = found[0].party
    session.say_place()
    show(session, summary_of_ending("Retire"))
    said = f"Openly: the address {party.address} will be seen on the chain and can never sign again."
    _warn(session, [party], said, yes)
    with session.out.working("retiring"):
        receipt = revoke.retire(party)
    _finish(session, party, receipt, ("Retired", f"{party.address} is never believed again"), None)


_ONE = "Name its address with --account; see `consent keys list`."


def _warn_of_all(session: Session, found: list[Signer], yes: bool) -> None:
    what = f"the address {found[0].party.address}"
    if len(found) > 1:
        what = f"these {len(found)} addresses"
        for party, controller in found:
            session.out.note(f"{party.address}, known to {controller}")
        session.out.note(
            "They are sent within seconds of each other: by the time alone anybody can tell that they are one person's."
            " With --account you end one, and the next on another day."
        )
    parties = [signer.party for signer in found]
    _warn(session, parties, f"Openly: {what} will be seen on the chain, for ever, as having revoked all.", yes)


def _warn(session: Session, parties: list[Party], said: str, yes: bool) -> None:
    """What will be seen, of those who sign and of who pays; then ask, unless the wallets' pages do."""
    session.out.note(said)
    if not all(party.pays_itself for party in parties):
        say_payer(session, parties[0])
    _agree(yes or is_asked_on_page(session, *(party.wallet for party in parties)))


def _agree(yes: bool) -> None:
    if not yes and not ask_yes("Go on?"):
        raise Rejected("you said no", "Nothing was sent.")


def _finish(
    session: Session, party: Party, receipt: Receipt, told: tuple[str, str], categories: Collection[str] | None
) -> None:
    renewed = _renew(session, party, categories)
    document = {"ended": told[0], "transaction": receipt_json(receipt), "renewed": renewed}
    session.out.result(document, table([told, *receipt_rows(receipt), *_renewed_row(renewed)]))


def _renewed_row(renewed: list[str]) -> list[tuple[str, Any]]:
    return [("New keys for", ", ".join(renewed))] if renewed else []


def _renew(session: Session, party: Party, categories: Collection[str] | None) -> list[str]:
    """New stream keys; the consent has ended already, so what fails here is said, not raised."""
    from registry.client.revoke import renew_streams

    try:
        with noting("It has ended, but the vault's keys may not be renewed."):
            return renew_streams(party, categories)
    except ConsentError as error:
        session.out.note(f"It has ended, but the vault's keys could not be renewed: {error}")
        return []
