"""``verify``: anybody checks whether evidence holds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, NoReturn

import typer

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.cli.exit_codes import NO, error_document
from registry.cli.options import EvidenceFile
from registry.client import verify as use_case
from registry.client.wallets import typed_address
from registry.core.errors import InvalidInput, Malformed, NotConsented
from registry.core.evidence.file import parse_evidence
from registry.present.text import NO as RED
from registry.present.text import Line
from registry.present.wording import verified_json, verified_lines

_EXAMPLE = "consent verify grant.json --purpose dpv:Personalisation\nconsent verify 0x3f9a2c"


_Controllers = Annotated[
    list[str] | None,
    typer.Option("--controller", metavar="ADDRESS", help="Who may be the controller; repeat for any of them."),
]
_Registry = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="The registry you trust, on the node of --rpc-url; needs no folder."),
]
_Confirmations = Annotated[int | None, typer.Option(metavar="N", min=0, help="Blocks that must lie above the anchor.")]
_MaxBackdate = Annotated[
    int | None, typer.Option(metavar="SECONDS", min=0, help="May claim to be older than its anchor by so much.")
]
_At = Annotated[str | None, typer.Option(metavar="TIME", help="Not now: unix seconds, or 2026-11-23T12:00:00Z.")]
_Accepted = Annotated[bool, typer.Option("--accepted", help="The controller must have counter-signed.")]
_Grant = Annotated[str | None, typer.Option(metavar="FILE", help="The grant that a stand-alone acceptance accepts.")]


@command(app, "verify", _EXAMPLE)
def verify(
    ctx: Context,
    file: EvidenceFile,
    controllers: _Controllers = None,
    purpose: Annotated[list[str] | None, typer.Option(metavar="IRI", help="Must be granted; repeat.")] = None,
    data: Annotated[list[str] | None, typer.Option(metavar="IRI", help="Must be granted; repeat.")] = None,
    terms: Annotated[str | None, typer.Option(metavar="IRI", help="The agreement that must be granted.")] = None,
    accepted: _Accepted = False,
    confirmations: _Confirmations = None,
    max_backdate: _MaxBackdate = None,
    at: _At = None,
    grant: _Grant = None,
    registry: _Registry = None,
) -> None:
    """Check whether it holds.

    Reads the chain that is configured, never the one that the file names. A question that you do not ask is reported
    as "not asked", never implied.
    """
    moment = None if at is None else parse_time(at)
    raw = ctx.home.find(file)
    beside = None if grant is None else parse_evidence(ctx.home.find(grant))
    trusted = None if registry is None else typed_address(registry)
    named = None if controllers is None else [typed_address(controller) for controller in controllers]
    asked = {"controllers": named, "purposes": purpose, "data": data, "terms": terms, "accepted": accepted}
    bounds = {"confirmations": confirmations, "max_backdate": max_backdate}
    try:
        evidence = parse_evidence(raw)
        network = ctx.network if trusted is None else ctx.session.bare_network(trusted)
        policy = network.policy(**asked, **bounds)
        with ctx.working("reading the chain"):
            verified = use_case.verify(network, evidence, policy, at=moment, grant=beside)
    except NotConsented as no:
        _print_no(ctx, no)
    ctx.out.result(verified_json(verified), verified_lines(verified))


def parse_time(text: str) -> int:
    """Return unix seconds from digits or ISO 8601 (UTC where it names no zone); else ``InvalidInput``."""
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is not a time", "Write unix seconds, or 2026-11-23T12:00:00Z.") from None
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp())


def _print_no(ctx: Context, no: NotConsented) -> NoReturn:
    name = type(no).__name__
    document = {"verified": False} | error_document(name, str(no), no.advice, NO)
    if isinstance(no, Malformed) and not ctx.out.as_json:
        raise no  # a malformed file holds no statement to judge
    lines: list[str | Line] = [Line(f"No: {name}: {no}", 0, RED), no.advice]
    ctx.out.result(document, lines)
    raise typer.Exit(NO)
