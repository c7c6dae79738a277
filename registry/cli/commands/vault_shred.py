"""``vault shred`` and ``vault release``: records go for good, or are kept out of use until a day."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from registry.cli.app import command
from registry.cli.context import Context
from registry.cli.ui.prompts import ask_text
from registry.client import shredding as use_case
from registry.core import codec
from registry.core.errors import InvalidInput, Rejected
from registry.core.sealed.certificate import ShredCertificate
from registry.fs.files import replace_file
from registry.present.certificates import certificate_lines, counted
from registry.present.text import Row, table
from registry.present.wording import terms
from registry.vault.database import Database
from registry.vault.shred import Plan, Selection, selection_of

Selected = Annotated[
    list[str],
    typer.Argument(metavar="WHAT", help="Records, one category, ALL, or DUE: all whose day has come."),
]
_EXAMPLE = """consent vault shred 9c1e5b7a2f30 --dry-run
consent vault shred pd:Purchase --hold 'tax law' --until 2032-12-31
consent vault shred DUE"""

_STEPS = {
    "segments": "erasing: {at:,} of {of:,} segments",
    "copy": "erasing in the working copy",
    "stores": "looking for what is left",
}


def add_to(vault: typer.Typer) -> None:
    """Add these commands to the group."""
    command(vault, "shred", _EXAMPLE, options=("yes", "force"))(shred)
    command(vault, "release", "consent vault release 9c1e5b7a2f30")(release)


def shred(
    ctx: Context,
    selected: Selected,
    until: Annotated[
        str | None,
        typer.Option(metavar="DAY", help="Do not shred yet: keep them out of use until this day, as 2032-12-31."),
    ] = None,
    hold: Annotated[
        str | None,
        typer.Option("--hold", metavar="REASON", help="A legal hold: they are not shredded before that day."),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the certificate goes; by default into the home.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")] = False,
) -> None:
    """Erase records for good, everywhere in reach, and write a signed certificate of where that was checked.

    With --until they are withdrawn first: no search, share or export has them, and `consent vault release` brings them
    back, until that day; `consent vault shred DUE` then erases them. Brands that hold them get tombstones either way;
    copies that they made stay with them.
    """
    if hold is not None and until is None:
        raise InvalidInput("a legal hold ends on some day", "Name it with --until.")
    if certificate is not None:
        ctx.check_out(certificate)
    with ctx.session.vault() as vault:
        selection = _selection(vault, selected)
        if until is not None:
            _withdraw(ctx, vault, selection, until, hold, dry_run)
            return
        plan = vault.erasure.plan(selection)
        if dry_run:
            ctx.out.result(_plan_json(plan), ["This would go for good:", *table(_plan_rows(plan))])
            return
        agreed = _agree(ctx, plan)
        with ctx.working("erasing, and looking for what is left"):
            made = use_case.shred(vault, ctx.home.evidence, selection, agreed=agreed, told=partial(_tell, ctx))
    _write(ctx, made, certificate)


def release(ctx: Context, selected: Selected) -> None:
    """Bring withdrawn records back, and end their legal holds."""
    with ctx.session.vault() as vault, ctx.working("bringing records back"):
        count = vault.erasure.release(_selection(vault, selected))
    ctx.out.result({"released": count}, [f"Back in use: {counted(count, 'record')}."])


def _selection(vault: Database, words: list[str]) -> Selection:
    made = selection_of(words)
    return made._replace(ids=tuple(dict.fromkeys(vault.find(one) for one in made.ids)))


def _withdraw(
    ctx: Context, vault: Database, selection: Selection, until: str, reason: str | None, is_dry: bool
) -> None:
    if is_dry:
        count, text = len(vault.erasure.plan(selection).ids), "would be"
    else:
        with ctx.working("withdrawing"):
            count, text = vault.erasure.withdraw(selection, until, reason), "now"
    document = {"withdrawn": count, "until": until, "reason": reason, "dryRun": is_dry}
    why = f" ({reason})" if reason else ""
    ctx.out.result(document, [f"{counted(count, 'record')} {text} kept out of use until {until}{why}."])


def _tell(ctx: Context, what: str, at: int, of: int) -> None:
    ctx.out.progress(_STEPS[what].format(at=at, of=of))


def _agree(ctx: Context, plan: Plan) -> frozenset[str] | None:
    """Have the person type how many records go: a yes is typed too easily. Return what they agreed to, None for any."""
    if not (count := len(plan.ids)):
        return None
    for line in table(_plan_rows(plan)):
        ctx.out.note(line)
    if not ctx.flags.get("yes"):
        typed = ask_text(f"There is no way back. Type the number of records ({count}) to shred them").replace(",", "")
        if typed.strip() != str(count):
            raise Rejected("that is another number", "Nothing was shredded.")
        return plan.ids
    return None


def _plan_rows(plan: Plan) -> list[Row]:
    versions, files = counted(plan.survey.versions, "version"), counted(len(plan.survey.files), "large file")
    rows: list[Row] = [("Records", f"{len(plan.ids):,}, with {versions} and {files}")]
    rows += [("Category", f"{terms([one.category])}: {one.records:,}") for one in plan.survey.counted()]
    rows += [("Shared with", one.controller) for one in plan.live]
    rows += [("Ended bundle of", one.controller) for one in plan.ended]
    return rows + [
        ("On a legal hold", f"{one.record}, until {one.until}: {one.reason}") for one in plan.on_hold.values()
    ]


def _plan_json(plan: Plan) -> dict[str, Any]:
    return {
        "dryRun": True,
        "records": len(plan.ids),
        "versions": plan.survey.versions,
        "files": len(plan.survey.files),
        "categories": {one.category: one.records for one in plan.survey.counted()},
        "live": [one.controller for one in plan.live],
        "ended": [one.controller for one in plan.ended],
        "onHold": [msgspec.to_builtins(one) for one in plan.on_hold.values()],
    }


def _write(ctx: Context, made: ShredCertificate, file: Path | None) -> None:
    name = made.at.replace(":", "")
    target = file or ctx.home.path / "certificates" / f"shredded-{name}-{made.signature[2:10]}.json"
    try:
        replace_file(target, codec.encode(made))
    except InvalidInput:
        # The records are gone, so the certificate must not be lost with them.
        ctx.out.note("The certificate could not be written. This is it:")
        ctx.out.note(codec.encode(made).decode())
        raise
    document: dict[str, Any] = msgspec.to_builtins(made)
    lines = [*certificate_lines(made), *table([("Certificate", str(target))])]
    ctx.out.result({"complete": made.is_complete, "file": str(target), "certificate": document}, lines)
