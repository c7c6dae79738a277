"""``brand evidence``: erase what a person asked to have erased, or keep it for a legal claim."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from registry.brand.records import Answer
from registry.brand.settings import require_brand
from registry.cli.app import command, group
from registry.cli.brand_context import Dir, folder_of, store_of
from registry.cli.context import Context
from registry.core.errors import InvalidInput
from registry.core.instants import microseconds
from registry.core.scalars import to_hex
from registry.present.certificates import counted
from registry.present.text import Row, table

if TYPE_CHECKING:
    from registry.brand.evidence_erasure import Done, EvidenceErasure

_HELP = "Erase the evidence of a person who asks for that, or keep it for a legal claim."
_NAMED = re.compile("0x(?:[0-9a-f]{64}|[0-9a-fA-F]{40})")
What = Annotated[
    list[str], typer.Argument(metavar="WHAT", help="Digests of grants and refusals, or people's addresses.")
]


def add_to(brand: typer.Typer) -> None:
    """Add the group of these commands."""
    evidence = group("evidence", "consent brand evidence erase 0x...", owner=brand, help=_HELP)
    command(evidence, "erase", "consent brand evidence erase 0x... --dry-run", options=("yes",))(erase)
    command(evidence, "hold", "consent brand evidence hold 0x... --until 2032-12-31 --reason 'a dispute'")(hold)
    command(evidence, "release", "consent brand evidence release 0x...")(release)


def erase(
    ctx: Context,
    what: What,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")] = False,
    directory: Dir = None,
) -> None:
    """Erase what the brand keeps of grants that have ended, and of refusals, for good (GDPR, article 17).

    The service must have acknowledged an end, and erased the data. Hashes stay that lead to nothing without the
    person's own file. A certificate says what went and what stays; it names nothing of it.
    """
    erasure = _erasure(ctx, directory)
    if not dry_run and (left := erasure.go_on()) is not None:
        ctx.out.note("An erasure was interrupted. It is finished here.")
        ctx.out.note(f"Certificate  {left.file}")
    some = _found(erasure, what)
    erasure.check(some)
    rows: list[Row] = [(each.kind, f"{to_hex(each.digest)[:14]}, {each.state}") for each in some]
    if dry_run:
        names = [{"digest": to_hex(each.digest), "kind": each.kind} for each in some]
        return ctx.out.result({"dryRun": True, "statements": names}, ["This would go for good:", *table(rows)])
    for line in table(rows):
        ctx.out.note(line)
    ctx.agree(question="There is no way back. Erase these?", left="Nothing was erased.")
    with ctx.working("erasing"):
        done = erasure.erase(some)
    return _print(ctx, done)


def hold(
    ctx: Context,
    what: What,
    until: Annotated[str, typer.Option("--until", metavar="DAY", help="It is not erased before this day (UTC).")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="The legal claim that it is kept for.")],
    directory: Dir = None,
) -> None:
    """Keep evidence from being erased until a day, for a legal claim (GDPR, article 17(3)(e))."""
    erasure = _erasure(ctx, directory)
    count = erasure.hold(_found(erasure, what), microseconds(until) // 1_000_000, reason)
    document = {"held": count, "until": until, "reason": reason}
    ctx.out.result(document, [f"{counted(count, 'statement')} is not erased before {until} ({reason})."])


def release(ctx: Context, what: What, directory: Dir = None) -> None:
    """End legal holds. Nothing is erased by that."""
    erasure = _erasure(ctx, directory)
    count = erasure.release(_found(erasure, what))
    ctx.out.result({"released": count}, [f"Released: {counted(count, 'hold')}."])


def _erasure(ctx: Context, directory: Path | None) -> EvidenceErasure:
    folder = folder_of(directory)
    settings = require_brand(folder)
    from registry.brand.evidence_erasure import EvidenceErasure  # it needs the libraries of the extra

    return EvidenceErasure(store_of(folder, settings, made=False), folder, ctx.network.clock)


def _found(erasure: EvidenceErasure, what: list[str]) -> list[Answer]:
    for name in what:
        if _NAMED.fullmatch(name) is None:
            raise InvalidInput(f"{name[:80]!r} is neither a digest nor an address", "See `consent brand inbox`.")
    found = [each for name in what for each in erasure.find(name)]
    return list({each.id: each for each in found}.values())


def _print(ctx: Context, done: Done) -> None:
    made = done.certificate
    rows: list[Row] = [("Erased", f"{counted(made.grants, 'grant')}, {counted(made.refusals, 'refusal')}")]
    rows += [("Still named in", counted(made.found, "row"))] if made.found else []
    rows += [("Kept", each) for each in made.kept] + [("Out of reach", each) for each in made.remains]
    rows.append(("Certificate", str(done.file)))
    document: dict[str, Any] = {"file": str(done.file), "certificate": msgspec.to_builtins(made)}
    ctx.out.result(document, table(rows))
