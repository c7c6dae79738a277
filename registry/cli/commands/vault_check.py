"""``vault check`` and ``vault compact``: a vault is kept whole and small."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from registry.cli.app import command
from registry.cli.context import Context
from registry.cli.exit_codes import NO, UNKNOWN
from registry.present.certificates import counted
from registry.present.text import table
from registry.vault.check import Health
from registry.vault.database import Database

_SHOWN = 20
_MB = 1_000_000
_THERE = "Repair the vault there. If it is gone for good, forget it first (`forget_home` in Python)."
_SILENT = (
    "The store does not tell which other devices there are, so {count} that the vault needs no more stay. An IPFS node"
    " must allow files/ in its RPC. Allow it, then run `consent vault compact`."
)
_WAITS = "{count} that the vault needs no more stay for {devices}. They go once each device has merged."
_FREE = "{count} that the vault needs no more go with the next change: `consent vault compact` makes one."
_TWINS = (
    "Twice there, as two devices imported one file: {count}. `consent vault check --remove-twins` removes the second."
)
_APART = "{one} and {others} are one fact, edited apart: `consent vault remove` one of them."
_REPAIR_FIRST = "No record was removed: repair the vault first."
_AWAY = "The store did not answer for all blocks: check again when it does."


def add_to(vault: typer.Typer) -> None:
    """Add these commands to the group."""
    command(vault, "check", "consent vault check\nconsent vault check --repair")(check)
    command(vault, "compact", "consent vault compact")(compact)


RemoveTwins = Annotated[
    bool, typer.Option("--remove-twins", help="Remove records that two devices imported from the same file.")
]


def check(
    ctx: Context,
    repair: Annotated[
        bool, typer.Option("--repair", help="Write again what is missing, from the working copy.")
    ] = False,
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="With --repair: go on without what nothing can bring back.")
    ] = False,
    remove_twins: RemoveTwins = False,
) -> None:
    """Read every block of the vault, check all seals, signatures and counts, and name what is wrong.

    Also tells which records stand twice, and how many blocks wait for other devices.

    Exit code 0: all is well, or was repaired. 1: something is damaged. 3: the store did not answer for everything.
    """
    with ctx.session.vault() as vault:
        with ctx.working("checking the vault"):
            found = vault.upkeep.check(lambda count: ctx.out.progress(f"checking the vault: {count // _MB:,} MB"))
        document = _document(found)
        lines = [str(one) for one in found.faults[:_SHOWN]]
        lines += [f"and {len(found.faults) - _SHOWN:,} more"] if len(found.faults) > _SHOWN else []
        document["waiting"], told = _waiting(vault)
        if found.is_sound:
            document["twins"], more = _twins(vault, remove_twins)
            told += more
        elif remove_twins:
            told += [_REPAIR_FIRST]
        rows = [("Checked", f"{found.blocks:,} blocks, {found.bytes:,} bytes, {found.versions:,} versions")]
        if repair and not found.is_sound:
            document["repaired"], more = _repair(ctx, vault, found, accept_loss)
            ctx.out.result(document, [*table(rows), *lines, *more, *told])
            if document["repaired"]["left"]:
                raise typer.Exit(NO)
            return
    advice = ["`consent vault check --repair` mends what can be mended."] if found.is_known else [_AWAY]
    ctx.out.result(document, [*table(rows), *([*lines, *advice] if lines else ["Nothing is wrong."]), *told])
    if not found.is_sound:
        raise typer.Exit(NO if found.is_known else UNKNOWN)


def _repair(ctx: Context, vault: Database, found: Health, accept_loss: bool) -> tuple[dict[str, Any], list[str]]:
    with ctx.working("repairing"):
        done = vault.upkeep.repair(found, accept_loss)
    lines = [f"Written again: {done.versions:,} versions, {done.bundles:,} bundles."]
    lines += [f"Lost for good: {one}" for one in done.lost]
    lines += [f"Left to the device that wrote them: {one}. {_THERE}" for one in done.left]
    lost, left = list(done.lost), list(done.left)
    return {"versions": done.versions, "bundles": done.bundles, "lost": lost, "left": left}, lines


def _waiting(vault: Database) -> tuple[int, list[str]]:
    blocks, homes = vault.upkeep.waiting()
    if not blocks:
        return 0, []
    what = counted(blocks, "block")
    if homes is None:
        return blocks, [_SILENT.format(count=what)]
    if not homes:
        return blocks, [_FREE.format(count=what)]
    return blocks, [_WAITS.format(count=what, devices=counted(homes, "other device"))]


def _twins(vault: Database, removes: bool) -> tuple[dict[str, Any], list[str]]:
    removed = vault.upkeep.remove_twins() if removes else []
    found = vault.upkeep.twins()
    same = [one for each in found for one in each.same]
    apart = [each for each in found if each.other]
    lines = [f"Removed {counted(len(removed), 'record')} that stood twice."] if removes else []
    lines += [_TWINS.format(count=counted(len(same), "record"))] if same else []
    lines += [_APART.format(one=each.stays, others=", ".join(each.other)) for each in apart[:_SHOWN]]
    return {"same": same, "apart": [[each.stays, *each.other] for each in apart], "removed": removed}, lines


def _document(found: Health) -> dict[str, Any]:
    names = ("part", "kind", "cid", "block", "category", "records", "why")
    return {
        "sound": found.is_sound,
        "known": found.is_known,
        "blocks": found.blocks,
        "bytes": found.bytes,
        "versions": found.versions,
        "faults": [{name: getattr(one, name) for name in names} for one in found.faults],
    }


def compact(ctx: Context) -> None:
    """Make the vault smaller: small segments are merged, and what deleted records held goes. History stays."""
    with ctx.session.vault() as vault, ctx.working("compacting"):
        done = vault.upkeep.compact(lambda at, of: ctx.out.progress(f"compacting: {at:,} of {of:,} segments"))
        waiting, told = _waiting(vault)
    document = {
        "waiting": waiting,
        "segmentsBefore": done.segments_before,
        "segmentsAfter": done.segments_after,
        "versions": done.versions,
        "bundles": done.bundles,
        "files": done.files,
        "bytes": done.bytes,
    }
    rows = [
        ("Segments", f"{done.segments_before:,} became {done.segments_after:,}"),
        (
            "Dropped",
            f"{done.versions:,} versions of deleted records, {done.files:,} files, {done.bundles:,} ended bundles",
        ),
        ("Saved", f"{done.bytes:,} bytes"),
    ]
    ctx.out.result(document, [*table(rows), *told])
