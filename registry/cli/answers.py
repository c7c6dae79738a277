"""``request``, ``grant``, ``refuse``, ``accept``, ``open``: from the question to the data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli.app import Key, Sender, Yes, app, command
from registry.cli.output import table
from registry.cli.session import Session
from registry.cli.words import moment, proposal_lines, receipt_json, receipt_rows, terms
from registry.core.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.client.granting import Proposal
    from registry.client.signing import Anchored

Purposes = Annotated[list[str] | None, typer.Option("--purpose", help="A purpose (DPV); repeat for more.")]
Data = Annotated[list[str] | None, typer.Option("--data", help="A category of data (DPV); repeat for more.")]
Language = Annotated[str | None, typer.Option(help="The notice's language that you read and sign.")]
RequestFile = Annotated[Path, typer.Argument(help="The request that the brand sent.")]
EvidenceFile = Annotated[str, typer.Argument(help="An evidence file, or the digest of one that is kept here.")]


@command(app, "request", "consent request --notice notice.json --out request.json")
def request(
    session: Session,
    notice: Annotated[Path, typer.Option(help="This brand's notice.")],
    out: Annotated[Path, typer.Option(help="Where to write the signed request.")],
    purpose: Purposes = None,
    data: Data = None,
    days: Annotated[int, typer.Option(help="How long it can be answered.")] = 30,
    key: Key = None,
) -> None:
    """Ask for consent: a signed request with its notice, to be carried to people by any means."""
    from registry.client.asking import request as ask
    from registry.client.homes import read_bounded
    from registry.core.evidence import write_evidence
    from registry.core.notices import MAX_NOTICE
    from registry.storage.files import replace_file

    evidence = ask(session.party(), read_bounded(notice, MAX_NOTICE), purposes=purpose, data=data, days=days)
    session.home.keep(evidence)
    raw = write_evidence(evidence)
    replace_file(out, raw)
    message: Any = evidence.statement.message
    document = {"file": str(out), "bytes": len(raw), "purposes": message.purposes, "data": message.data}
    rows = [("Request", out), ("What for", terms(message.purposes)), ("Which data", terms(message.data))]
    session.out.result(document, table([*rows, ("Answer by", moment(message.expires_at))]))


@command(app, "grant", "consent grant request.json --data pd:Purchase --days 90")
def grant(
    session: Session,
    request: RequestFile,
    purpose: Purposes = None,
    data: Data = None,
    days: Annotated[int | None, typer.Option(help="How long it lasts; all the notice allows by default.")] = None,
    supersedes: Annotated[str | None, typer.Option(help="The digest or file of the grant that this replaces.")] = None,
    language: Language = None,
    key: Key = None,
    sender: Sender = None,
    yes: Yes = False,
) -> None:
    """Say yes: to all that was asked, or to less. Shows it in words, seals, signs, anchors, writes the evidence."""
    from registry.client.granting import grant as allow
    from registry.core.evidence import parse_evidence

    party = session.party()
    old = None if supersedes is None else parse_evidence(session.home.find(supersedes))
    done = allow(
        party,
        _request_bytes(request),
        purposes=purpose,
        data=data,
        days=days,
        language=language,
        supersedes=old,
        confirm=_confirm(session, yes),
    )
    ended = None
    path = session.home.keep(done.evidence)
    if old is not None:
        from registry.client.ending import revoke

        ended = revoke(party, old)
    document = _anchored_json(done, path) | ({} if ended is None else {"superseded": receipt_json(ended)})
    extra = [] if ended is None else [("Ended", f"the grant before it, gas {ended.gas_used:,}")]
    session.out.result(document, table([*_anchored_rows(done, path), *extra, ("Hand over", path)]))


@command(app, "refuse", "consent refuse request.json")
def refuse(
    session: Session,
    request: RequestFile,
    language: Language = None,
    key: Key = None,
    sender: Sender = None,
    yes: Yes = False,
) -> None:
    """Say no, and be able to prove that you did."""
    from registry.client.granting import refuse as decline

    done = decline(session.party(), _request_bytes(request), language=language, confirm=_confirm(session, yes))
    path = session.home.keep(done.evidence)
    session.out.result(_anchored_json(done, path), table(_anchored_rows(done, path)))


@command(app, "accept", "consent accept grant.json")
def accept(session: Session, file: EvidenceFile, key: Key = None, sender: Sender = None) -> None:
    """Verify a grant to this brand, counter-sign it, and write the completed file."""
    from registry.client.accepting import accept as countersign

    done = countersign(session.party(), session.home.find(file))
    path = session.home.keep(done.evidence)
    session.out.result(_anchored_json(done, path), table(_anchored_rows(done, path)))


@command(app, "open", "consent open grant.json --out data/")
def open_(
    session: Session,
    file: EvidenceFile,
    out: Annotated[Path, typer.Option(help="A new folder for the opened files.")],
    key: Key = None,
) -> None:
    """Verify a grant to this brand, fetch the data it hands over, and open it."""
    from registry.client.accepting import open_data

    with session.out.working("fetching and opening"):
        opened = open_data(session.party(), session.home.find(file), out)
    document = {"files": [{"path": str(o.path), "bytes": o.size, "category": o.category} for o in opened]}
    session.out.result(document, [f"{o.path}  {o.size:,} bytes  {o.category}" for o in opened])


def _request_bytes(file: Path) -> bytes:
    from registry.client.homes import read_bounded
    from registry.core.evidence import MAX_EVIDENCE

    return read_bounded(file, MAX_EVIDENCE)


def _confirm(session: Session, yes: bool) -> Callable[[Proposal], bool]:
    """Show the proposal, then ask: on stderr, so that stdout holds the result alone."""

    def confirm(proposal: Proposal) -> bool:
        for line in proposal_lines(proposal):
            session.out.note(line)
        if yes:
            return True
        if not sys.stdin.isatty():
            raise InvalidInput("nobody is there to say yes", "Run it in a terminal, or add --yes.")
        return typer.confirm("\nSign it?", default=False, err=True)

    return confirm


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
