"""``verify``: anybody checks whether evidence holds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.cli.exit_codes import NO, error_document, exit_code
from registry.client import verify as use_case
from registry.client.wallets import typed_address
from registry.core.errors import InvalidInput, Malformed, NotConsented
from registry.core.evidence.file import Evidence, parse_evidence
from registry.core.verify.judge import VerifiedStatement
from registry.present.text import NO as RED
from registry.present.text import YES, Line
from registry.present.wording import holds, verified_json, verified_lines

if TYPE_CHECKING:
    from registry.client.network import Network

_EXAMPLE = "consent verify grant.json --purpose dpv:Personalisation\nconsent verify 0x3f9a2c\nconsent verify received/"


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


_Files = Annotated[
    list[str], typer.Argument(metavar="FILE...", help="Evidence files, digests of what is kept here, or folders.")
]


@command(app, "verify", _EXAMPLE)
def verify(
    ctx: Context,
    files: _Files,
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
    as "not asked", never implied. Several files, or a folder, get a line each; the exit code is then 3 if one of them
    could not be checked, else 1 if one is a no.
    """
    moment = None if at is None else parse_time(at)
    many = len(files) > 1 or Path(files[0]).is_dir()
    if many and grant is not None:
        raise InvalidInput("--grant belongs to one acceptance", "Name one file.")
    found = ctx.home.find_all(files)
    beside = None if grant is None else parse_evidence(ctx.home.find(grant))
    trusted = None if registry is None else typed_address(registry)
    named = None if controllers is None else [typed_address(controller) for controller in controllers]
    asked: dict[str, Any] = {"controllers": named, "purposes": purpose, "data": data, "terms": terms}
    asked |= {"accepted": accepted, "confirmations": confirmations, "max_backdate": max_backdate}
    if many:
        _verify_many(ctx, found, trusted, asked, moment)
    _verify_one(ctx, found[0][1], trusted, asked, moment, beside)


def _network(ctx: Context, trusted: str | None) -> Network:
    return ctx.network if trusted is None else ctx.session.bare_network(trusted)


def _verify_one(
    ctx: Context, raw: bytes, trusted: str | None, asked: dict[str, Any], at: int | None, grant: Evidence | None
) -> None:
    try:
        evidence = parse_evidence(raw)
        network = _network(ctx, trusted)
        policy = network.policy(**asked)
        with ctx.working("reading the chain"):
            verified = use_case.verify(network, evidence, policy, at=at, grant=grant)
    except NotConsented as no:
        _print_no(ctx, no)
    ctx.out.result(verified_json(verified), verified_lines(verified))


def _verify_many(
    ctx: Context, found: list[tuple[str, bytes]], trusted: str | None, asked: dict[str, Any], at: int | None
) -> NoReturn:
    network = _network(ctx, trusted)
    policy = network.policy(**asked)
    with ctx.working("reading the chain"):
        answers = use_case.verify_many(network, [raw for _, raw in found], policy, at=at)
    codes = [_print_one(ctx, name, answer) for (name, _), answer in zip(found, answers, strict=True)]
    raise typer.Exit(max(codes))


def _print_one(ctx: Context, name: str, answer: use_case.Answer) -> int:
    """Print the line of one file among many, and return its exit code."""
    if isinstance(answer, VerifiedStatement):
        words = f"Yes: this {answer.evidence.kind} {holds(answer)}"
        ctx.out.result({"file": name} | verified_json(answer), [Line(f"{name}  {words}", 0, YES)])
        return 0
    code, error = exit_code(answer), type(answer).__name__
    is_no = isinstance(answer, NotConsented)
    document = {"file": name, "verified": False if is_no else None}
    document |= error_document(error, str(answer), answer.advice, code)
    ctx.out.result(document, [Line(f"{name}  {'No' if is_no else 'Not checked'}: {error}: {answer}", 0, RED)])
    return code


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
