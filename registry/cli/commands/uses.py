"""``uses``: what a brand read of a person's data, with proofs; and what the file of a changed log proves."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.cli.exit_codes import NO, UNKNOWN
from registry.client.brand_client import BrandClient
from registry.client.uses import SeenUses, UsesReport, is_change, judge_change, look_at_uses
from registry.core.errors import InvalidInput, NotConsented
from registry.core.evidence.file import Evidence, parse_evidence
from registry.core.scalars import format_utc, to_hex
from registry.core.use_audit import Shown
from registry.present.text import NO as RED
from registry.present.text import Line, Row, table
from registry.present.use_table import MEANINGS, reading_lines

_EXAMPLE = "consent uses 0x3f9a2c\nconsent uses home/uses/changed-93ab10f6c2d4e7b1.json"
_PROVEN = (Shown.SPLIT, Shown.SHORTENED)


@command(app, "uses", _EXAMPLE)
def uses(
    ctx: Context,
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="A grant that was delivered: its file or digest. Or a changed log's file."),
    ],
) -> None:
    """Show what a brand read of your data, and check that its log only grows.

    The brand signs the state of its log each day, and anchors it. This checks every proof, and that nothing changed
    since you looked last. A log that was changed gives a file, which anybody can check with this command. Exit code 1:
    the log was changed, or a proof is wrong. 3: that could not be checked, or the file proves nothing alone.
    """
    raw = ctx.home.find(file)
    if is_change(raw):
        _show_change(ctx, raw)
    grant = parse_evidence(raw)
    delivery = ctx.home.deliveries(ctx.configuration.network_path)
    found = delivery.find(to_hex(grant.digest))
    if found is None or found.url is None:
        advice = (
            "Only a brand's service keeps a log: answer its link with `consent grant LINK`. If you did that in another "
            "home, ask there, or copy its file deliveries/DIGEST.json."
        )
        raise InvalidInput("this grant was not taken by a brand's service from this home yet", advice)
    client = BrandClient(delivery.web, found.inbox)
    with ctx.working("asking the brand, and reading the chain"):
        report = look_at_uses(ctx.network, SeenUses(ctx.home.path / "uses"), client, str(found.capability), grant)
    ctx.out.result(_report_json(report), [*table(_rows(report)), *_lines(report)])


def _rows(report: UsesReport) -> list[Row]:
    grant, newest = report.grant, max(report.anchored, default=0)
    notice = grant.parsed_notice
    rows: list[Row] = [("Grant", to_hex(grant.digest))]
    rows.append(("Brand", notice.controller.full_name if notice else grant.statement.message.controller))
    rows.append(("Readings", f"{len(report.uses):,}, of which {_proved(report):,} are proved"))
    if wrong := sum(bool(report.beyond(each)) for each in report.uses):
        rows.append(("Not allowed", f"{wrong:,} of them, by the brand's own words"))
    if newest:
        anchored = format_utc(report.anchored[newest])
        rows.append(("Log", f"{newest:,} entries of all people, signed, and anchored at {anchored}; it only grew"))
    return rows


def _proved(report: UsesReport) -> int:
    return sum(report.anchored_at(each) is not None for each in report.uses)


def _lines(report: UsesReport) -> list[str | Line]:
    if not report.uses:
        return ["", "The brand has noted no reading of your data."]
    return ["", *reading_lines(report.uses, report.anchored, report.beyond)]


def _report_json(report: UsesReport) -> dict[str, Any]:
    readings = [
        {
            "index": each.index,
            "at": each.use.at,
            "purpose": each.use.purpose,
            "data": list(each.use.data),
            "count": each.use.count,
            "system": each.use.system or None,
            "head": each.head if isinstance(each.head, int) else None,
            "anchoredAt": report.anchored_at(each),
            "beyond": [str(how) for how in report.beyond(each)],
        }
        for each in report.uses
    ]
    heads = [
        {
            "size": each.message.size,
            "root": each.message.root,
            "issuedAt": each.message.issued_at,
            "anchoredAt": report.anchored.get(each.message.size),
        }
        for each in report.heads
    ]
    controller = report.grant.statement.message.controller
    return {"grant": to_hex(report.grant.digest), "controller": controller, "readings": readings, "heads": heads}


def _show_change(ctx: Context, raw: bytes) -> None:
    """Tell what the file of a changed log proves, and exit."""
    try:
        with ctx.working("reading the chain"):
            change, wrong = judge_change(ctx.network, raw)
    except NotConsented as error:
        raise InvalidInput(str(error), error.advice) from None
    heads = [_head_json(each, why) for each, why in zip(change.heads, wrong, strict=True)]
    document = {"shown": str(change.shown), "meaning": MEANINGS[change.shown], "heads": heads}
    bad = [why for why in wrong if why]
    if bad:
        lines: list[str | Line] = [Line(f"No: a state of the log does not hold: {bad[0]}", 0, RED)]
    else:
        lines = [MEANINGS[change.shown], *(_head_line(each) for each in change.heads)]
    ctx.out.result(document | {"holds": not bad}, lines)
    raise typer.Exit(NO if bad else 0 if change.shown in _PROVEN else UNKNOWN)


def _head_json(head: Evidence, why: str) -> dict[str, Any]:
    message: Any = head.statement.message
    told = {"size": message.size, "root": message.root, "issuedAt": message.issued_at, "author": head.author}
    return told | {"digest": to_hex(head.digest), "why": why or None}


def _head_line(head: Evidence) -> Line:
    message: Any = head.statement.message
    signed = f"{format_utc(message.issued_at)}  "
    return Line(f"{signed}{message.size:,} entries, root {message.root}, signed by {head.author}", len(signed))
