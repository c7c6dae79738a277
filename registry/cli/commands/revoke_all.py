"""``revoke-all``: the kill-switch."""

from __future__ import annotations

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.cli.options import SIGNING
from registry.cli.ui.answers import receipt_json, receipt_rows
from registry.cli.ui.choices import Account
from registry.cli.ui.endings import renewed_rows, warn
from registry.client.party import Person
from registry.client.revoke import Endings, failure_of, revoke_all_of
from registry.present.summary import summary_of_ending
from registry.present.text import table


@command(app, "revoke-all", "consent revoke-all", options=SIGNING)
def revoke_all(ctx: Context, account: Account = None) -> None:
    """Use the kill-switch: end everything that your accounts issued until now.

    All accounts of your seed, one transaction each, or the one that --account names; with --wallet, that wallet's
    account alone. The chain will show the addresses; you are asked first.
    """
    people = ctx.session.people(account)
    ctx.say_place()
    ctx.wallets.show(summary_of_ending("RevokeAll"))
    _warn(ctx, people)
    known = {person.address: controller for person, controller in people}
    endings = revoke_all_of([p for p, _ in people], lambda person: ctx.working(f"revoking all of {person.address}"))
    for person, error in endings.failed:
        ctx.out.note(failure_of(person, error))
    if endings.ended:
        _print(ctx, endings, known)
    if endings.failed:
        raise endings.failed[0][1]


def _warn(ctx: Context, people: list[tuple[Person, str | None]]) -> None:
    what = f"the address {people[0][0].address} has"
    if len(people) > 1:
        what = f"these {len(people)} addresses have"
        for person, controller in people:
            ctx.out.note(f"{person.address}, known to {controller}")
        ctx.out.note(
            "They are sent within seconds of each other: by the time alone anybody can tell that they belong to one "
            "person. With --account you end one, and the next on another day."
        )
    warn(ctx, [person for person, _ in people], f"The chain will show for ever that {what} revoked all.")


def _print(ctx: Context, endings: Endings, known: dict[str, str | None]) -> None:
    accounts = [
        {"address": p.address, "controller": known[p.address], "transaction": receipt_json(receipt)}
        for p, receipt in endings.ended
    ]
    rows = []
    for person, receipt in endings.ended:
        rows += [("All revoked", f"all that {person.address} issued until now has ended"), *receipt_rows(receipt)]
    document = {"ended": "All revoked", "accounts": accounts, "renewed": list(endings.renewed)}
    ctx.out.result(document, table([*rows, *renewed_rows(ctx, endings)]))
