"""``verify``, ``status``, ``evidence``: what holds, and what a file says."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from registry.cli.app import NO, app, command, group
from registry.cli.output import table
from registry.cli.session import Session
from registry.cli.words import evidence_rows, moment, verified_json, verified_lines
from registry.core.errors import InvalidInput, NotConsented

if TYPE_CHECKING:
    from registry.core.evidence import Evidence
    from registry.core.policy import Policy
    from registry.core.verifier import VerifiedStatement

evidence = group("evidence", "Evidence files: what they say, and their one spelling.")
File = Annotated[str, typer.Argument(help="An evidence file, or the digest of one that is kept here.")]
_Terms = Iterable[str] | None


@command(app, "verify", "consent verify grant.json --purpose dpv:Personalisation --data pd:Purchase")
def verify(
    session: Session,
    file: File,
    controller: Annotated[list[str] | None, typer.Option(help="Who must be the controller; repeat for any of.")] = None,
    purpose: Annotated[list[str] | None, typer.Option(help="A purpose that must be granted; repeat.")] = None,
    data: Annotated[list[str] | None, typer.Option(help="A datum that must be granted; repeat.")] = None,
    terms: Annotated[str | None, typer.Option(help="The agreement that must be granted.")] = None,
    accepted: Annotated[bool, typer.Option("--accepted", help="The controller must have counter-signed.")] = False,
    confirmations: Annotated[int | None, typer.Option(help="Blocks that must lie above the anchor.")] = None,
    max_backdate: Annotated[int | None, typer.Option(help="Seconds it may claim to be older than its anchor.")] = None,
    at: Annotated[
        str | None, typer.Option(help="Another time than now: unix seconds, or 2026-11-23T12:00:00Z.")
    ] = None,
    grant: Annotated[str | None, typer.Option(help="The grant that a stand-alone acceptance accepts.")] = None,
) -> None:
    """Does it hold? Reads the chain that is configured, never the one the file names. What is not asked says so."""
    from registry.client.checking import verify as check
    from registry.core.evidence import parse_evidence

    policy = _policy(
        session,
        controllers=None if controller is None else frozenset(controller),
        purposes=_set(purpose),
        data=_set(data),
        terms=terms,
        accepted=accepted,
        confirmations=confirmations,
        max_backdate=max_backdate,
    )
    moment_asked = None if at is None else parse_time(at)
    raw = session.home.find(file)
    beside = None if grant is None else parse_evidence(session.home.find(grant))
    try:
        verified = check(session.network, raw, policy, at=moment_asked, grant=beside)
    except NotConsented as no:
        _say_no(session, no)
    session.out.result(verified_json(verified), verified_lines(verified))


@command(app, "status", "consent status")
def status(session: Session) -> None:
    """Every consent that is kept here, and whether it holds now."""
    from registry.client.checking import survey
    from registry.core.scalars import to_hex

    kept = [found for _, found in session.home.kept()]
    with session.out.working("reading the chain"):
        head = session.network.ledger.head()
        judged = survey(session.network, kept)
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
        ("Head", f"block {head.number}, {moment(head.time)}"),
    ]
    lines = [f"{to_hex(e.digest)[:14]}  {_state_line(e, answer)}" for e, answer in zip(kept, judged, strict=True)]
    session.out.result(document, [*table(rows), "", *(lines or ["no consent is kept here yet"])])


@command(evidence, "show", "consent evidence show grant.json")
def show(session: Session, file: File) -> None:
    """What a file says, in words. Nothing of it is checked against the chain: that is `consent verify`."""
    from registry.core.evidence import parse_evidence

    raw = session.home.find(file)
    found = parse_evidence(raw)
    lines = [*table(evidence_rows(found)), "", "This is what the file says; `consent verify` says whether it holds."]
    session.out.result(json.loads(raw), lines)


@command(evidence, "canonical", "consent evidence canonical pretty.json > grant.json")
def canonical(
    session: Session,
    file: File,
    out: Annotated[Path | None, typer.Option(help="Where to write it; standard output by default.")] = None,
) -> None:
    """Bring a re-formatted file back to its one spelling (RFC 8785). A changed value stays changed."""
    from registry.core.evidence import canonical_evidence
    from registry.storage.files import replace_file

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


def _policy(session: Session, **asked: Any) -> Policy:
    """The flags, and for what they leave open the configuration's bounds."""
    bounds = {name: _number(session, name, asked.get(name)) for name in _BOUNDS}
    bounds["confirmations"] = bounds["confirmations"] or 0
    return session.network.policy(**asked | bounds)


_BOUNDS = ("confirmations", "max_backdate", "max_facts_age")


def _number(session: Session, name: str, flag: int | None) -> int | None:
    value = session.setting(name) if flag is None else flag
    if value is None:
        return None
    try:
        return int(value)
    except (TypeError, ValueError):
        raise InvalidInput(f"{name} is {value!r}, not a number", "Put the configuration right.") from None


def _set(values: _Terms) -> frozenset[str] | None:
    return None if values is None else frozenset(values)


def _say_no(session: Session, no: NotConsented) -> NoReturn:
    name = type(no).__name__
    document = {"verified": False, "error": name, "message": str(no), "advice": no.advice, "exit": NO}
    session.out.result(document, [f"No: {name}: {no}", no.advice])
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


def _state_line(evidence: Evidence, answer: VerifiedStatement | NotConsented) -> str:
    message: Any = evidence.statement.message
    who = evidence.parsed_notice.controller.name if evidence.parsed_notice else message.controller
    if isinstance(answer, NotConsented):
        return f"{evidence.kind} to {who}: {type(answer).__name__}: {answer}"
    until = f", until {moment(message.expires_at)}" if hasattr(message, "expires_at") else ""
    accepted = ", accepted" if answer.acceptance == "verified" else ""
    return f"{evidence.kind} to {who}: holds{until}{accepted}"
