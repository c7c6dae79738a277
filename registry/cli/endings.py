"""``revoke``, ``revoke-all``, ``retire``: how a person ends what they allowed."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli.app import PEOPLE, Depth, Key, Sender, Yes, app, command
from registry.cli.output import table
from registry.cli.session import Session, ask_yes
from registry.cli.words import receipt_json, receipt_rows
from registry.core.errors import ConsentError, Rejected

if TYPE_CHECKING:
    from registry.client.parties import Party
    from registry.ledger.base import Receipt


@command(app, "revoke", "consent revoke 0x3f9a2c", panel=PEOPLE)
def revoke(
    session: Session,
    file: Annotated[str, typer.Argument(metavar="GRANT", help="Its digest (the first digits do) or its file.")],
    openly: Annotated[
        bool, typer.Option("--open", help="With the account's signature, not the secret; the address is seen.")
    ] = False,
    key: Key = None,
    sender: Sender = None,
    depth: Depth = None,
    yes: Yes = False,
) -> None:
    """End one grant, at once.

    In private by default: the chain learns neither who nor what, and nobody needs to agree.
    """
    from registry.client import ending
    from registry.core.evidence import parse_evidence

    evidence = parse_evidence(session.home.find(file))
    party = session.party()
    ending.check_subject(party, evidence)
    session.say_place()
    if openly:
        _warn(session, f"the address {party.address} will be seen on the chain, for ever, as having revoked", yes)
    elif party.sender is not None:
        _warn(session, f"the address {party.sender.address} pays, and will be seen on the chain for ever", yes)
    end = ending.revoke_openly if openly else ending.revoke
    with session.out.working("revoking"):
        receipt = end(party, evidence)
    message: Any = evidence.statement.message
    _finish(session, party, receipt, ("Revoked", "the grant has ended"), set(message.data))


@command(app, "revoke-all", "consent revoke-all", panel=PEOPLE)
def revoke_all(session: Session, key: Key = None, sender: Sender = None, depth: Depth = None, yes: Yes = False) -> None:
    """The kill-switch: end everything that this account issued until now.

    The account's address will be seen on the chain; you are asked first.
    """
    from registry.client import ending

    party = session.party()
    session.say_place()
    _warn(session, f"the address {party.address} will be seen on the chain, for ever, as having revoked all", yes)
    with session.out.working("revoking"):
        receipt = ending.revoke_all(party)
    _finish(session, party, receipt, ("All revoked", f"whatever {party.address} issued until now has ended"), None)


@command(app, "retire", "consent retire --key main", panel=PEOPLE)
def retire(session: Session, key: Key = None, sender: Sender = None, depth: Depth = None, yes: Yes = False) -> None:
    """For a stolen key: this account is never believed again.

    There is no way back, and the account's address will be seen on the chain; you are asked first.
    """
    from registry.client import ending

    party = session.party()
    session.say_place()
    _warn(session, f"the address {party.address} will be seen on the chain and can never sign again", yes)
    with session.out.working("retiring"):
        receipt = ending.retire(party)
    _finish(session, party, receipt, ("Retired", f"{party.address} is never believed again"), None)


def _warn(session: Session, what: str, yes: bool) -> None:
    session.out.note(f"Openly: {what}.")
    if not yes and not ask_yes("Go on?"):
        raise Rejected("you said no", "Nothing was sent.")


def _finish(
    session: Session, party: Party, receipt: Receipt, told: tuple[str, str], categories: Collection[str] | None
) -> None:
    renewed = _renew(session, party, categories)
    document = {"ended": told[0], "transaction": receipt_json(receipt), "renewed": renewed}
    extra = [("New keys for", ", ".join(renewed))] if renewed else []
    session.out.result(document, table([told, *receipt_rows(receipt), *extra]))


def _renew(session: Session, party: Party, categories: Collection[str] | None) -> list[str]:
    """New stream keys; the consent has ended already, so what fails here is said, not raised."""
    from registry.client.ending import renew_streams

    try:
        return renew_streams(party, categories)
    except ConsentError as error:
        session.out.note(f"It has ended, but the vault's keys could not be renewed: {error}")
        return []
