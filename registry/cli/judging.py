"""``verify``, ``status``, ``evidence``: what holds, and what a file says."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from registry.cli.app import ANYBODY, YOURS, app, command, group
from registry.cli.context import Session
from registry.cli.exit_codes import NO, error_document
from registry.cli.wallets import typed_address
from registry.core.errors import InvalidInput, Malformed, NotConsented
from registry.core.times import format_utc
from registry.present.text import NAME, Line, table
from registry.present.text import NO as RED
from registry.present.wording import evidence_rows, verified_json, verified_lines

if TYPE_CHECKING:
    from registry.client.network import Network
    from registry.core.evidence.file import Evidence
    from registry.core.verify.judge import VerifiedStatement
    from registry.core.verify.policy import Policy

evidence = group(
    "evidence", "Evidence files: what they say, and their one spelling.", ANYBODY, "consent evidence show grant.json"
)
File = Annotated[str, typer.Argument(metavar="FILE", help="An evidence file, or the digest of one that is kept here.")]
_Terms = Iterable[str] | None
_SHOWN = "This is what the file says; `consent verify` says whether it holds."


@command(
    app, "verify", "consent verify grant.json --purpose dpv:Personalisation\nconsent verify 0x3f9a2c", panel=ANYBODY
)
def verify(
    session: Session,
    file: File,
    controller: Annotated[
        list[str] | None, typer.Option(metavar="ADDRESS", help="Who may be the controller; repeat for any of them.")
    ] = None,
    purpose: Annotated[list[str] | None, typer.Option(metavar="IRI", help="Must be granted; repeat.")] = None,
    data: Annotated[list[str] | None, typer.Option(metavar="IRI", help="Must be granted; repeat.")] = None,
    terms: Annotated[str | None, typer.Option(metavar="IRI", help="The agreement that must be granted.")] = None,
    accepted: Annotated[bool, typer.Option("--accepted", help="The controller must have counter-signed.")] = False,
    confirmations: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Blocks that must lie above the anchor.")
    ] = None,
    max_backdate: Annotated[
        int | None, typer.Option(metavar="SECONDS", min=0, help="May claim to be older than its anchor by so much.")
    ] = None,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="Not now: unix seconds, or 2026-11-23T12:00:00Z.")
    ] = None,
    grant: Annotated[
        str | None, typer.Option(metavar="FILE", help="The grant that a stand-alone acceptance accepts.")
    ] = None,
    registry: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="The registry you trust, on the node of --rpc-url; needs no folder."),
    ] = None,
) -> None:
    """Does it hold?

    Reads the chain that is configured, never the one that the file names. What you do not ask is reported as "not
    asked", never implied.
    """
    from registry.client.verify import verify as check
    from registry.core.evidence.file import parse_evidence

    moment_asked = None if at is None else parse_time(at)
    raw = session.home.find(file)
    beside = None if grant is None else parse_evidence(session.home.find(grant))
    trusted = None if registry is None else typed_address(registry)
    try:
        found = parse_evidence(raw)
        network = session.network if trusted is None else session.bare_network(trusted)
        policy = _policy(
            session,
            network,
            controllers=None if controller is None else frozenset(map(typed_address, controller)),
            purposes=_set(purpose),
            data=_set(data),
            terms=terms,
            accepted=accepted,
            confirmations=confirmations,
            max_backdate=max_backdate,
        )
        with session.out.working("reading the chain"):
            verified = check(network, found, policy, at=moment_asked, grant=beside)
    except NotConsented as no:
        _say_no(session, no)
    session.out.result(verified_json(verified), verified_lines(verified))


@command(app, "status", "consent status", panel=YOURS)
def status(session: Session) -> None:
    """Every consent that is kept here, and whether it holds now."""
    from registry.client.verify import verify_many

    kept = [found for _, found in session.home.kept()]
    network = session.network
    with session.out.working("reading the chain"):
        head = network.ledger.head()
        judged = verify_many(network, kept)
    document = {
        "home": str(session.home.path),
        "network": str(session.network_path),
        "chainId": session.network.domain.chain_id,
        "registry": session.network.domain.verifying_contract,
        "block": head.number,
        "evidence": [_state_json(e, answer) for e, answer in zip(kept, judged, strict=True)],
    }
    rows = [
        ("Home", session.home.path),
        ("Network", session.network_path),
        ("Registry", f"{document['registry']} on chain {document['chainId']}"),
        ("Head", f"block {head.number}, {format_utc(head.time)}"),
    ]
    lines: list[str | Line] = [*table(rows), ""]
    lines += [_state_line(e, answer) for e, answer in zip(kept, judged, strict=True)] or [
        "No consent is kept here yet."
    ]
    session.out.result(document, lines)


@command(evidence, "show", "consent evidence show grant.json\nconsent evidence show grant.json --html grant.html")
def show(
    session: Session,
    file: File,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page to read and print; it must not exist yet.")
    ] = None,
    language: Annotated[str, typer.Option(metavar="TAG", help="The page's own words: en or fr.")] = "en",
) -> None:
    """What a file says, in words.

    Nothing of it is checked against the chain: that is `consent verify`.
    """
    from registry.core.evidence.file import parse_evidence

    raw = session.home.find(file)
    found = parse_evidence(raw)
    if html is not None:
        _write_page(session, found, raw, html, language)
        return
    lines: list[str | Line] = [*table(evidence_rows(found)), "", _SHOWN]
    session.out.result(json.loads(raw), lines)


def _write_page(session: Session, found: Evidence, raw: bytes, file: Path, language: str) -> None:
    from registry.fs.files import replace_file
    from registry.present.evidence_html import evidence_page

    if file.exists():
        raise InvalidInput(f"{file} exists already", "Name a new file; a page never replaces another.")
    page = evidence_page(found, raw, language)
    replace_file(file, page)
    session.out.result({"file": str(file), "bytes": len(page)}, [f"{file}  {len(page):,} bytes", _SHOWN])


@command(evidence, "canonical", "consent evidence canonical pretty.json > grant.json")
def canonical(
    session: Session,
    file: File,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write it; standard output by default.")
    ] = None,
) -> None:
    """Bring a re-formatted file back to its one spelling (RFC 8785).

    White space and order are put right; a changed value stays changed, and its signature stays wrong.
    """
    from registry.core.evidence.file import canonical_evidence
    from registry.fs.files import replace_file

    raw = canonical_evidence(session.home.find(file))
    if out is None:
        typer.echo(raw, nl=False)
        return
    replace_file(out, raw)
    session.out.result({"file": str(out), "bytes": len(raw)}, [f"{out}  {len(raw):,} bytes"])


def parse_time(text: str) -> int:
    """Unix seconds, from digits or from ISO 8601 (UTC where it names no zone); else ``InvalidInput``."""
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is not a time", "Write unix seconds, or 2026-11-23T12:00:00Z.") from None
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp())


def _policy(session: Session, network: Network, **asked: Any) -> Policy:
    """The flags, and for what they leave open the configuration's bounds."""
    bounds = {name: _number(session, name, asked.get(name)) for name in _BOUNDS}
    bounds["confirmations"] = bounds["confirmations"] or 0
    return network.policy(**asked | bounds)


