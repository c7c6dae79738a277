"""``request``, ``grant``, ``refuse``, ``accept``, ``open``: from the question to the data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli.accounts import party_for, say_account
from registry.cli.app import BRANDS, PEOPLE, Depth, Key, Sender, Yes, app, command
from registry.cli.context import Session, ask_yes, noting
from registry.cli.receipts import receipt_json, receipt_rows
from registry.cli.wallets import (
    Contract,
    Wallets,
    is_asked_on_page,
    named,
    named_party,
    reading_party,
    say_payer,
    show,
)
from registry.core.times import format_utc
from registry.present.text import table
from registry.present.wording import answer_lines, evidence_rows, terms

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.client.grant import Proposal
    from registry.client.network import Party
    from registry.client.sign import Anchored
    from registry.core.evidence.file import Evidence
    from registry.ledger.base import Receipt

Purposes = Annotated[
    list[str] | None, typer.Option("--purpose", metavar="IRI", help="This purpose; repeat. By default all of them.")
]
Data = Annotated[
    list[str] | None, typer.Option("--data", metavar="IRI", help="This kind of data; repeat. By default all.")
]
Language = Annotated[
    str | None, typer.Option(metavar="TAG", help="The notice's language that you read and sign, as en.")
]
RequestFile = Annotated[Path, typer.Argument(metavar="REQUEST", help="The file that the brand sent.")]
EvidenceFile = Annotated[
    str, typer.Argument(metavar="FILE", help="An evidence file, or the digest of one that is kept here.")
]


@command(app, "request", "consent request --notice notice.json --out request.json", panel=BRANDS)
def request(
    session: Session,
    notice: Annotated[Path, typer.Option(metavar="FILE", help="This brand's notice.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write the signed request.")],
    purpose: Purposes = None,
    data: Data = None,
    days: Annotated[int, typer.Option(metavar="N", help="How long it can be answered; 30 by default.")] = 30,
    wallets: Wallets = None,
    contract: Contract = None,
    key: Key = None,
) -> None:
    """Ask for consent.

    Writes a signed request with its notice, to be carried to people by any means.
    """
    from registry.client.home import read_bounded
    from registry.client.request import check_notice
    from registry.client.request import request as ask
    from registry.core.evidence.file import write_evidence
    from registry.core.notices.document import MAX_NOTICE
    from registry.fs.files import replace_file

    document = read_bounded(notice, MAX_NOTICE)
    party = named_party(session, check_notice(document).controller.account)
    session.say_place()
    evidence = ask(party, document, purposes=purpose, data=data, days=days)
    raw = write_evidence(evidence)
    replace_file(out, raw)
    session.home.keep(evidence)
    message: Any = evidence.statement.message
    figures = {"file": str(out), "bytes": len(raw), "purposes": message.purposes, "data": message.data}
    rows = [("Request", out), ("What for", terms(message.purposes)), ("Which data", terms(message.data))]
    rows.append(("Answer by", format_utc(message.expires_at)))
    session.out.result(figures | {"expiresAt": message.expires_at}, table(rows))


@command(app, "grant", "consent grant request.json --data pd:Purchase --days 90", panel=PEOPLE)
def grant(
    session: Session,
    request: RequestFile,
    purpose: Purposes = None,
    data: Data = None,
    days: Annotated[
        int | None, typer.Option(metavar="N", help="How long it lasts; as long as the notice allows by default.")
    ] = None,
    supersedes: Annotated[
        str | None, typer.Option(metavar="FILE", help="The grant that this one replaces: its digest or file.")
    ] = None,
    language: Language = None,
    wallets: Wallets = None,
    contract: Contract = None,
    key: Key = None,
    sender: Sender = None,
    depth: Depth = None,
    yes: Yes = False,
) -> None:
    """Say yes: to all that was asked, or to less.

    Checks the request, shows it in words, asks you, then seals your data to the brand, signs, anchors and writes the
    evidence file that you hand over.
    """
    from registry.client.grant import grant as allow
    from registry.core.evidence.file import parse_evidence

    asked = _request_bytes(request)
    old = None if supersedes is None else parse_evidence(session.home.find(supersedes))
    party = party_for(session, parse_evidence(asked), old)
    with session.out.working("reading the request"):
        done = allow(
            party,
            asked,
            purposes=purpose,
            data=data,
            days=days,
            language=language,
            supersedes=old,
            confirm=_confirm(session, yes, party),
        )
    path = _keep(session, done)
    ended = None if old is None else _end(session, party, old, path)
    document = _anchored_json(done, path) | ({} if ended is None else {"superseded": receipt_json(ended)})
    extra = [] if ended is None else [("Ended", f"the grant before it, gas {ended.gas_used:,}")]
    session.out.result(document, table([*_anchored_rows(done, path), *extra, ("Hand over", path)]))


def _keep(session: Session, done: Anchored) -> Path:
    with noting("It was anchored. If `consent status` does not list it, nobody can show it: do it again."):
        return session.home.keep(done.evidence)


def _end(session: Session, party: Party, old: Evidence, new: Path) -> Receipt:
    """End the grant that was replaced; where that fails, the new one stands all the same and the person is told."""
    from registry.client.revoke import revoke
    from registry.core.scalars import to_hex

    left = f"The new grant stands ({new}), but the one before it may stand too: `consent revoke {to_hex(old.digest)}`."
    with noting(left), session.out.working("ending the grant before it"):
        return revoke(party, old)


@command(app, "refuse", "consent refuse request.json", panel=PEOPLE)
def refuse(
    session: Session,
    request: RequestFile,
    language: Language = None,
    wallets: Wallets = None,
    contract: Contract = None,
    key: Key = None,
    sender: Sender = None,
    depth: Depth = None,
    yes: Yes = False,
) -> None:
    """Say no, and be able to prove that you did."""
    from registry.client.grant import refuse as decline
    from registry.core.evidence.file import parse_evidence

    asked = _request_bytes(request)
    party = party_for(session, parse_evidence(asked))
    with session.out.working("reading the request"):
        done = decline(party, asked, language=language, confirm=_confirm(session, yes, party))
    path = _keep(session, done)
    session.out.result(_anchored_json(done, path), table([*_anchored_rows(done, path), ("Kept in", path)]))


@command(app, "accept", "consent accept grant.json", panel=BRANDS)
def accept(
    session: Session,
    file: EvidenceFile,
    wallets: Wallets = None,
    contract: Contract = None,
    key: Key = None,
    sender: Sender = None,
    depth: Depth = None,
) -> None:
    """Counter-sign a grant to this brand.

    Verifies it first, then signs and writes the completed file: both sides hold the same bytes.
    """
    from registry.client.accept import accept as countersign

    raw, evidence = _evidence(session, file)
    party = named_party(session, evidence.statement.message.controller)
    session.say_place()
    _show_grant(session, evidence, party)
    say_payer(session, party)
    with session.out.working("verifying and counter-signing"):
        done = countersign(party, raw)
    path = _keep(session, done)
    session.out.result(_anchored_json(done, path), table([*_anchored_rows(done, path), ("Send back", path)]))


@command(app, "open", "consent open grant.json --out data/", panel=BRANDS)
def open_(
    session: Session,
    file: EvidenceFile,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="A new folder for the opened files.")],
    key: Key = None,
) -> None:
    """Open the data that a grant hands over.

    Verifies the grant first: what is revoked or expired is not opened. All files are written, or none.
    """
    from registry.client.accept import open_data

    raw, evidence = _evidence(session, file)
    party = reading_party(session, evidence.statement.message.controller)
    with session.out.working("fetching and opening"):
        opened = open_data(party, raw, out)
    document = {"files": [{"path": str(o.path), "bytes": o.size, "category": o.category} for o in opened]}
    session.out.result(document, [f"{o.path}  {o.size:,} bytes  {o.category}" for o in opened])


def _evidence(session: Session, file: str) -> tuple[bytes, Evidence]:
    """The file's bytes, and the evidence that they are: said before a passphrase is asked for."""
    from registry.core.evidence.file import parse_evidence

    raw = session.home.find(file)
    return raw, parse_evidence(raw)


