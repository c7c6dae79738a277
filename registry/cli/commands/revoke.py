"""``revoke``, ``revoke-all`` and ``retire``: a person ends one grant, all of them, or an account for ever."""

from __future__ import annotations

from typing import Annotated

import typer

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.cli.options import SIGNING
from registry.cli.ui.receipts import receipt_rows
from registry.client import revoke as use_case
from registry.client.party import Person
from registry.client.revoke import Ending, Endings
from registry.core.errors import InvalidInput
from registry.core.evidence.file import parse_evidence
from registry.present.summary import summary_of_ending
from registry.present.text import Row, table

Account = Annotated[
    str | None,
    typer.Option("--account", metavar="ADDRESS", help="One account of your seed: its address, or its brand's."),
]


@command(app, "revoke", "consent revoke 0x3f9a2c", options=SIGNING)
def revoke(
    ctx: Context,
    file: Annotated[str, typer.Argument(metavar="GRANT", help="Its digest (the first digits do) or its file.")],
    openly: Annotated[
        bool, typer.Option("--open", help="With the account's signature, not the secret; the address is seen.")
    ] = False,
) -> None:
    """End one grant, at once.

    In private by default: the chain learns neither who nor what, and nobody needs to agree.
    """
    evidence = parse_evidence(ctx.home.find(file))
    person = ctx.session.person_of(evidence, signs=openly)
    use_case.check_subject(person, evidence)
    ctx.say_place()
    ctx.wallets.show(summary_of_ending("Revoke", evidence))
    if openly:
        _warn(ctx, [person], f"The chain will show for ever that the address {person.address} has revoked.")
    elif person.sender is not None:
        ctx.say_payer(person)
        ctx.agree()
    end = use_case.revoke_openly if openly else use_case.revoke
    with ctx.working("revoking"):
        ending = end(person, evidence)
    _print_ending(ctx, ending, "Revoked", "the grant has ended")


@command(app, "retire", "consent retire --account 0x6e0E265BC5...", options=SIGNING)
def retire(ctx: Context, account: Account = None) -> None:
    """For a stolen key: this one account is never believed again.

    There is no way back, and the chain will show the account's address; you are asked first. A later grant to the
    brand of an account of your seed is signed by a new one.
    """
    people = ctx.session.people(account)
    if len(people) > 1:
        advice = "Name its address with --account; see `consent keys list`."
        raise InvalidInput(f"{len(people)} accounts are meant, and one is retired at a time", advice)
    person = people[0][0]
    ctx.say_place()
    ctx.wallets.show(summary_of_ending("Retire"))
    _warn(ctx, [person], f"The chain will show that the address {person.address} can never sign again.")
    with ctx.working("retiring"):
        ending = use_case.retire(person)
    _print_ending(ctx, ending, "Retired", f"{person.address} is never believed again")


@command(app, "revoke-all", "consent revoke-all", options=SIGNING)
def revoke_all(ctx: Context, account: Account = None) -> None:
    """Use the kill-switch: end everything that your accounts issued until now.

    All accounts of your seed, one transaction each, or the one that --account names; with --wallet, that wallet's
    account alone. The chain will show the addresses; you are asked first.
    """
    people = ctx.session.people(account)
    ctx.say_place()
    ctx.wallets.show(summary_of_ending("RevokeAll"))
    _warn_of_all(ctx, people)
    endings = use_case.revoke_all_of(
        [person for person, _ in people], lambda person: ctx.working(f"revoking all of {person.address}")
    )
    for person, error in endings.failed:
        ctx.out.note(use_case.failure_of(person, error))
    if endings.ended:
        _print_endings(ctx, endings, {person.address: controller for person, controller in people})
    if endings.failed:
        raise endings.failed[0][1]


def _warn_of_all(ctx: Context, people: list[tuple[Person, str | None]]) -> None:
    what = f"the address {people[0][0].address} has"
    if len(people) > 1:
        what = f"these {len(people)} addresses have"
        for person, controller in people:
            ctx.out.note(f"{person.address}, known to {controller}")
        ctx.out.note(
            "They are sent within seconds of each other: by the time alone anybody can tell that they belong to one "
            "person. With --account you end one, and the next on another day."
        )
    _warn(ctx, [person for person, _ in people], f"The chain will show for ever that {what} revoked all.")


def _warn(ctx: Context, parties: list[Person], warning: str) -> None:
    """Tell what the chain will show, of the accounts and of the payer; then ask, unless the wallets' pages do."""
    ctx.out.note(warning)
    if not all(party.pays_itself for party in parties):
        ctx.say_payer(parties[0])
    ctx.agree(ctx.wallets.ask_on_pages(*(party.wallet for party in parties)))


def _print_endings(ctx: Context, endings: Endings, known: dict[str, str | None]) -> None:
    accounts = [
        {"address": p.address, "controller": known[p.address], "transaction": receipt._asdict()}
        for p, receipt in endings.ended
    ]
    rows = list[Row]()
    for person, receipt in endings.ended:
        rows += [("All revoked", f"all that {person.address} issued until now has ended"), *receipt_rows(receipt)]
    document = {"ended": "All revoked", "accounts": accounts, "renewed": list(endings.renewed)}
    ctx.out.result(document, table([*rows, *_renewed_rows(ctx, endings)]))


def _print_ending(ctx: Context, ending: Ending, name: str, what: str) -> None:
    document = {"ended": name, "transaction": ending.receipt._asdict(), "renewed": list(ending.renewed)}
    ctx.out.result(document, table([(name, what), *receipt_rows(ending.receipt), *_renewed_rows(ctx, ending)]))


def _renewed_rows(ctx: Context, ending: Ending | Endings) -> list[Row]:
    """Return the categories with new stream keys; tell it where the keys could not be renewed."""
    if ending.not_renewed is not None:
        ctx.out.note(f"It has ended, but the vault's keys could not be renewed: {ending.not_renewed}")
    return [("New keys for", ", ".join(ending.renewed))] if ending.renewed else []
