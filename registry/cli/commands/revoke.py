"""``revoke``: a person ends one grant."""

from __future__ import annotations

from typing import Annotated

import typer

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.cli.options import SIGNING
from registry.cli.ui.endings import print_ending, warn
from registry.client import revoke as use_case
from registry.core.evidence.file import parse_evidence
from registry.present.summary import summary_of_ending


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
        warn(ctx, [person], f"The chain will show for ever that the address {person.address} has revoked.")
    elif person.sender is not None:
        ctx.say_payer(person)
        ctx.agree()
    end = use_case.revoke_openly if openly else use_case.revoke
    with ctx.working("revoking"):
        ending = end(person, evidence)
    print_ending(ctx, ending, "Revoked", "the grant has ended")