def _show_grant(session: Session, grant: Evidence, party: Party) -> None:
    """What is counter-signed: a wallet sees no more than the grant's hash, and a person may have to answer it."""
    from registry.present.summary import summary_of_acceptance

    show(session, summary_of_acceptance(grant, party.sender.address if party.sender else ""))
    asks = any(not name.startswith("key:") for name in named(session))
    if asks and not is_asked_on_page(session, party.wallet):
        for line in table(evidence_rows(grant)):
            session.out.note(line)


def _request_bytes(file: Path) -> bytes:
    from registry.client.home import read_bounded
    from registry.core.evidence.file import MAX_EVIDENCE, parse_evidence

    raw = read_bounded(file, MAX_EVIDENCE)
    parse_evidence(raw)
    return raw


def _confirm(session: Session, yes: bool, party: Party) -> Callable[[Proposal], bool]:
    """Show the proposal, then ask: on the wallet's page, or on stderr, so that stdout holds the result alone."""

    def confirm(proposal: Proposal) -> bool:
        show(session, proposal.summary(party.sender.address if party.sender else ""))
        with session.out.paused():
            if on_page := is_asked_on_page(session, party.wallet):
                session.say_place()
            else:
                _show(session, proposal)
            say_account(session, party, proposal.message.controller)
            agreed = on_page or yes or ask_yes("Sign it?")
        if agreed:
            session.out.progress("signing and anchoring")
        return agreed

    return confirm


def _show(session: Session, proposal: Proposal) -> None:
    for line in answer_lines(proposal.message, proposal.notice, proposal.language, proposal.capsule):
        session.out.note(line)
    session.out.note("")
    if session.place is not None:
        session.say_place()
        session.out.note("")


def _anchored_json(done: Anchored, path: Path) -> dict[str, Any]:
    from registry.core.scalars import to_hex

    return {
        "kind": done.evidence.kind,
        "digest": to_hex(done.evidence.digest),
        "file": str(path),
        "bytes": path.stat().st_size,
        "anchor": receipt_json(done.receipt),
    }


def _anchored_rows(done: Anchored, path: Path) -> list[tuple[str, Any]]:
    from registry.core.scalars import to_hex

    digest = to_hex(done.evidence.digest)
    return [(done.evidence.kind, digest), *receipt_rows(done.receipt), ("Evidence", f"{path.stat().st_size:,} bytes")]
