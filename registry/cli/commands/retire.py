"""``retire``: a stolen key is never believed again."""

from __future__ import annotations

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.cli.options import SIGNING
from registry.cli.ui.choices import Account
from registry.cli.ui.endings import print_ending, warn
from registry.client import revoke as use_case
from registry.core.errors import InvalidInput
from registry.present.summary import summary_of_ending


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
    warn(ctx, [person], f"The chain will show that the address {person.address} can never sign again.")
    with ctx.working("retiring"):
        ending = use_case.retire(person)
    print_ending(ctx, ending, "Retired", f"{person.address} is never believed again")
