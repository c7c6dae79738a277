"""``vault pull``: take in what brands sent to the mailboxes of grants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from registry.cli.app import command
from registry.cli.commands.vault_sync import SHORT
from registry.cli.context import Context
from registry.client.mail import Message, Pulled
from registry.client.mail_folder import MailFolder
from registry.client.mail_pull import Opened, boxes, pull_all
from registry.core.scalars import format_utc
from registry.present.text import NO, YES, Line
from registry.vault.received import Became
from registry.wallets.base import AbsentWallet

_SHOWN = 20
_WORDS = {Became.NEW: "new", Became.UPDATED: "updated", Became.KNOWN: "known already", Became.DELETED: "left deleted"}
_EXAMPLE = "consent vault pull\nconsent vault pull 'Maison Aurelle' --dry-run"


def add_to(vault: typer.Typer) -> None:
    """Add the command to the group of the vault."""
    command(vault, "pull", _EXAMPLE)(pull)


def pull(
    ctx: Context,
    named: Annotated[
        list[str] | None,
        typer.Argument(metavar="BRAND|GRANT", help="Brands, or grants by digest or file; by default all of them."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would come of it, and change nothing.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="From the first message: take what was refused before.")
    ] = False,
) -> None:
    """Take in what brands sent you: messages, files, and the records that they hold on you.

    Only what the brand of a grant signed for you, while the grant lived, is taken. A record that you changed stays as
    you left it, and the brand's new value is kept below it. Correct what is wrong with `consent vault edit`; `consent
    vault sync` sends it back where the grant covers it.
    """
    deliveries = ctx.home.deliveries(ctx.configuration.network_path)
    some = boxes(ctx.home.evidence, deliveries, [_name(ctx, each) for each in named or ()])
    if not some:
        ctx.out.result({"grants": 0}, ["No grant opened a mailbox that could be read."])
        return
    person = ctx.session.person(AbsentWallet(f"0x{'0' * 40}"))
    done = list[Opened]()
    with ctx.working("asking the brands"):
        how: dict[str, Any] = {"dry": dry_run, "again": again, "told": ctx.out.progress}
        for opened in pull_all(person, some, deliveries, MailFolder(ctx.home.path), **how):
            done.append(opened)
            ctx.out.result(_document(opened, dry_run), list(_lines(opened, dry_run)))
    for opened in done:
        if opened.why is not None and (opened.is_unchecked or not any(each.is_unchecked for each in done)):
            raise opened.why


def _name(ctx: Context, reference: str) -> str:
    """Return the digest of a grant that is named by digest or file; the name of a brand as it is."""
    is_account = reference.startswith("0x") and len(reference) == len("0x") + 40
    if (reference.startswith("0x") and not is_account) or Path(reference).is_file():
        return ctx.home.find_grant(reference)
    return reference


def _document(opened: Opened, dry_run: bool) -> dict[str, Any]:
    pulled, why = opened
    messages = [
        {"number": one.number, "issuedAt": one.issued_at, "text": one.text, "records": one.records}
        | {"files": one.files}
        for one in pulled.messages
    ]
    received = pulled.delivery.received
    found = Counter(str(one.became) for one in received)
    conflicts = [{"record": one.record, "at": one.at} for one in received if one.became is Became.CONFLICT]
    return {
        "grant": pulled.digest,
        "brand": pulled.brand,
        "domain": pulled.domain,
        "state": "unchecked" if why else pulled.state,
        "dryRun": dry_run,
        "messages": messages,
        "records": {str(each): found[each] for each in Became},
        "conflicts": conflicts,
        "refused": [str(one) for one in (*pulled.refused, *pulled.delivery.refused)],
        "missing": pulled.missing,
        "told": pulled.told,
        "waits": pulled.waits,
        "why": None if why is None else str(why),
    }


def _lines(opened: Opened, dry_run: bool) -> Iterator[Line]:
    pulled, why = opened
    start, indent = f"{pulled.digest[:SHORT]}  ", " " * 4
    yield Line(f"{start}{pulled.brand} ({pulled.domain}): {_said(opened, dry_run)}", len(start), NO if why else YES)
    for one in pulled.messages:
        head = f"{indent}{one.number:>5}  {format_utc(one.issued_at)}  "
        for number, text in enumerate(one.text.split("\n") if one.text else [_held(one)]):
            yield Line((head if number == 0 else " " * len(head)) + text, len(head))
    for text in _remarks(pulled):
        yield Line(indent + text, len(indent))


def _held(one: Message) -> str:
    parts = [(one.records, "records"), (one.files, "files")]
    return ", ".join(f"{count:,} {word}" for count, word in parts if count)


def _said(opened: Opened, dry_run: bool) -> str:
    pulled, why = opened
    if why is not None:
        return f"{len(pulled.messages)} messages taken, then: {why}"
    found = Counter(one.became for one in pulled.delivery.received)
    parts = [f"{len(pulled.messages):,} messages"]
    parts += [f"{found[each]:,} {word}" for each, word in _WORDS.items() if found[each]]
    parts += [f"{found[Became.CONFLICT]:,} that you had changed"] if found[Became.CONFLICT] else []
    ended = ", and the grant has ended" if pulled.state == "ended" else ""
    return ("would take " if dry_run else "") + ", ".join(parts) + ended


def _remarks(pulled: Pulled) -> Iterator[str]:
    for one in [one for one in pulled.delivery.received if one.became is Became.CONFLICT][:_SHOWN]:
        yield f"Yours stays  {one.record} ({one.at}): `consent vault history` shows both, `restore` takes the brand's."
    refused = [*pulled.refused, *pulled.delivery.refused]
    yield from (f"Refused      {one}" for one in refused[:_SHOWN])
    if len(refused) > _SHOWN:
        yield f"Refused      {len(refused) - _SHOWN:,} more"
    if pulled.missing:
        numbers = ", ".join(map(str, pulled.missing[:_SHOWN])) + (" ..." if len(pulled.missing) > _SHOWN else "")
        yield f"Missing      the brand does not show its messages {numbers}"
    yield from (f"Note         {text}" for text in pulled.told)
    if pulled.waits:
        yield "More waits: pull again."
