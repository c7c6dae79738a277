"""``notary sponsors``: who may anchor and draw tokens within a budget."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from registry.cli.app import command, group
from registry.cli.context import Context
from registry.cli.notary_context import Dir, folder_of, has_run, stores_of
from registry.cli.options import STANDS_ALONE
from registry.core.scalars import format_utc
from registry.fs.files import replace_file
from registry.notary.folder import require_folder
from registry.notary.protocols import Intake
from registry.notary.records import Sponsor
from registry.present.text import table

MAX_BUDGET = 10**12
Name = Annotated[str, typer.Argument(metavar="NAME", help="The sponsor's name here.")]
Budget = Annotated[
    int, typer.Option("--budget", metavar="N", min=0, max=MAX_BUDGET, help="So many commitments, endings and tokens.")
]


def add_to(notary: typer.Typer) -> None:
    """Add the group of these commands."""
    about = "Sponsors, who may anchor, end and draw tokens within a budget."
    sponsors = group("sponsors", "consent notary sponsors list", owner=notary, help=about)
    command(
        sponsors, "add", "consent notary sponsors add aurelle --budget 100000", options=("force",), without=STANDS_ALONE
    )(add)
    command(sponsors, "list", "consent notary sponsors list", without=STANDS_ALONE)(list_)
    command(sponsors, "budget", "consent notary sponsors budget aurelle --budget 200000", without=STANDS_ALONE)(budget)
    command(sponsors, "remove", "consent notary sponsors remove aurelle", without=STANDS_ALONE)(remove)


def add(
    ctx: Context,
    name: Name,
    limit: Budget,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the key there (mode 0600), and do not show it.")
    ] = None,
    directory: Dir = None,
) -> None:
    """Add a sponsor, and show its key once: the notary keeps only a hash of it.

    The sponsor sends it as `Authorization: Bearer KEY`.
    """
    from registry.notary.sponsors import new_sponsor_key

    ctx.check_out(out)
    key, key_hash = new_sponsor_key()
    with _intake(directory) as intake:
        made = intake.add_sponsor(name, key_hash, limit, int(time.time()))
    if out is None:
        ctx.out.result(_document(made) | {"key": key}, [f"Key  {key}"])
        ctx.out.note(f"It is shown this once. {made.name} sends it as `Authorization: Bearer KEY`.")
        return
    replace_file(out, f"{key}\n".encode())
    ctx.out.result(_document(made) | {"file": str(out)}, [f"The key of {made.name} is in {out}."])


def list_(ctx: Context, directory: Dir = None) -> None:
    """List the sponsors, their budgets, and how much of them is used."""
    folder = folder_of(directory)
    settings = require_folder(folder)
    found = []
    if has_run(folder, settings):
        with stores_of(folder, settings) as stores:
            found = stores.intake.sponsors()
    lines = table(
        (one.name, f"{one.used:,} of {one.budget:,} used, since {format_utc(one.created_at)}") for one in found
    )
    ctx.out.result({"sponsors": [_document(one) for one in found]}, lines or ["no sponsors yet"])


def budget(ctx: Context, name: Name, limit: Budget, directory: Dir = None) -> None:
    """Set a sponsor's budget; what is used stays used."""
    with _intake(directory) as intake:
        found = intake.set_budget(name, limit)
    ctx.out.result(_document(found), [f"{found.name}: {found.used:,} of {found.budget:,} used"])


def remove(ctx: Context, name: Name, directory: Dir = None) -> None:
    """Remove a sponsor; its key opens nothing any more. Tokens that it drew stay good."""
    with _intake(directory) as intake:
        intake.remove_sponsor(name)
    ctx.out.result({"removed": name}, [f"{name} is no sponsor any more."])


@contextmanager
def _intake(directory: Path | None) -> Iterator[Intake]:
    from registry.notary.stores import open_stores

    folder = folder_of(directory)
    yield open_stores(folder, require_folder(folder)).intake


def _document(one: Sponsor) -> dict[str, Any]:
    return {"name": one.name, "budget": one.budget, "used": one.used, "createdAt": one.created_at}
