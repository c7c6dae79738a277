"""``grant`` and ``refuse``: a person says yes or no."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.cli.options import SIGNING, AcceptRisk, Data, EvidenceOut, Purposes, accepted_risks
from registry.cli.ui.linked import is_link, print_answer, read_request, say_delivery
from registry.cli.ui.preview import chosen_fields, print_preview
from registry.cli.ui.prompts import ask_yes
from registry.cli.ui.receipts import leaving
from registry.client import grant as use_case
from registry.client.accounts import brands_that_know
from registry.client.choice import Choice
from registry.client.confirm import Standing
from registry.client.grant import Proposal
from registry.client.party import Party
from registry.core.evidence.file import parse_evidence
from registry.present.summary import SigningSummary
from registry.present.wording import answer_lines, risk_text

AskedBy = Annotated[str, typer.Argument(metavar="REQUEST", help="The brand's link, or the file that it sent.")]
Language = Annotated[
    str | None, typer.Option(metavar="TAG", help="The notice's language that you read and sign, as en.")
]
Fields = Annotated[
    list[str] | None,
    typer.Option(metavar="IRI=NAME,...", help="Of this kind of data these members alone, as pd:Purchase=name."),
]
Since = Annotated[str | None, typer.Option(metavar="TIME", help="No record before this day, or time with its zone.")]
Days = Annotated[
    int | None, typer.Option(metavar="N", help="How long it lasts; as long as the notice allows by default.")
]
ByHand = Annotated[bool, typer.Option("--by-hand", help="Send the brand nothing: you hand the file over yourself.")]
Supersedes = Annotated[
    str | None, typer.Option(metavar="FILE", help="The grant that this one replaces: its digest or file.")
]

Mailbox = Annotated[bool, typer.Option("--mailbox", help="Let the brand write to you, even if you hand nothing over.")]


@command(
    app, "grant", "consent grant request.json --data pd:Purchase --days 90", options=(*SIGNING, "no_wait", "force")
)
def grant(
    ctx: Context,
    request: AskedBy,
    purpose: Purposes = None,
    data: Data = None,
    days: Days = None,
    supersedes: Supersedes = None,
    fields: Fields = None,
    since: Since = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="No record from then on.")] = None,
    once: Annotated[bool, typer.Option("--once", help="No later record follows, whatever was asked.")] = False,
    names: Annotated[bool, typer.Option("--names", help="Hand over the names of your files too.")] = False,
    mailbox: Mailbox = False,
    preview: Annotated[bool, typer.Option("--preview", help="Show what would be handed over, and do nothing.")] = False,
    accept_risk: AcceptRisk = None,
    again: Annotated[bool, typer.Option("--again", help="Even if a grant of this request still holds.")] = False,
    by_hand: ByHand = False,
    language: Language = None,
    out: EvidenceOut = None,
) -> None:
    """Say yes: to all that was asked, or to less.

    Checks the request, shows it in words and asks you. Then seals a copy of what you allow to the brand, signs and
    anchors. The answer to a link is delivered, if the domain confirms who asks; else you hand over the evidence file.
    --preview shows the values first.
    """
    ctx.check_out(out)
    asked = read_request(ctx, request)
    old = None if supersedes is None else parse_evidence(ctx.home.find(supersedes))
    person = ctx.session.person_for(asked, old)
    accepted = accepted_risks(accept_risk)
    choice = Choice(purposes=purpose, data=data, days=days, language=language, supersedes=old, again=again)
    choice |= Choice(names=names, accepted=accepted, since=since, until=until, once=once)
    choice |= Choice(fields=chosen_fields(fields), deliver=is_link(request) and not by_hand, mailbox=mailbox)
    if preview:
        print_preview(ctx.out, use_case.propose(person, asked, **choice | Choice(again=True)))
        return
    with leaving(ctx), ctx.working("reading the request"):
        done = use_case.grant(person, asked, confirm=_confirming(ctx, person, accepted), **choice)
    print_answer(ctx, done, "Hand over", out)


@command(app, "refuse", "consent refuse request.json", options=(*SIGNING, "no_wait", "force"))
def refuse(
    ctx: Context,
    request: AskedBy,
    accept_risk: AcceptRisk = None,
    by_hand: ByHand = False,
    language: Language = None,
    out: EvidenceOut = None,
) -> None:
    """Say no, and be able to prove that you did."""
    ctx.check_out(out)
    asked, delivers = read_request(ctx, request), is_link(request) and not by_hand
    person, accepted = ctx.session.person_for(asked), accepted_risks(accept_risk)
    with leaving(ctx), ctx.working("reading the request"):
        confirm = _confirming(ctx, person, accepted)
        done = use_case.refuse(person, asked, language=language, confirm=confirm, accepted=accepted, deliver=delivers)
    print_answer(ctx, done, "Kept in", out)


def _confirming(ctx: Context, party: Party, accepted: set[str]) -> Callable[[Proposal], bool]:
    """Return a function that shows a proposal and asks: on the wallet's page, or at the terminal.

    It adds to ``accepted`` the risks that the person accepts. With --yes it asks nothing, and a risk stays as it is.
    """

    def confirm(proposal: Proposal) -> bool:
        summary = proposal.summary(party.payer, party.asks_notaries)
        ctx.wallets.show(summary)
        with ctx.out.paused():
            on_page = ctx.wallets.ask_on_pages(party.wallet)
            if on_page:
                ctx.say_chain()
                accepted.update(risk.name for risk in proposal.risks)  # the page shows them above its button
            else:
                _show(ctx, summary)
                _say_why(ctx, proposal)
            _say_account(ctx, party, proposal.message.controller)
            say_delivery(ctx, proposal)
            agreed = on_page or bool(ctx.flags["yes"]) or _agrees(proposal, party.payer, accepted)
        if agreed:
            ctx.out.progress("signing and anchoring")
        return agreed

    return confirm


def _agrees(proposal: Proposal, payer: str, accepted: set[str]) -> bool:
    for risk in proposal.risks:
        if risk.name not in accepted and not ask_yes(f"{risk_text(risk, payer)} Accept this?"):
            return False
        accepted.add(risk.name)
    return ask_yes("Sign it?")


def _show(ctx: Context, summary: SigningSummary) -> None:
    for line in answer_lines(summary):
        ctx.out.note(line)
    ctx.out.note("")
    if ctx.session.chain_in_words is not None:
        ctx.say_chain()
        ctx.out.note("")


def _say_why(ctx: Context, proposal: Proposal) -> None:
    found = proposal.confirmation
    if found is not None and found.standing is Standing.NOT_CONFIRMED:
        ctx.out.note(f"Why it is not confirmed: {found.why}.")
        ctx.out.note("")


def _say_account(ctx: Context, party: Party, controller: str) -> None:
    known = "an account of yours that only this brand knows"
    if ctx.wallets.are_named:
        known = "a wallet that you named: all brands to which it signs see this same address"
        if others := brands_that_know(ctx.home.evidence, party.address, controller):
            known = f"which {', '.join(others)} can recognise: you granted to them with it too"
    ctx.out.note(f"You sign as {party.address}, {known}.")
    ctx.say_payer(party)
    ctx.out.note("")
