"""``evidence shred`` and ``evidence release``: evidence goes for good, or is kept and not used until a day."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from registry.cli.app import command
from registry.cli.context import Context
from registry.cli.ui.prompts import ask_text
from registry.client.evidence_traces import Going
from registry.core import codec
from registry.core.errors import InvalidInput, Rejected
from registry.fs.files import replace_file
from registry.present.certificates import counted, evidence_certificate_lines
from registry.present.text import Line, Row, table

if TYPE_CHECKING:
    from registry.client.evidence_erasure import Done, EvidenceErasure, Plan

Selected = Annotated[
    list[str],
    typer.Argument(
        metavar="WHAT", help="Digests of grants and refusals (first digits do), or DUE: whose day has come."
    ),
]
_EXAMPLE = """consent evidence shred 0x3f9a2c --dry-run
consent evidence shred 0x3f9a2c --hold 'a dispute' --until 2032-12-31
consent evidence shred DUE"""


def add_to(evidence: typer.Typer) -> None:
    """Add these commands to the group."""
    command(evidence, "shred", _EXAMPLE, options=("yes", "force"))(shred)
    command(evidence, "release", "consent evidence release 0x3f9a2c")(release)


def shred(
    ctx: Context,
    selected: Selected,
    until: Annotated[
        str | None,
        typer.Option(metavar="DAY", help="Do not erase yet: keep it, and use it no more, until this day."),
    ] = None,
    hold: Annotated[
        str | None, typer.Option("--hold", metavar="REASON", help="A legal hold: it is not erased before that day.")
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the certificate there too; it lies in your home anyway.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")] = False,
) -> None:
    """Erase grants that have ended, and refusals, for good: the statement, its signature, and all that belongs to it.

    The chain must show that a grant has ended. With --until the evidence is kept first, and nothing uses it until that
    day; `consent evidence release` brings it back. The brand keeps its own copy. A certificate tells what was looked
    into; it names nothing of what is gone.
    """
    if hold is not None and until is None:
        raise InvalidInput("a legal hold ends on some day", "Name it with --until.")
    ctx.check_out(certificate)
    erasure = _erasure(ctx)
    if not dry_run and go_on(ctx) and list(selected) == ["DUE"] and not erasure.vault.marks.due():
        return
    digests = erasure.select(selected)
    if until is not None:
        _withdraw(ctx, erasure, digests, until, hold, dry_run)
        return
    with ctx.working("asking the chain"):
        plan = erasure.plan(digests)
    if dry_run:
        ctx.out.result(_plan_json(plan), ["This would go for good:", *table(_plan_rows(plan))])
        return
    _erase(ctx, erasure, digests, _agree(ctx, plan), certificate)


def _erase(
    ctx: Context,
    erasure: EvidenceErasure,
    digests: tuple[str, ...],
    agreed: frozenset[str] | None,
    certificate: Path | None,
) -> None:
    with ctx.working("erasing, and looking for what is left"):
        done = erasure.shred(digests, agreed)
    if certificate is not None:
        replace_file(certificate, codec.encode(done.certificate))
    _print(ctx, done)


def release(ctx: Context, selected: Selected) -> None:
    """Use evidence again that was kept and not used, and end its legal holds."""
    erasure = _erasure(ctx)
    count = erasure.release(erasure.select(selected))
    ctx.out.result({"released": count}, [f"Back in use: {counted(count, 'statement')}."])


def go_on(ctx: Context) -> bool:
    """Finish an erasure that was interrupted, or that another home did; print its certificate, if there was one."""
    erasure = _erasure(ctx)
    with ctx.working("looking for erasures to finish"):
        done = erasure.go_on()
    if done is not None:
        ctx.out.note("An erasure of evidence was interrupted, or done by another home of yours. It is finished here.")
        _print(ctx, done)
    return done is not None


def _erasure(ctx: Context) -> EvidenceErasure:
    from registry.client.evidence_erasure import EvidenceErasure  # slow to load, and other commands need none

    return EvidenceErasure(ctx.home, ctx.network, ctx.session.vault())


def _withdraw(
    ctx: Context, erasure: EvidenceErasure, digests: tuple[str, ...], until: str, reason: str | None, is_dry: bool
) -> None:
    if is_dry:
        count, text = len(digests), "would be"
    else:
        with ctx.working("asking the chain"):
            count, text = erasure.withdraw(digests, until, reason), "now"
    document = {"withdrawn": count, "until": until, "reason": reason, "dryRun": is_dry}
    why = f" ({reason})" if reason else ""
    ctx.out.result(document, [f"{counted(count, 'statement')} {text} kept and not used until {until}{why}."])


def _agree(ctx: Context, plan: Plan) -> frozenset[str] | None:
    """Have the person type how many go: a yes is typed too easily. Return what they agreed to, None for any."""
    if not (count := len(plan.going)):
        return None
    for line in table(_plan_rows(plan)):
        ctx.out.note(line)
    if ctx.flags.get("yes"):
        return None
    typed = ask_text(f"There is no way back. Type the number of statements ({count}) to erase them").replace(",", "")
    if typed.strip() != str(count):
        raise Rejected("that is another number", "Nothing was erased.")
    return plan.digests


def _name_of(one: Going) -> str:
    notice = one.evidence.parsed_notice
    return notice.controller.name if notice is not None else one.message.controller


def _plan_rows(plan: Plan) -> list[Row]:
    rows: list[Row] = [(one.evidence.kind, f"{one.digest[:14]} to {_name_of(one)}") for one in plan.going]
    rows += [(f"From {one.folder}/", counted(one.files, "file")) for one in plan.files]
    return rows + [
        ("On a legal hold", f"{name[:14]}, until {one.until}: {one.reason}") for name, one in plan.on_hold.items()
    ]


def _plan_json(plan: Plan) -> dict[str, Any]:
    return {
        "dryRun": True,
        "statements": [{"digest": one.digest, "kind": one.evidence.kind} for one in plan.going],
        "files": {one.folder: one.files for one in plan.files},
        "onHold": [{"digest": name, "until": one.until, "reason": one.reason} for name, one in plan.on_hold.items()],
    }


def _print(ctx: Context, done: Done) -> None:
    found = [("Still there", str(path)) for path in done.found]
    lines: list[str | Line] = [*evidence_certificate_lines(done.certificate)]
    lines += table([*found, ("Certificate", str(done.file))])
    document = {
        "complete": done.certificate.is_complete,
        "file": str(done.file),
        "found": [str(path) for path in done.found],
        "certificate": msgspec.to_builtins(done.certificate),
    }
    ctx.out.result(document, lines)
