"""``vault sync``: bring what grants handed over up to date."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from registry.cli.app import command
from registry.cli.commands import evidence_shred
from registry.cli.context import Context
from registry.cli.ui.linked import delivery_json, delivery_rows
from registry.client.party import Person
from registry.client.vault_sync import Synced, could_not_check, sync
from registry.core.errors import ConsentError, LedgerUnavailable
from registry.fs.files import make_folder, replace_file, writing
from registry.present.text import NO, YES, Line, Row, table
from registry.wallets.base import AbsentWallet

SHORT = 14  # characters of a digest, as lists show it


def add_to(vault: typer.Typer) -> None:
    """Add the command to the group of the vault."""
    command(vault, "sync", "consent vault sync --out updates/")(sync_)


def sync_(
    ctx: Context,
    grants: Annotated[
        list[str] | None, typer.Argument(metavar="GRANT", help="Their digests or files; by default all of them.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write an update for each brand here, to hand over.")
    ] = None,
) -> None:
    """Bring what grants handed over up to date: later records, edits and deletions.

    Asks the chain first. What was handed over by a grant that ended gets nothing more, ever; where the chain cannot be
    asked, nothing is written. An update is sealed to its brand, which opens it with `consent open --update`. Evidence
    that another device of yours erased is erased here too.
    """
    digests = [ctx.home.find_grant(each) for each in grants or ()]
    person = _person(ctx)
    done = list[Synced]()
    with ctx.working("reading the chain"):
        for synced in sync(person, digests):
            ctx.out.progress(f"{synced.digest[:SHORT]} is done")
            done.append(synced)
            _print(ctx, synced, _write(out, synced))
    evidence_shred.go_on(ctx)
    if not done:
        ctx.out.result({"grants": 0}, ["No grant handed over anything that goes on."])
    failed = [each.why for each in done if could_not_check(each)]
    failed += [each.undelivered for each in done if each.undelivered is not None]
    if failed:
        raise _first(failed)


def _first(failed: list[ConsentError | None]) -> ConsentError:
    return failed[0] or LedgerUnavailable("a grant could not be checked")


def _person(ctx: Context) -> Person:
    """Return a person who signs nothing: the vault's keys sign what the brand gets."""
    zero = f"0x{'0' * 40}"
    return ctx.session.person(AbsentWallet(zero))


def _write(out: Path | None, synced: Synced) -> Path | None:
    if out is None or not synced.update:
        return None
    file = out / f"{synced.digest}-{synced.number}.update"
    with writing(out):
        make_folder(out)
    replace_file(file, synced.update)
    return file


def _print(ctx: Context, synced: Synced, file: Path | None) -> None:
    document: dict[str, Any] = {"grant": synced.digest, "brand": synced.brand, "state": synced.state}
    document |= {"changed": synced.changed, "number": synced.number, "update": str(file) if file else None}
    document["why"] = None if synced.why is None else str(synced.why)
    document["undelivered"] = None if synced.undelivered is None else str(synced.undelivered)
    document["delivery"] = None if synced.delivery is None else delivery_json(synced.delivery)
    start = f"{synced.digest[:SHORT]}  "
    lines = [Line(f"{start}{synced.brand}: {_said(synced)}", len(start), _STYLES.get(synced.state, ""))]
    lines += [Line(f"{' ' * len(start)}{file}")] * (file is not None)
    lines += table(_delivery(synced, file), len(start))
    ctx.out.result(document, lines)


def _delivery(synced: Synced, file: Path | None) -> list[Row]:
    """Tell what the brand got of it, or how it gets it: a home delivers only what was granted there by a link."""
    if synced.undelivered is not None:
        return [("Not delivered", synced.undelivered)]
    if synced.delivery is not None:
        return delivery_rows(synced.delivery)
    by_hand = "this home delivers nothing to it. Hand over the update (--out FOLDER), or sync the home that granted it."
    return [("Not delivered", by_hand)] if synced.changed and file is None else []


_STYLES = {"live": YES, "unchecked": NO}


def _said(synced: Synced) -> str:
    if synced.state == "live":
        return (
            f"brought up to date, number {synced.number}" if synced.changed else f"nothing new, number {synced.number}"
        )
    what = "ended, nothing more goes there" if synced.state == "ended" else "nothing was written"
    return f"{what}: {synced.why}"