_BOUNDS = ("confirmations", "max_backdate", "max_facts_age")


def _number(session: Session, name: str, flag: int | None) -> int | None:
    value = session.setting(name) if flag is None else flag
    if value is None:
        return None
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = -1
    if number < 0 or isinstance(value, bool):
        raise InvalidInput(f"{name} is {value!r}, not a number from 0 on", "Put the configuration right.")
    return number


def _set(values: _Terms) -> frozenset[str] | None:
    return None if values is None else frozenset(values)


def _say_no(session: Session, no: NotConsented) -> NoReturn:
    name = type(no).__name__
    document = {"verified": False} | error_document(name, str(no), no.advice, NO)
    if isinstance(no, Malformed) and not session.out.as_json:
        raise no  # no judgement of a statement: there is none
    lines: list[str | Line] = [Line(f"No: {name}: {no}", 0, RED), no.advice]
    session.out.result(document, lines)
    raise typer.Exit(NO)


def _state_json(evidence: Evidence, answer: VerifiedStatement | NotConsented) -> dict[str, Any]:
    from registry.core.scalars import to_hex

    state = type(answer).__name__ if isinstance(answer, NotConsented) else "Valid"
    message: Any = evidence.statement.message
    return {
        "digest": to_hex(evidence.digest),
        "kind": evidence.kind,
        "controller": message.controller,
        "purposes": list(message.purposes),
        "state": state,
        "expiresAt": getattr(message, "expires_at", None),
        "accepted": None if isinstance(answer, NotConsented) else answer.acceptance == "verified",
    }


def _state_line(evidence: Evidence, answer: VerifiedStatement | NotConsented) -> Line:
    from registry.core.scalars import to_hex

    message: Any = evidence.statement.message
    who = evidence.parsed_notice.controller.name if evidence.parsed_notice else message.controller
    digest = f"{to_hex(evidence.digest)[:14]}  "
    return Line(f"{digest}{evidence.kind} to {who}: {_state(message, answer)}", len(digest), NAME)


def _state(message: Any, answer: VerifiedStatement | NotConsented) -> str:
    if isinstance(answer, NotConsented):
        return f"{type(answer).__name__}: {answer}"
    until = f", until {format_utc(message.expires_at)}" if hasattr(message, "expires_at") else ""
    accepted = ", accepted" if answer.acceptance == "verified" else ""
    return f"holds{until}{accepted}"
