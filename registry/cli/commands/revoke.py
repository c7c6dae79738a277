"""``revoke``, ``revoke-all`` and ``retire``: a person ends one grant, all of them, or an account for ever."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.cli.options import SIGNING, Spread
from registry.cli.ui.receipts import receipt_json, receipt_rows
from registry.client import revoke as use_case
from registry.client.evidence_store import controller_of, kept_grants
from registry.client.later import Waiting, send_all, spread_accounts, spread_grants
from registry.client.party import Person
from registry.client.pending_store import PendingFolder
from registry.client.revoke import Endings
from registry.client.risks import LINKS_BRANDS, linked_brands, names_of
from registry.client.sign import noting
from registry.core.errors import InvalidInput
from registry.core.evidence.file import Evidence, parse_evidence
from registry.core.scalars import format_utc
from registry.ledger.base import Receipt
from registry.present.summary import Risk, summary_of_ending
from registry.present.text import Row, table
from registry.present.wording import risk_text

Account = Annotated[
    str | None,
    typer.Option("--account", metavar="ADDRESS", help="One account of your seed: its address, or its brand's."),
]


@command(app, "revoke", "consent revoke 0x3f9a2c", options=(*SIGNING, "no_wait"))
def revoke(
    ctx: Context,
    file: Annotated[
        str | None, typer.Argument(metavar="GRANT", help="Its digest (the first digits do) or its file.")
    ] = None,
    brand: Annotated[
        str | None, typer.Option("--brand", metavar="BRAND", help="All grants to this brand: its address or name.")
    ] = None,
    openly: Annotated[
        bool, typer.Option("--open", help="With the account's signature, not the secret; the address is seen.")
    ] = False,
    spread: Spread = None,
) -> None:
    """End one grant, or all grants to one brand, at once.

    In private by default: the chain learns neither who nor what, and nobody needs to agree.
    """
    if (file is None) == (brand is None):
        raise InvalidInput("name one grant, or a brand with --brand", "See `consent status`.")
    if spread is not None and (brand is None or openly):
        raise InvalidInput("--spread is for all grants to a brand, in private", "Leave it out, or name --brand.")
    end = use_case.revoke_openly if openly else use_case.revoke
    if file is not None:
        evidence = parse_evidence(ctx.home.find(file))
        person = _agreed(ctx, [evidence], openly)[0]
        with ctx.working("revoking"):
            receipt = end(person, evidence)
        _print_ending(ctx, receipt, "Revoked", "the grant has ended")
    else:
        grants = kept_grants(ctx.home.evidence, controller=controller_of(ctx.home.evidence, brand or ""))
        people = _agreed(ctx, grants, openly)
        if spread is None:
            _end_each(ctx, grants, people, end)
            return
        spread_grants(list(zip(people, grants, strict=True)), PendingFolder(ctx.home.path), spread)
        _send_later(ctx, people[0])


def _agreed(ctx: Context, grants: list[Evidence], openly: bool) -> list[Person]:
    """Return the person for each grant, once they have read what ends and said yes."""
    people = [ctx.session.person_of(evidence, signs=openly) for evidence in grants]
    may_end = use_case.check_subject if openly else use_case.opening_of
    for person, evidence in zip(people, grants, strict=True):
        may_end(person, evidence)
    ctx.say_chain()
    for evidence in grants:
        ctx.wallets.show(summary_of_ending("Revoke", evidence))
        ctx.out.note(f"This ends: {getattr(evidence.statement.message, 'statement', evidence.kind)}")
    told = {evidence.statement.message.controller for evidence in grants}
    if openly:
        seen = ", ".join(sorted({person.address for person in people}))
        _warn(ctx, people, f"The chain will show for ever that the address {seen} has revoked.", told)
    else:
        _say_payer(ctx, people, told)
        # Without a terminal nobody is asked: a revocation must not fail for want of an answer.
        ctx.agree(not people[0].payer and not sys.stdin.isatty())
    return people


def _end_each(
    ctx: Context,
    grants: list[Evidence],
    people: list[Person],
    end: Callable[[Person, Evidence], Receipt | None],
) -> None:
    pairs = list(zip(people, grants, strict=True))
    endings = use_case.revoke_each(pairs, end, lambda digest: ctx.working(f"revoking {digest[:14]}"))
    document = {"ended": [{"digest": digest, "transaction": receipt_json(sent)} for digest, sent in endings.ended]}
    rows = [row for digest, sent in endings.ended for row in [("Revoked", digest), *receipt_rows(sent)]]
    ctx.out.result(document, table(rows))
    _tell_failures(ctx, endings)


def _tell_failures(ctx: Context, endings: Endings) -> None:
    for name, error in endings.failed:
        ctx.out.note(use_case.failure_of(name, error))
    if endings.failed:
        raise endings.failed[0][1]


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
    ctx.say_chain()
    ctx.wallets.show(summary_of_ending("Retire"))
    what = f"The chain will show that the address {person.address} can never sign again."
    _warn(ctx, [person], what, use_case.controllers_of(person))
    with ctx.working("retiring"):
        receipt = use_case.retire(person)
    _print_ending(ctx, receipt, "Retired", f"{person.address} is never believed again")


@command(app, "revoke-all", "consent revoke-all\nconsent revoke-all --spread 12", options=(*SIGNING, "no_wait"))
def revoke_all(ctx: Context, account: Account = None, spread: Spread = None) -> None:
    """Use the kill-switch: end everything that your accounts issued until now.

    All accounts of your seed, one transaction each, or the one that --account names; with --wallet, that wallet's
    account alone. The chain will show the addresses; you are asked first.
    """
    people = ctx.session.people(account)
    ctx.say_chain()
    ctx.wallets.show(summary_of_ending("RevokeAll"))
    _warn_of_all(ctx, people, spread)
    if spread is not None:
        spread_accounts([person for person, _ in people], PendingFolder(ctx.home.path), spread)
        _send_later(ctx, people[0][0])
        return
    endings = use_case.revoke_all_of(
        [person for person, _ in people], lambda address: ctx.working(f"revoking all of {address}")
    )
    if endings.ended:
        _print_endings(ctx, endings, {person.address: controller for person, controller in people})
    _tell_failures(ctx, endings)


def _send_later(ctx: Context, person: Person) -> None:
    """Send each ending at its time, and tell of it; with ``--no-wait`` only what is due now."""
    notaries, endings = ctx.session.notaries, Endings([], [])
    rounds = send_all(ctx.network, notaries, notaries.folder, ctx.home.evidence, person.sender)
    with ctx.working("ending each at its time"), noting(_CONTINUES):
        for endings, waiting in rounds:
            _print_round(ctx, endings, waiting)
            if ctx.flags["no_wait"]:
                break
    _tell_failures(ctx, endings)


_CONTINUES = "`consent status` sends the endings that are left, each when it is due."


def _print_round(ctx: Context, endings: Endings, waiting: list[Waiting]) -> None:
    ended = [{"name": name, "transaction": receipt_json(sent)} for name, sent in endings.ended]
    later = [{"name": name, "due": due} for name, due in waiting]
    rows = [row for name, sent in endings.ended for row in [("Ended", name), *receipt_rows(sent)]]
    rows += [("Ends later", f"{name}, {format_utc(due)}") for name, due in waiting]
    ctx.out.result({"ended": ended, "later": later}, table(rows))
    if waiting:
        ctx.out.note(_CONTINUES)


def _warn_of_all(ctx: Context, people: list[tuple[Person, str | None]], spread: float | None) -> None:
    what = f"the address {people[0][0].address} has"
    if len(people) > 1:
        what = f"these {len(people)} addresses have"
        for person, controller in people:
            ctx.out.note(f"{person.address}, known to {controller}")
        if spread is None:
            ctx.out.note(
                "They are sent within seconds of each other: by the time alone anybody can tell that they belong to "
                "one person. --spread takes hours instead; with --account you end one, and the next on another day."
            )
    told = {each for person, _ in people for each in use_case.controllers_of(person)}
    _warn(ctx, [person for person, _ in people], f"The chain will show for ever that {what} revoked all.", told)


def _warn(ctx: Context, parties: list[Person], warning: str, told: set[str]) -> None:
    """Tell what the chain will show, of the accounts and of the payer; then ask, unless the wallets' pages do.

    ``told`` are the controllers of what ends.
    """
    ctx.out.note(warning)
    if not all(party.pays_itself for party in parties):
        _say_payer(ctx, parties, told)
    ctx.agree(ctx.wallets.ask_on_pages(*(party.wallet for party in parties)))


def _say_payer(ctx: Context, people: list[Person], told: set[str]) -> None:
    """Tell which address pays for all these endings, and which brands it links."""
    ctx.say_payer(people[0])
    try:
        brands = linked_brands(people[0], names_of(people[0], told))
    except InvalidInput as error:
        # A damaged file must not keep anybody from ending anything.
        ctx.out.note(f"Which brands this links is not known: {error}. {error.advice}")
        return
    if brands:
        ctx.out.note(risk_text(Risk(LINKS_BRANDS, tuple(brands)), people[0].payer))


def _print_endings(ctx: Context, endings: Endings, known: dict[str, str | None]) -> None:
    accounts = [
        {"address": address, "controller": known[address], "transaction": receipt_json(receipt)}
        for address, receipt in endings.ended
    ]
    rows = list[Row]()
    for address, receipt in endings.ended:
        rows += [("All revoked", f"all that {address} issued until now has ended"), *receipt_rows(receipt)]
    ctx.out.result({"ended": "All revoked", "accounts": accounts}, table(rows))


def _print_ending(ctx: Context, receipt: Receipt | None, name: str, what: str) -> None:
    ctx.out.result({"ended": name, "transaction": receipt_json(receipt)}, table([(name, what), *receipt_rows(receipt)]))
